"""How many subtasks of each task have ended and how long they took, from sums in the batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.runs.models import RunStatus
from storage.runs.tasks import TaskStatus


@dataclass(frozen=True, slots=True)
class TaskTiming:
    """Of one task: its subtasks, how many have completed and what those took in seconds; first queued, last ended.

    `failed` counts those too that are DEAD.
    """

    subtasks: int
    ended: int
    queued: int
    leased: int
    completed: int
    failed: int
    cancelled: int
    seconds: float
    squares: float
    queued_at: datetime
    settled_at: datetime | None

    @property
    def mean(self) -> float | None:
        return self.seconds / self.completed if self.completed else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation, in seconds."""
        if not self.completed:
            return None
        mean = self.seconds / self.completed
        return math.sqrt(max(0.0, self.squares / self.completed - mean * mean))


class TimingStore:
    """Reads `batches`, which `SubtaskStore` keeps."""

    def __init__(self, database: Database) -> None:
        self._batches = database["batches"]
        self._tasks = database["tasks"]
        self._runs = database["runs"]

    async def prepare(self) -> None:
        await self._runs.create_index([("workflow_id", 1), ("status", 1), ("created_at", -1)])

    async def of_run(self, run_id: str) -> dict[str, TaskTiming]:
        """Return the timing of each task of a run that has subtasks."""
        sums = ("total", "queued", "leased", "completed", "failed", "dead", "cancelled", "seconds", "squares")
        group: Document = {"_id": "$task", **{name: {"$sum": f"${name}"} for name in sums}}
        group |= {"queued_at": {"$min": "$created_at"}, "settled_at": {"$max": "$settled_at"}}
        with unavailable_is_ours():
            cursor = await self._batches.aggregate([{"$match": {"run_id": run_id}}, {"$group": group}])
            return {row["_id"]: _timing(row) async for row in cursor}

    async def progress(self, runs: Mapping[str, str | None]) -> dict[str, float]:
        """Return how far each of these runs is, from 0 to 1: the mean of its tasks, each by its accepted subtasks.

        A task that is COMPLETED is at 1, failed parts or not. `runs` names of each the task that cleans up, which does
        not count. One that has told of no task is left out.
        """
        if not runs:
            return {}
        cleaning = [f"{run_id}/{task}" for run_id, task in runs.items() if task is not None]
        mine: Document = {"run_id": {"$in": list(runs)}}
        done = {"$cond": [{"$eq": ["$status", TaskStatus.COMPLETED]}, 1, 0]}
        stages: list[Document] = [
            {"$match": mine | {"is_subtask": False, "_id": {"$nin": cleaning}}},
            {"$project": {"_id": 0, "run": "$run_id", "task": "$name", "done": done}},
            {
                "$unionWith": {
                    "coll": "batches",
                    "pipeline": [
                        {"$match": mine | {"task_id": {"$nin": cleaning}}},
                        {"$project": {"_id": 0, "run": "$run_id", "task": 1, "total": 1, "completed": 1}},
                    ],
                }
            },
            {
                "$group": {
                    "_id": {"run": "$run", "task": "$task"},
                    "done": {"$max": "$done"},
                    "total": {"$sum": "$total"},
                    "completed": {"$sum": "$completed"},
                }
            },
            {"$set": {"part": {"$max": ["$done", {"$divide": ["$completed", {"$max": ["$total", 1]}]}]}}},
            {"$group": {"_id": "$_id.run", "progress": {"$avg": "$part"}}},
        ]
        with unavailable_is_ours():
            return {row["_id"]: float(row["progress"]) async for row in await self._tasks.aggregate(stages)}

    async def last_completed(self, workflow_id: str) -> str | None:
        """Return the id of a workflow's newest run that is COMPLETED."""
        query = {"workflow_id": workflow_id, "status": RunStatus.COMPLETED}
        with unavailable_is_ours():
            document = await self._runs.find_one(query, {"_id": 1}, sort=[("created_at", -1)])
        return document["_id"] if document else None


def _timing(row: Document) -> TaskTiming:
    ended = row["completed"] + row["failed"] + row["dead"] + row["cancelled"]
    return TaskTiming(
        subtasks=row["total"],
        ended=ended,
        queued=row["queued"],
        leased=row["leased"],
        completed=row["completed"],
        failed=row["failed"] + row["dead"],
        cancelled=row["cancelled"],
        seconds=row["seconds"],
        squares=row["squares"],
        queued_at=row["queued_at"],
        settled_at=row["settled_at"] if ended == row["total"] else None,
    )
