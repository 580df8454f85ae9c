"""How subtasks and batches look in MongoDB: documents made and read, and the changes one makes to them."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from njangi_agent.protocol import Held, Outcome, Report

from storage.database import Document
from storage.subtasks.models import (
    BUCKETS,
    MAX_LOSSES,
    REMEMBERED_ATTEMPTS,
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
    VolunteerReport,
    Wrote,
)

RESULTS_A_COMMAND = 3 * 1024 * 1024
"""How many characters of results one update takes, of at most four bytes each."""
EXCERPT = 4096
"""How many characters of what an attempt wrote lie in its subtask; what is longer lies in `logs`, whole."""
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
FOR_REPORT = {
    "parent_task_id": 1,
    "run_id": 1,
    "name": 1,
    "index": 1,
    "batch": 1,
    "status": 1,
    "lease": 1,
    "losses": 1,
    "attempt": 1,
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
        limits |= {"schedule_to_start": task.schedule_to_start, "start_by": _after(now, task.schedule_to_start)}
    if task.schedule_to_close is not None:
        limits |= {"schedule_to_close": task.schedule_to_close, "close_by": _after(now, task.schedule_to_close)}
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


def _after(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def queued_again(batch: Document, now: datetime) -> Document:
    """Return the fields of a batch of which some subtasks are queued again; those that wait already wait on."""
    seconds = batch.get("schedule_to_start")
    if seconds is None or batch["queued"] > 0:
        return {"opened_at": now}
    return {"opened_at": now, "start_by": _after(now, seconds)}


def holds(subtask: Document, volunteer_id: str, token: str) -> bool:
    """Whether the report is of the attempt that holds, or that ended, this subtask."""
    lease = subtask.get("lease") or {}
    current = lease.get("token") == token and lease.get("by") == volunteer_id
    return current and subtask["status"] in (SubtaskStatus.LEASED, SubtaskStatus.COMPLETED, SubtaskStatus.FAILED)


def commands(returned: Sequence[Report]) -> list[list[Report]]:
    """Return the reports in parts of which one update can hold the results: a command has 16 MiB at most."""
    parts: list[list[Report]] = [[]]
    size = 0
    for report in returned:
        own_size = len(report.result or "") + 5 * len(report.subtask_id)
        own_size += 0 if _is_long(report) else len(report.stdout) + len(report.stderr)
        if parts[-1] and size + own_size > RESULTS_A_COMMAND:
            parts.append([])
            size = 0
        parts[-1].append(report)
        size += own_size
    return parts


def completed(returned: Sequence[Report], now: datetime) -> list[Document]:
    """Return the one update for many accepted results: each subtask picks its own by its id."""
    place = {"$indexOfArray": [{"$literal": [report.subtask_id for report in returned]}, "$_id"]}

    def own(values: list[Any]) -> Document:
        return {"$arrayElemAt": [{"$literal": values}, place]}

    ended: Document = {"seconds": own([report.seconds for report in returned])}
    if any(report.stdout_bytes or report.stderr_bytes for report in returned):
        ended["wrote"] = own([_wrote(report) for report in returned])
    changed: Document = {
        "status": SubtaskStatus.COMPLETED,
        "results": own([report.result for report in returned]),
        "progress": 1.0,
        "updated_at": now,
        "lease.until": None,
        "attempts": _with_attempt(Outcome.RETURNED, ended, now),
    }
    if any(report.blob for report in returned):
        changed["blob"] = own([report.blob for report in returned])
    return [{"$set": changed}, {"$unset": ["details", "details_blob"]}]


def extended(until: datetime) -> list[Document]:
    """Return the one update that extends many leases, each at most to its own latest end."""
    return [{"$set": {"lease.until": {"$max": ["$lease.until", {"$min": [until, "$lease.latest"]}]}}}]


def told(held: Held) -> Document:
    """Return the change that keeps what an attempt tells with its heartbeat."""
    changed: Document = {}
    if held.details is not None or held.details_blob is not None:
        changed = {"details": held.details, "details_blob": held.details_blob}
    if held.progress is not None:
        changed["progress"] = held.progress
    return {"$set": changed}


def _with_attempt(outcome: str, more: Document, now: datetime) -> Document:
    ended = {
        "volunteer": "$lease.by",
        "token": "$lease.token",
        "from": "$lease.from",
        "to": now,
        "outcome": outcome,
        **more,
    }
    return {"$slice": [{"$concatArrays": ["$attempts", [ended]]}, -REMEMBERED_ATTEMPTS]}


def called_back(now: datetime) -> list[Document]:
    """Return the one update for attempts that are called back: no loss is counted, and what they return is stale."""
    changed: Document = {
        "status": SubtaskStatus.QUEUED,
        "updated_at": now,
        "attempts": _with_attempt(Outcome.HANDED_BACK, {}, now),
    }
    return [{"$set": changed}, {"$unset": ["lease", "assigned_to"]}]


def not_returned(subtask: Document, item: VolunteerReport, now: datetime) -> tuple[SubtaskStatus, Document]:
    """Return where a failed, refused or handed-back attempt leaves its subtask, and the change."""
    report = item.report
    error: Document | None = None
    if report.error is not None:
        error = {"type": report.error.type, "message": report.error.message}
    if report.outcome is Outcome.FAILED:
        error = error or {"type": "Unknown", "message": "the agent gave no reason"}
        told = {**error, "stderr": report.stderr[-EXCERPT:]}
        changed = {"status": SubtaskStatus.FAILED, "updated_at": now, "error": told, "lease.until": None}
        ended = _ended(subtask, report.outcome, error, now, _wrote(report))
        return SubtaskStatus.FAILED, {"$set": changed, "$push": ended}
    status, change = lost(subtask, report.outcome, error, now, _wrote(report))
    if report.outcome is Outcome.REFUSED:
        change["$addToSet"] = {"refused_by": item.volunteer_id}
    return status, change


def expired(subtask: Document, now: datetime) -> tuple[SubtaskStatus, Document]:
    """Return where a lease that has run out leaves its subtask, and the change; the history says which limit it was."""
    return lost(subtask, limit_passed(subtask), None, now)


def limit_passed(subtask: Document) -> str:
    """Return what becomes of an attempt whose lease has run out: it was silent, or took longer than an attempt may."""
    until, latest = subtask["lease"]["until"], subtask["lease"].get("latest")
    return "TIMED_OUT" if latest is not None and until >= latest else "EXPIRED"


def timed_out(error: Document, now: datetime, subtask: Document | None = None) -> Document:
    """Return the change of subtasks whose time is over: of any that wait, or of the one whose attempt is under way."""
    change: Document = {
        "$set": {"status": SubtaskStatus.FAILED, "updated_at": now, "error": error},
        "$unset": {"lease": "", "assigned_to": ""},
    }
    if subtask is not None:
        change["$push"] = _ended(subtask, "TIMED_OUT", error, now)
    return change


def lost(
    subtask: Document, outcome: str, error: Document | None, now: datetime, wrote: Document | None = None
) -> tuple[SubtaskStatus, Document]:
    """Return where losing its attempt leaves a subtask (QUEUED, at last DEAD), and the change."""
    losses = subtask.get("losses", 0) + (0 if outcome == Outcome.HANDED_BACK else 1)
    status = SubtaskStatus.DEAD if losses >= MAX_LOSSES else SubtaskStatus.QUEUED
    changed: Document = {"status": status, "updated_at": now, "losses": losses}
    if status is SubtaskStatus.DEAD:
        message = f"lost by {losses} volunteers; last: {error['message'] if error else outcome}"
        changed["error"] = {"type": "Lost", "message": message, "stderr": ""}
    change: Document = {
        "$set": changed,
        "$unset": {"lease": "", "assigned_to": ""},
        "$push": _ended(subtask, outcome, error, now, wrote),
    }
    return status, change


def _ended(
    subtask: Document, outcome: str, error: Document | None, now: datetime, wrote: Document | None = None
) -> Document:
    lease = subtask["lease"]
    attempt: Document = {
        "volunteer": lease["by"],
        "token": lease["token"],
        "from": lease["from"],
        "to": now,
        "outcome": outcome,
    }
    if error is not None:
        attempt["error"] = error
    if wrote is not None:
        attempt["wrote"] = wrote
    return {"attempts": {"$each": [attempt], "$slice": -REMEMBERED_ATTEMPTS}}


def _is_long(report: Report) -> bool:
    return len(report.stdout) + len(report.stderr) > EXCERPT


def _wrote(report: Report) -> Document | None:
    """Return what the subtask keeps of what an attempt wrote, None if that was nothing."""
    if not report.stdout_bytes and not report.stderr_bytes:
        return None
    texts = {name: text for name, text in (("stdout", report.stdout), ("stderr", report.stderr)) if text}
    counts = {"stdout_bytes": report.stdout_bytes, "stderr_bytes": report.stderr_bytes}
    return counts | ({"in_logs": list(texts)} if _is_long(report) else texts)


def log(subtask: Document, report: Report) -> Document | None:
    """Return the document in `logs` for what an attempt wrote, None if that is short enough for its subtask.

    It takes the place of the one of an attempt that its subtask no longer remembers.
    """
    if not _is_long(report):
        return None
    return {
        "_id": f"{subtask['_id']}/{subtask['attempt'] % REMEMBERED_ATTEMPTS}",
        "parent_task_id": subtask["parent_task_id"],
        "index": subtask["index"],
        "token": report.token,
        "stdout": report.stdout,
        "stderr": report.stderr,
    }


def took(subtask: Document, report: Report, now: datetime) -> float:
    """Return the seconds that an attempt took by its volunteer's word, which cannot be more than since it was lent."""
    lent: datetime = subtask["lease"]["from"]
    return min(max(0.0, report.seconds), max(0.0, (now - lent).total_seconds()))


