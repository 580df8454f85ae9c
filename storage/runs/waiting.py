"""What a run waits for: queued work by required resources, the ends of waits, and the machines online."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.values import EqualMachines, QueuedWork
from storage.volunteers.store import online


@dataclass(frozen=True, slots=True)
class BetweenTries:
    """Subtasks of batches that settled with failures at their `tries`-th try, the first of them at `since`."""

    task: str
    tries: int
    count: int
    since: datetime


class WaitingStore:
    """Reads `batches`, `tasks` and `volunteers`; never a subtask."""

    def __init__(self, database: Database) -> None:
        self._batches = database["batches"]
        self._tasks = database["tasks"]
        self._volunteers = database["volunteers"]

    async def queued(self, run_id: str) -> Sequence[QueuedWork]:
        """Return what of a run's subtasks has not ended, by task and demand."""
        ended = {"$add": ["$completed", "$failed", "$dead", "$cancelled"]}
        group: Document = {
            "_id": {"task": "$task", "asked": "$required_resources", "lending": "$lending"},
            "queued": {"$sum": "$queued"},
            "leased": {"$sum": "$leased"},
            "checking": {"$sum": {"$subtract": ["$total", {"$add": ["$queued", "$leased", ended]}]}},
        }
        with unavailable_is_ours():
            rows = await self._batches.aggregate(
                [{"$match": {"run_id": run_id, "settled": False}}, {"$group": group}, {"$sort": {"_id.task": 1}}]
            )
            return [
                QueuedWork(
                    task=row["_id"]["task"],
                    queued=row["queued"],
                    leased=row["leased"],
                    checking=row["checking"],
                    cpu=row["_id"]["asked"]["cpu"],
                    memory=row["_id"]["asked"]["memory"],
                    storage=row["_id"]["asked"]["storage"],
                    lending=row["_id"]["lending"],
                )
                async for row in rows
            ]

    async def between_tries(self, run_id: str, tasks: Collection[str]) -> Sequence[BetweenTries]:
        """Return which batches of these tasks have settled with failures; some may be tried again."""
        failed = {"$or": [{"failed": {"$gt": 0}}, {"dead": {"$gt": 0}}]}
        match = {"run_id": run_id, "task": {"$in": list(tasks)}, "settled": True, **failed}
        again = {"$subtract": [{"$add": ["$failed", "$dead"]}, {"$ifNull": ["$aside", 0]}]}
        group: Document = {
            "_id": {"task": "$task", "tries": "$tries"},
            "count": {"$sum": again},
            "since": {"$min": "$settled_at"},
        }
        with unavailable_is_ours():
            some = {"count": {"$gt": 0}}
            rows = await self._batches.aggregate([{"$match": match}, {"$group": group}, {"$match": some}])
            return [
                BetweenTries(row["_id"]["task"], row["_id"]["tries"], row["count"], row["since"]) async for row in rows
            ]

    async def ends(self, run_id: str, tasks: Collection[str]) -> dict[str, datetime]:
        """Return until when these tasks wait, of those that do not wait for ever and are not paused."""
        ids = [f"{run_id}/{name}" for name in tasks]
        found: dict[str, datetime] = {}
        with unavailable_is_ours():
            waiting = {"_id": {"$in": ids}, "is_subtask": False, "held_since": {"$exists": False}}
            async for task in self._tasks.find(waiting, {"name": 1, "plan": 1}):
                plan = json.loads(task.get("plan") or "{}")
                if plan.get("until") is not None:
                    found[task["name"]] = datetime.fromisoformat(plan["until"])
        return found

    async def machines(self, *, now: datetime) -> Sequence[EqualMachines]:
        """Return what the volunteers offer who are ONLINE. It costs a look at each of them."""
        offered = {name: f"$machine.{name}" for name in ("cpu", "memory", "storage")}
        with unavailable_is_ours():
            rows = await self._volunteers.aggregate(
                [
                    {"$match": online(now)},
                    {"$group": {"_id": offered, "count": {"$sum": 1}, "slots": {"$sum": "$slots"}}},
                ]
            )
            return [
                EqualMachines(
                    row["count"], row["slots"], row["_id"]["cpu"], row["_id"]["memory"], row["_id"]["storage"]
                )
                async for row in rows
            ]
