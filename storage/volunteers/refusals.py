"""Subtasks that machines refused: find them, and fail them when no machine is left that would take them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import UpdateOne

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Ledger, Transaction
from storage.subtasks import changes, documents
from storage.subtasks.models import SubtaskStatus
from storage.volunteers.store import online

REFUSED = "RefusedByAll"
WAITED = timedelta(seconds=3)
"""How long a subtask has waited since its last refusal: a machine that was busy may take it yet."""
SUBTASKS_A_LOOK = 2_000


@dataclass(frozen=True, slots=True)
class RefusedTask:
    """A task some of whose waiting subtasks were refused, and the volunteers online whose machines are large enough.

    `refused` are those by subtask that have refused it; `total` and `completed` count all its subtasks.
    """

    id: str
    total: int
    completed: int
    refused: Mapping[str, Set[str]]
    machines: Set[str]


class RefusalStore:
    """The `refused_by` of QUEUED subtasks."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._volunteers = database["volunteers"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._tasks.create_index(
            [("updated_at", 1)],
            name="refused",
            partialFilterExpression={"status": SubtaskStatus.QUEUED, "refused_by.0": {"$exists": True}},
        )

    async def tasks(self, *, now: datetime) -> Sequence[RefusedTask]:
        """Return tasks with subtasks that were refused and wait since. Costs a look at an index if there are none."""
        waiting = {**_REFUSED, "updated_at": {"$lt": now - WAITED}}
        by_task: defaultdict[str, dict[str, Set[str]]] = defaultdict(dict)
        with unavailable_is_ours():
            found = self._tasks.find(waiting, {"parent_task_id": 1, "refused_by": 1}).sort("updated_at", 1)
            async for item in found.limit(SUBTASKS_A_LOOK):
                by_task[item["parent_task_id"]][item["_id"]] = set(item["refused_by"])
            if not by_task:
                return []
            tasks = await (await self._batches.aggregate(_counted(by_task))).to_list()
            machines = await self._volunteers.find(online(now), {"machine": 1}).to_list()
        return [
            RefusedTask(
                task["_id"],
                task["total"],
                task["completed"],
                by_task[task["_id"]],
                {item["_id"] for item in machines if _is_large_enough(item["machine"], task["asked"])},
            )
            for task in tasks
        ]

    async def give_up(self, task_id: str, subtasks: Collection[str] | None, *, now: datetime) -> int:
        """Fail these of a task's subtasks that still wait, None: all that do; return how many.

        Some thousand at most; call it again for the others. Repeating is harmless.
        """

        async def fail(tx: Transaction) -> int:
            waiting: Document = {"parent_task_id": task_id, "status": SubtaskStatus.QUEUED}
            if subtasks is not None:
                waiting |= {**_REFUSED, "_id": {"$in": list(subtasks)}}
            shown = {"batch": 1, "index": 1, "attempts": {"$slice": -3}}
            found = self._tasks.find(waiting, shown, session=tx.session)
            rows = await found.limit(SUBTASKS_A_LOOK).to_list()
            if not rows:
                return 0
            last = next((reason for row in rows if (reason := _reason(row))), "no reason was given")
            updates = [
                UpdateOne({"_id": row["_id"]}, changes.timed_out(_error(_reason(row) or last), now)) for row in rows
            ]
            await self._tasks.bulk_write(updates, ordered=False, session=tx.session)
            counts = Counter(row["batch"] for row in rows)
            await self._batches.bulk_write(
                [
                    UpdateOne({"_id": batch}, changes.counted(Counter(queued=-count, failed=count), now))
                    for batch, count in counts.items()
                ],
                ordered=False,
                session=tx.session,
            )
            run_id, task = task_id.split("/", 1)
            ranges = documents.ranges(row["index"] for row in rows)
            tx.emit("subtasks.given_up", now, run_id=run_id, task=task, error=REFUSED, ranges=ranges)
            return len(rows)

        return await self._ledger.write(fail)


def _counted(task_ids: Collection[str]) -> list[Document]:
    """Return how to count the subtasks of these tasks, of those that may be lent."""
    totals = {name: {"$sum": f"${name}"} for name in ("total", "completed")}
    group = {"_id": "$task_id", **totals, "asked": {"$first": "$required_resources"}, "lending": {"$max": "$lending"}}
    # The index of batches begins with their run and task.
    keys = [dict(zip(("run_id", "task"), task_id.split("/", 1), strict=True)) for task_id in task_ids]
    return [{"$match": {"$or": keys}}, {"$group": group}, {"$match": {"lending": True}}]


_REFUSED: Document = {"status": SubtaskStatus.QUEUED, "refused_by.0": {"$exists": True}}


def _is_large_enough(machine: Document, asked: Document) -> bool:
    cores = max(float(machine["cpu"]), 1.0)
    enough = machine["memory"] >= asked["memory"] and machine["storage"] >= asked["storage"]
    return bool(cores >= asked["cpu"] and enough)


def _reason(subtask: Document) -> str:
    """Return why the last machine has refused it, as far as that is kept."""
    errors = [attempt["error"] for attempt in subtask["attempts"] if attempt.get("error")]
    return f"{errors[-1]['type']}: {errors[-1]['message']}" if errors else ""


def _error(reason: str) -> Document:
    message = f"every machine online that is large enough for it has refused it; the last: {reason}"
    return {"type": REFUSED, "message": message, "stderr": ""}