def counted(change: Counter[str], now: datetime, seconds: Sequence[float] = ()) -> list[Document]:
    """Return the update that moves a batch's counters and says whether it is settled by that.

    `seconds` are what those took that have completed.
    """
    moved: Document = {name: {"$add": [f"${name}", by]} for name, by in change.items() if by}
    if seconds:
        moved["seconds"] = {"$add": [{"$ifNull": ["$seconds", 0.0]}, sum(seconds)]}
        moved["squares"] = {"$add": [{"$ifNull": ["$squares", 0.0]}, sum(value * value for value in seconds)]}
    moved["v"] = {"$add": ["$v", 1]}
    if change["queued"] > 0:
        moved |= _waiting_from(now, {"$eq": ["$queued", 0]})
    ended = {"$add": ["$completed", "$failed", "$dead", "$cancelled"]}
    settled = {"$eq": [ended, "$total"]}
    return [{"$set": moved}, {"$set": {"settled": settled, "settled_at": {"$cond": [settled, now, None]}}}]


def _waiting_from(now: datetime, all_wait_anew: Any) -> Document:
    milliseconds = {"$multiply": ["$schedule_to_start", 1000]}
    anew = {"$cond": [all_wait_anew, {"$add": [now, milliseconds]}, "$start_by"]}
    limited = {"$gt": ["$schedule_to_start", None]}
    return {"opened_at": now, "start_by": {"$cond": [limited, anew, "$$REMOVE"]}}


