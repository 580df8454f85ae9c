"""Cancel the subtasks of a run or a task, or call them back into the queue.

A run may have a hundred thousand subtasks, more than a transaction takes. So the batches are marked first, and lend
nothing from then on; their subtasks follow in pieces. The first piece is part of the transaction that marks, the others
are done by whoever looks for `unfinished` runs next: a kill between two loses nothing.
"""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from pymongo import UpdateOne

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Transaction
from storage.subtasks import changes, documents
from storage.subtasks.models import SubtaskStatus
from storage.subtasks.transaction_sizes import BATCHES_A_PIECE, piece


class _Stop(enum.StrEnum):
    """What is to become of the subtasks of a marked batch that have not ended."""

    CANCEL = "cancel"
    CALL_BACK = "call_back"


_CONCERNED = {
    _Stop.CANCEL: (SubtaskStatus.QUEUED, SubtaskStatus.LEASED),
    _Stop.CALL_BACK: (SubtaskStatus.LEASED,),
}


class StoppingStore:
    """The `stopping` of the documents in `batches`. All that changes something is part of the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]

    async def prepare(self) -> None:
        await self._batches.create_index(
            [("stopping", 1), ("run_id", 1), ("task", 1), ("index", 1)],
            partialFilterExpression={"stopping": {"$exists": True}},
        )

    async def cancel(self, tx: Transaction, run_id: str, task: str | None = None, *, now: datetime) -> bool:
        """Cancel what of the run, or of one task, has not ended; tell whether pieces are left to do.

        Nothing of it is lent from now on, nor if a batch that failed is tried again. Attempts under way are
        stale once their piece is done; until then what they return is accepted.
        """
        of_run: Document = {"run_id": run_id} | ({"task": task} if task is not None else {})
        may_be_tried_again = {"settled": True, "lending": True, "$or": [{"failed": {"$gt": 0}}, {"dead": {"$gt": 0}}]}
        unmarked = {"settled": False, "stopping": {"$ne": _Stop.CANCEL}}
        mark = {"$cond": ["$settled", "$$REMOVE", _Stop.CANCEL]}
        await self._batches.update_many(
            {**of_run, "$or": [unmarked, may_be_tried_again]},
            [{"$set": {"lending": False, "stopping": mark, "v": {"$add": ["$v", 1]}}}],
            session=tx.session,
        )
        await self._piece(tx, run_id, _Stop.CANCEL, now)
        return await self._is_left(tx, run_id, _Stop.CANCEL)

    async def call_back(self, tx: Transaction, run_id: str, task: str | None = None, *, now: datetime) -> bool:
        """Put back in the queue what is lent of a run or task that lends no more; tell whether pieces are left to do.

        What those attempts return becomes stale and counts as no loss. What is not called back when the run is
        resumed goes on.
        """
        lent: Document = {"run_id": run_id, "leased": {"$gt": 0}, "stopping": {"$exists": False}}
        await self._batches.update_many(
            lent | ({"task": task} if task is not None else {}),
            {"$set": {"stopping": _Stop.CALL_BACK}, "$inc": {"v": 1}},
            session=tx.session,
        )
        await self._piece(tx, run_id, _Stop.CALL_BACK, now)
        return await self._is_left(tx, run_id, _Stop.CALL_BACK)

    async def next_piece(self, tx: Transaction, run_id: str, *, now: datetime) -> bool:
        """Do some of what is left to do of a run; False when nothing was."""
        return await self._piece(tx, run_id, _Stop.CANCEL, now) or await self._piece(tx, run_id, _Stop.CALL_BACK, now)

    async def unfinished(self) -> list[str]:
        """Return the ids of the runs of which pieces are left to do."""
        with unavailable_is_ours():
            return [str(id_) for id_ in await self._batches.distinct("run_id", {"stopping": {"$in": list(_Stop)}})]

    async def _is_left(self, tx: Transaction, run_id: str, stop: _Stop) -> bool:
        marked = {"stopping": stop, "run_id": run_id}
        return await self._batches.find_one(marked, {"_id": 1}, session=tx.session) is not None

    async def _piece(self, tx: Transaction, run_id: str, stop: _Stop, now: datetime) -> bool:
        counters = [status.lower() for status in _CONCERNED[stop]]
        found = self._batches.find({"stopping": stop, "run_id": run_id}, session=tx.session)
        batches = piece(
            await found.sort([("task", 1), ("index", 1)]).limit(BATCHES_A_PIECE).to_list(),
            lambda batch: sum(batch[name] for name in counters),
        )
        by_task: defaultdict[str, list[Document]] = defaultdict(list)
        for batch in batches:
            by_task[batch["task"]].append(batch)
        for task, theirs in by_task.items():
            await self._stop(tx, run_id, task, theirs, stop, now)
        return bool(batches)

    async def _stop(
        self, tx: Transaction, run_id: str, task: str, batches: Sequence[Document], stop: _Stop, now: datetime
    ) -> None:
        wanted: Document = {
            "parent_task_id": f"{run_id}/{task}",
            "index": {"$gte": min(batch["first"] for batch in batches), "$lte": max(b["last"] for b in batches)},
            "batch": {"$in": [batch["_id"] for batch in batches]},
            "status": {"$in": list(_CONCERNED[stop])},
        }
        indexes: defaultdict[str, list[int]] = defaultdict(list)
        moved: defaultdict[str, Counter[str]] = defaultdict(Counter)
        done: Document = {"$unset": "stopping"}
        to = "cancelled" if stop is _Stop.CANCEL else "queued"
        async for row in self._tasks.find(wanted, {"batch": 1, "index": 1, "status": 1}, session=tx.session):
            indexes[row["batch"]].append(row["index"])
            moved[row["batch"]].update({row["status"].lower(): -1, to: 1})
        if indexes:
            cancelled = {"$set": {"status": SubtaskStatus.CANCELLED, "updated_at": now}}
            change = cancelled if stop is _Stop.CANCEL else changes.called_back(now)
            await self._tasks.update_many(wanted, change, session=tx.session)
        await self._batches.bulk_write(
            [
                UpdateOne({"_id": id_}, [*(changes.counted(moved[id_], now) if id_ in moved else ()), done])
                for id_ in wanted["batch"]["$in"]
            ],
            ordered=False,
            session=tx.session,
        )
        if stop is _Stop.CANCEL and indexes:
            ranges = documents.ranges(index for theirs in indexes.values() for index in theirs)
            tx.emit("subtasks.cancelled", now, run_id=run_id, task=task, ranges=ranges)
        elif indexes:
            for batch in batches:
                if theirs := indexes.get(batch["_id"]):
                    told = {"task": task, "batch": batch["index"], "ranges": documents.ranges(theirs)}
                    tx.emit("subtasks.called_back", now, run_id=run_id, **told)
