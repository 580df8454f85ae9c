"""How subtasks and batches look in MongoDB: making and reading documents. `changes` makes the updates."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from njangi_agent.protocol import Outcome

from storage.database import Document
from storage.subtasks.models import (
    BUCKETS,
    Assignment,
    Attempt,
    Batch,
    Leased,
    NewBatch,
    NewSubtask,
    StoredCall,
    Subtask,
    SubtaskStatus,
    TaskKey,
    Wrote,
)

_REPORTED = (Outcome.RETURNED, Outcome.FAILED, Outcome.REFUSED)
FOR_LEASE = {
    "parent_task_id": 1,
    "index": 1,
    "attempt": 1,
    "parameters": 1,
    "parameters_blob": 1,
    "details": 1,
    "details_blob": 1,
}


def subtask_id(task_id: str, index: int) -> str:
    return f"{task_id}/{index}"


def batch_id(task_id: str, index: int) -> str:
    return f"{task_id}/b{index}"


def contents(batch: NewBatch) -> bytes:
    """Return the SHA-256 of what a batch holds: of its parameters if that is one subtask, else of all of theirs."""
    digests = [_digest(subtask) for subtask in batch.subtasks]
    if len(digests) == 1:
        return digests[0]
    whole = hashlib.sha256()
    for subtask, digest in zip(batch.subtasks, digests, strict=True):
        whole.update(b"%d:%b" % (subtask.index, digest))
    return whole.digest()


def _digest(subtask: NewSubtask) -> bytes:
    if subtask.parameters_blob is not None:
        return bytes.fromhex(subtask.parameters_blob)
    return hashlib.sha256((subtask.parameters or "{}").encode()).digest()


def queued(task: TaskKey, batch: NewBatch, new: NewSubtask, now: datetime, hold: int) -> Document:
    """Return a new subtask, written under the `hold`-th run lease of its run."""
    document: Document = {
        "_id": subtask_id(task.task_id, new.index),
        "run_id": task.run_id,
        "workflow_id": task.workflow_id,
        "parent_task_id": task.task_id,
        "is_subtask": True,
        "name": task.name,
        "index": new.index,
        "batch": batch_id(task.task_id, batch.index),
        "bucket": random.randrange(BUCKETS),
        "priority": task.priority,
        "status": SubtaskStatus.QUEUED,
        "hold": hold,
        "attempt": 0,
        "losses": 0,
        "progress": 0.0,
        "attempts": [],
        "created_at": now,
        "updated_at": now,
    }
    if new.parameters_blob is not None:
        document["parameters_blob"] = new.parameters_blob
    else:
        document["parameters"] = new.parameters or "{}"
    return document


def opened(task: TaskKey, new: NewBatch, now: datetime, *, owner: str, lending: bool, generation: int) -> Document:
    indexes = [subtask.index for subtask in new.subtasks]
    limits: Document = {}
    if task.schedule_to_start is not None:
        limits |= {"schedule_to_start": task.schedule_to_start, "start_by": after(now, task.schedule_to_start)}
    if task.schedule_to_close is not None:
        limits |= {"schedule_to_close": task.schedule_to_close, "close_by": after(now, task.schedule_to_close)}
    return limits | {
        "_id": batch_id(task.task_id, new.index),
        "run_id": task.run_id,
        "owner": owner,
        "task_id": task.task_id,
        "task": task.name,
        "index": new.index,
        "first": min(indexes),
        "last": max(indexes),
        "total": len(indexes),
        "queued": len(indexes),
        "leased": 0,
        "completed": 0,
        "failed": 0,
        "dead": 0,
        "cancelled": 0,
        "seconds": 0.0,  # what the completed ones took, and the sum of the squares of that
        "squares": 0.0,
        "tries": 1,
        "settled": False,
        "lending": lending,
        **({} if lending else {"held_since": now}),
        "contents": contents(new),
        "generation": generation,
        "v": 1,
        "priority": task.priority,
        "required_resources": {"cpu": task.cpu, "memory": task.memory, "storage": task.storage},
        "created_at": now,
        "opened_at": now,
    }


def of_batch(batch: Document) -> Document:
    """Return the filter for a batch's subtasks."""
    return {
        "parent_task_id": batch["task_id"],
        "index": {"$gte": batch["first"], "$lte": batch["last"]},
        "batch": batch["_id"],
    }