def asked_for(now: datetime, lending: bool) -> list[Document]:
    """Return the one update for batches that a flow asks for which began anew: they are lent if others of it are."""
    held = [{"$set": {"held_since": {"$ifNull": ["$held_since", now]}}}]
    return [*(lending_again(now) if lending else held), {"$unset": "unasked"}]


def lending_again(now: datetime) -> list[Document]:
    """Return the one update that lets many batches lend again; their subtasks wait anew, attempts under way go on.

    What limits the whole moves by as long as they were held.
    """
    held = {"$subtract": [now, {"$ifNull": ["$held_since", now]}]}
    limited = {"$gt": ["$close_by", None]}
    moved = {"close_by": {"$cond": [limited, {"$add": ["$close_by", held]}, "$$REMOVE"]}}
    changed = {"lending": True, "lent_from": now, "v": {"$add": ["$v", 1]}, **_waiting_from(now, True), **moved}
    return [{"$set": changed}, {"$unset": ["stopping", "held_since"]}]


def is_overdue(batch: Document, now: datetime) -> bool:
    """Whether the time of the whole batch is over; it stands still while the batch is held."""
    return "close_by" in batch and bool(batch["close_by"] < batch.get("held_since", now))


def begun_again(batch: Document, now: datetime) -> Document:
    """Return the fields of a batch whose subtasks are queued as if for the first time."""
    fields: Document = {"tries": 1, "settled": False, "failed": 0, "dead": 0, "cancelled": 0}
    if "schedule_to_close" in batch:
        fields["close_by"] = _after(now, batch["schedule_to_close"])
    return fields | queued_again(batch, now)


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


def lent(assignment: Assignment, token: str, now: datetime) -> list[Document]:
    """Return the one update that lends many subtasks: each under a token of its own, `{token}-{index}`."""
    lease = {
        "token": {"$concat": [token, "-", {"$toString": "$index"}]},
        "by": assignment.volunteer_id,
        "from": now,
        "until": assignment.until,
        "latest": assignment.latest,
    }
    changed = {
        "status": SubtaskStatus.LEASED,
        "lease": lease,
        "assigned_to": assignment.volunteer_id,
        "updated_at": now,
        "attempt": {"$add": ["$attempt", 1]},
    }
    return [{"$set": changed}]


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
