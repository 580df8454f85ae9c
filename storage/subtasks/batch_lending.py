"""Hold batches back and release them: the dispatcher does not look at a batch that is held back.

Everything here is part of a transaction that says on the run, in the same breath, why (see `storage.runs.controls`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Transaction
from storage.sharing import EVERYBODY
from storage.subtasks import changes, documents
from storage.subtasks.failures import UNKNOWN
from storage.subtasks.models import SubtaskStatus
from storage.subtasks.transaction_sizes import BATCHES_A_PIECE, SUBTASKS_A_PIECE, piece

_FAILED, _DEAD = SubtaskStatus.FAILED, SubtaskStatus.DEAD
_NOT_DONE = [_FAILED, _DEAD, SubtaskStatus.CANCELLED]
_NOT_DONE_COUNTERS = ("failed", "dead", "cancelled")


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A subtask that a volunteer holds since then, until then unless its agent is heard of."""

    run_id: str
    task: str
    index: int
    since: datetime
    until: datetime


class LendingStore:
    """The batches of a run or of one of its tasks, and their subtasks, as a whole."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._logs = database["logs"]
        self._runs = database["runs"]

    async def stop(self, tx: Transaction, run_id: str, task: str | None = None, *, now: datetime) -> None:
        """Lend none of the run's subtasks, or of one task's; attempts under way may finish.

        Time stands still for its limits until it is lent again.
        """
        of_run = {"run_id": run_id, "lending": True} | ({"task": task} if task is not None else {})
        held = {"$set": {"lending": False, "held_since": now}, "$inc": {"v": 1}}
        await self._batches.update_many(of_run, held, session=tx.session)

    async def start(
        self, tx: Transaction, run_id: str, task: str | None = None, *, but: Collection[str] = (), now: datetime
    ) -> None:
        """Lend again, but nothing of the tasks in `but`, nor of what is being cancelled or no flow asks for."""
        tasks: Document = {"$nin": list(but)} if task is None else {"$eq": task, "$nin": list(but)}
        await self._batches.update_many(
            {
                "run_id": run_id,
                "task": tasks,
                "lending": False,
                "stopping": {"$ne": "cancel"},
                "unasked": {"$ne": True},
            },
            changes.lending_again(now),
            session=tx.session,
        )

    async def hold_back(self, run_id: str) -> None:
        """Lend what has not ended of an engineer's run only once its flow, which began anew, asks for it again.

        Which calls the flow makes this time, and of which functions, only it knows. Attempts under way may finish.
        """
        open_ = {"run_id": run_id, "settled": False, "unasked": {"$ne": True}}
        with unavailable_is_ours():
            await self._batches.update_many(open_, {"$set": {"lending": False, "unasked": True}, "$inc": {"v": 1}})

    async def held_by(self, volunteer_id: str) -> int:
        """Return how many subtasks a volunteer holds."""
        with unavailable_is_ours():
            return await self._tasks.count_documents(_held_by(volunteer_id))

    async def held_by_each(self, volunteer_ids: Collection[str]) -> Mapping[str, int]:
        """Return how many subtasks each of these volunteers holds; one that holds nothing is left out."""
        held = {"$match": _held_by({"$in": list(volunteer_ids)})}
        counted = {"$group": {"_id": "$lease.by", "count": {"$sum": 1}}}
        with unavailable_is_ours():
            return {item["_id"]: item["count"] async for item in await self._tasks.aggregate([held, counted])}

    async def leases_of(self, volunteer_id: str, *, reader: str | None, limit: int) -> Sequence[HeldLease]:
        """Return what a volunteer holds, what ends first first; of runs that `reader` may read (None: any)."""
        query = _held_by(volunteer_id)
        shown = {"run_id": 1, "name": 1, "index": 1, "lease.from": 1, "lease.until": 1}
        with unavailable_is_ours():
            if reader is not None:
                theirs = {"_id": {"$in": await self._tasks.distinct("run_id", query)}}
                may_read = {**theirs, "readers": {"$in": [reader, EVERYBODY]}}
                query["run_id"] = {"$in": [run["_id"] async for run in self._runs.find(may_read, {"_id": 1})]}
            found = self._tasks.find(query, shown).sort("lease.until", 1).limit(limit)
            return [
                HeldLease(item["run_id"], item["name"], item["index"], item["lease"]["from"], item["lease"]["until"])
                async for item in found
            ]

    async def call_back_from(self, tx: Transaction, volunteer_id: str, *, now: datetime) -> int:
        """Put back in the queue what a volunteer holds; what its attempts return becomes stale, and no loss."""
        held: defaultdict[str, list[Document]] = defaultdict(list)
        async for subtask in self._tasks.find(_held_by(volunteer_id), {"batch": 1, "index": 1}, session=tx.session):
            held[subtask["batch"]].append(subtask)
        ids = [subtask["_id"] for subtasks in held.values() for subtask in subtasks]
        if ids:
            await self._tasks.update_many({"_id": {"$in": ids}}, changes.called_back(now), session=tx.session)
        async for batch in self._batches.find({"_id": {"$in": list(held)}}, session=tx.session):
            indexes = [subtask["index"] for subtask in held[batch["_id"]]]
            count = len(indexes)
            await self._batches.update_one(
                {"_id": batch["_id"]},
                {"$inc": {"queued": count, "leased": -count, "v": 1}, "$set": changes.queued_again(batch, now)},
                session=tx.session,
            )
            told = {"task": batch["task"], "batch": batch["index"], "ranges": documents.ranges(indexes)}
            tx.emit("subtasks.called_back", now, run_id=batch["run_id"], **told)
        return len(ids)

    async def retry(
        self,
        tx: Transaction,
        run_id: str,
        task: str,
        *,
        after: int = -1,
        only: Callable[[str, str], bool] | None = None,
        lending: bool,
        unasked: bool = False,
        now: datetime,
    ) -> int | None:
        """Queue the subtasks of some batches that did not complete, as if for a first try.

        Begins with the batches above `after`; returns where to go on, None when all are through. What failed is set
        aside, so that no further try queues it, if `only` says no to the type and message of its error. What is
        `unasked` is lent once the flow asks for it.
        """
        not_done = {"$or": [{name: {"$gt": 0}} for name in _NOT_DONE_COUNTERS]}
        found = self._batches.find(
            {"run_id": run_id, "task": task, "index": {"$gt": after}, **not_done}, session=tx.session
        )
        batches = piece(
            await found.sort("index", 1).limit(BATCHES_A_PIECE).to_list(),
            lambda batch: sum(batch[name] for name in _NOT_DONE_COUNTERS),
        )
        for batch in batches:
            await self._retry_batch(tx, batch, only, {"lending": lending, "unasked": unasked}, now)
        return batches[-1]["index"] if batches else None

    async def _retry_batch(
        self,
        tx: Transaction,
        batch: Document,
        only: Callable[[str, str], bool] | None,
        lending: Document,
        now: datetime,
    ) -> None:
        not_done = {**documents.of_batch(batch), "status": {"$in": _NOT_DONE}}
        aside = await self._set_aside(tx, batch, only) if only is not None else Counter()
        if aside:
            not_done["aside"] = {"$ne": True}
        ranges, count = await self._ranges(tx, not_done)
        if not count:
            changed = {"$set": {"aside": aside.total()}, "$inc": {"v": 1}}
            await self._batches.update_one({"_id": batch["_id"]}, changed, session=tx.session)
            return
        await self._tasks.update_many(
            not_done,
            {
                "$set": {"status": SubtaskStatus.QUEUED, "updated_at": now, "losses": 0, "refused_by": []},
                "$unset": {"lease": "", "assigned_to": "", "aside": ""},
            },
            session=tx.session,
        )
        begun = changes.begun_again(batch, now) | {"failed": aside[_FAILED], "dead": aside[_DEAD]}
        change: Document = {
            "$set": {**lending, "aside": aside.total()} | begun,
            "$inc": {"queued": count, "v": 1},
        }
        if lending["lending"]:
            change["$unset"] = {"held_since": ""}
        else:
            change["$set"]["held_since"] = now
        await self._batches.update_one({"_id": batch["_id"]}, change, session=tx.session)
        told = {"task": batch["task"], "batch": batch["index"], "tries": 1, "ranges": ranges}
        tx.emit("subtasks.requeued", now, run_id=batch["run_id"], **told)

    async def _set_aside(self, tx: Transaction, batch: Document, only: Callable[[str, str], bool]) -> Counter[str]:
        """Mark what failed in a batch for another cause, and nothing else; return how many by their status."""
        badly = {**documents.of_batch(batch), "status": {"$in": [_FAILED, _DEAD]}}
        fields = {"status": 1, "error.type": 1, "error.message": 1}
        ids: list[str] = []
        aside: Counter[str] = Counter()
        async for item in self._tasks.find(badly, fields, session=tx.session):
            error = item.get("error") or {}
            if not only(error.get("type") or UNKNOWN, error.get("message") or ""):
                ids.append(item["_id"])
                aside[item["status"]] += 1
        await self._tasks.update_many({**badly, "aside": True}, {"$unset": {"aside": ""}}, session=tx.session)
        await self._tasks.update_many({"_id": {"$in": ids}}, {"$set": {"aside": True}}, session=tx.session)
        return aside

    async def _ranges(self, tx: Transaction, wanted: Document) -> tuple[list[list[int]], int]:
        """Return the indexes of subtasks as an event tells them, and how many they are."""
        indexes = [item["index"] async for item in self._tasks.find(wanted, {"index": 1}, session=tx.session)]
        return documents.ranges(indexes), len(indexes)

    async def forget(self, tx: Transaction, run_id: str, task: str, *, now: datetime) -> bool:
        """Delete some of a task's batches and their subtasks with their results; False when none was left."""
        fields = {"index": 1, "total": 1, "first": 1, "last": 1}
        found = self._batches.find({"run_id": run_id, "task": task}, fields, session=tx.session)
        batches = piece(
            await found.sort("index", 1).limit(SUBTASKS_A_PIECE).to_list(),
            lambda batch: int(batch["total"]),
        )
        if not batches:
            return await self._forget_strays(tx, f"{run_id}/{task}")
        ids = [batch["_id"] for batch in batches]
        theirs = {
            "parent_task_id": f"{run_id}/{task}",
            "index": {"$gte": min(batch["first"] for batch in batches), "$lte": max(b["last"] for b in batches)},
            "batch": {"$in": ids},
        }
        ranges, _ = await self._ranges(tx, theirs)
        await self._tasks.delete_many(theirs, session=tx.session)
        of_task = {"parent_task_id": theirs["parent_task_id"], "index": theirs["index"]}
        await self._logs.delete_many(of_task, session=tx.session)
        await self._batches.delete_many({"_id": {"$in": ids}}, session=tx.session)
        tx.emit("subtasks.forgotten", now, run_id=run_id, task=task, ranges=ranges)
        return True

    async def _forget_strays(self, tx: Transaction, task_id: str) -> bool:
        """Delete some subtasks that a lost flow wrote and never published; False when none was left."""
        found = self._tasks.find({"parent_task_id": task_id}, {"_id": 1}, session=tx.session)
        ids = [item["_id"] for item in await found.limit(SUBTASKS_A_PIECE).to_list()]
        if ids:
            await self._tasks.delete_many({"_id": {"$in": ids}}, session=tx.session)
        return bool(ids)


def _held_by(volunteer_id: str | Document) -> Document:
    # The first two conditions are those of the index of what is lent.
    return {"status": SubtaskStatus.LEASED, "lease.until": {"$type": "date"}, "lease.by": volunteer_id}