def after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class AttemptGroup:
    """Subtasks whose attempts ended alike: one event."""

    run_id: str
    task: str
    volunteer_id: str
    outcome: str
    status: SubtaskStatus

    @property
    def event(self) -> str:
        """What became of the subtasks, or, when they go on, of the attempts at them."""
        ended = self.status in (SubtaskStatus.COMPLETED, SubtaskStatus.FAILED)
        return f"subtasks.{(self.status if ended else self.outcome).lower()}"


def grouped(
    moves: Mapping[str, SubtaskStatus], found: Mapping[str, Document], outcome: Callable[[str], str]
) -> Mapping[AttemptGroup, list[int]]:
    """Gather the indexes of moved subtasks by what their attempts came to; `outcome` is asked by subtask id."""
    groups: defaultdict[AttemptGroup, list[int]] = defaultdict(list)
    for id_, status in moves.items():
        subtask = found[id_]
        group = AttemptGroup(subtask["run_id"], subtask["name"], subtask["lease"]["by"], outcome(id_), status)
        groups[group].append(subtask["index"])
    return groups


def ranges(indexes: Iterable[int]) -> list[list[int]]:
    """Return indexes as runs of neighbours, `[first, last]` each, in order."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return runs


def leased(document: Document, assignment: Assignment, token: str) -> Leased:
    return Leased(
        subtask_id=document["_id"],
        task_id=document["parent_task_id"],
        volunteer_id=assignment.volunteer_id,
        token=f"{token}-{document['index']}",
        attempt=document["attempt"] + 1,
        parameters=document.get("parameters"),
        parameters_blob=document.get("parameters_blob"),
        details=document.get("details"),
        details_blob=document.get("details_blob"),
    )


def batch(document: Document) -> Batch:
    return Batch(
        id=document["_id"],
        run_id=document["run_id"],
        task=document["task"],
        index=document["index"],
        first=document["first"],
        total=document["total"],
        queued=document["queued"],
        leased=document["leased"],
        completed=document["completed"],
        failed=document["failed"],
        dead=document["dead"],
        cancelled=document["cancelled"],
        tries=document["tries"],
        settled=document["settled"],
        aside=document.get("aside", 0),
    )


def call(document: Document) -> StoredCall:
    ended_badly = document["settled"] and document["failed"] + document["dead"] > 0
    return StoredCall(document["index"], document.get("contents"), document["tries"] - (not ended_badly))


def subtask(document: Document, logs: Mapping[str, Document] = MappingProxyType({})) -> Subtask:
    """Read a subtask; `logs` are its documents in `logs` by token, where what they hold is wanted."""
    return Subtask(
        id=document["_id"],
        run_id=document["run_id"],
        task=document["name"],
        index=document["index"],
        batch=document["batch"],
        status=SubtaskStatus(document["status"]),
        attempt=document["attempt"],
        assigned_to=document.get("assigned_to"),
        attempts=[attempt(item, logs) for item in document["attempts"]],
        error=document.get("error") if document["status"] != SubtaskStatus.COMPLETED else None,
        result=document.get("results"),
        blob=document.get("blob"),
        updated_at=document["updated_at"],
        progress=document["progress"],
    )


def has_logs(document: Document) -> bool:
    return any((item.get("wrote") or {}).get("in_logs") for item in document["attempts"])


def attempt(item: Document, logs: Mapping[str, Document] = MappingProxyType({})) -> Attempt:
    return Attempt(
        volunteer_id=item["volunteer"],
        token=item["token"],
        started_at=item["from"],
        ended_at=item["to"],
        outcome=item["outcome"],
        error=item.get("error"),
        wrote=_wrote_of(item, logs.get(item["token"])),
    )


def _wrote_of(item: Document, log: Document | None) -> Wrote:
    if item["outcome"] not in _REPORTED:
        return Wrote()
    wrote = item.get("wrote") or {}
    if not wrote:  # nothing, or it was kept before standard output was
        stderr = item.get("stderr") or (item.get("error") or {}).get("stderr", "")
        return Wrote("", stderr, 0, len(stderr))
    in_logs = wrote.get("in_logs", ())
    texts = {name: (log or {}).get(name) if name in in_logs else wrote.get(name, "") for name in ("stdout", "stderr")}
    is_result = item["outcome"] == Outcome.RETURNED and wrote["stdout_bytes"] > 0 and texts["stdout"] == ""
    stdout = None if is_result else texts["stdout"]
    return Wrote(stdout, texts["stderr"], wrote["stdout_bytes"], wrote["stderr_bytes"], is_result)
