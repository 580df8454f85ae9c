"""The time limits of subtasks: how long they may wait, and how long they may take from first queueing to their end.

A limit is one time on the batch, when the first of its subtasks may be overdue: `close_by` moves only by as long as the
batch was paused; `start_by` is the earliest that any waiting subtask can have, and is set right when it has passed.
Looking for what is overdue costs two reads of an index that holds only batches with a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import UpdateMany, UpdateOne

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Ledger, Transaction
from storage.subtasks import changes, documents
from storage.subtasks.deadline_errors import not_begun, not_ended
from storage.subtasks.models import SubtaskStatus

SUBTASKS_A_TURN = 2_000
_BATCHES_A_TURN = 20


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many subtasks failed for want of time, and the runs some of whose attempts were called back by that.

    `postponed` counts batches that looked overdue, some of whose subtasks still have time.
    """

    failed: int = 0
    postponed: int = 0
    called_back: Set[str] = frozenset()


class DeadlineStore:
    """Fails what is overdue: QUEUED subtasks past `start_by`, QUEUED and LEASED ones past `close_by`."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._ledger = ledger

    async def prepare(self) -> None:
        """Create the indexes that the looks below use."""
        await self._batches.create_index(
            [("start_by", 1)], partialFilterExpression={"queued": {"$gt": 0}, "start_by": {"$exists": True}}
        )
        await self._batches.create_index(
            [("close_by", 1)], partialFilterExpression={"settled": False, "close_by": {"$exists": True}}
        )

    async def expire(self, *, now: datetime) -> Overdue:
        """Fail subtasks whose time is over, some thousand at most; call again until there was nothing to do."""
        with unavailable_is_ours():
            for late in (_past_start(now), _past_close(now)):
                if await self._batches.find_one(late, {"_id": 1}) is not None:
                    break
            else:
                return Overdue()

        async def fail(tx: Transaction) -> Overdue:
            failed, postponed, called_back = 0, 0, set[str]()
            waiting, under_way = SubtaskStatus.QUEUED, SubtaskStatus.LEASED
            for batch in await self._some(tx, _past_close(now)):
                open_ = {"status": {"$in": [waiting, under_way]}}
                rows = await self._fail(tx, batch, open_, not_ended(batch), now)
                called_back |= {row["run_id"] for row in rows if row["status"] == under_way}
                failed += len(rows)
            for batch in await self._some(tx, _past_start(now)):
                since = now - timedelta(seconds=batch["schedule_to_start"])
                overdue = {"status": waiting, "updated_at": {"$lt": since}}  # a waiting subtask changes no more
                failed += len(await self._fail(tx, batch, overdue, not_begun(batch), now))
                postponed += await self._postpone(tx, batch)
            return Overdue(failed, postponed, called_back)

        return await self._ledger.write(fail)

    async def _some(self, tx: Transaction, late: Document) -> list[Document]:
        """Return overdue batches with not too many subtasks for one transaction, at least one batch."""
        found: list[Document] = []
        subtasks = 0
        for batch in await self._batches.find(late, session=tx.session).limit(_BATCHES_A_TURN).to_list():
            subtasks += batch["queued"] + batch["leased"]
            if found and subtasks > SUBTASKS_A_TURN:
                break
            found.append(batch)
        return found

    async def _postpone(self, tx: Transaction, batch: Document) -> bool:
        """Set `start_by` to when the next of the batch's subtasks is overdue; tell whether any is left that waits."""
        waiting = {**documents.of_batch(batch), "status": SubtaskStatus.QUEUED}
        first = await self._tasks.find(waiting, {"updated_at": 1}, session=tx.session).sort("updated_at", 1).to_list(1)
        if not first:
            return False
        since = max(first[0]["updated_at"], batch.get("lent_from", first[0]["updated_at"]))
        start_by = since + timedelta(seconds=batch["schedule_to_start"])
        await self._batches.update_one({"_id": batch["_id"]}, {"$set": {"start_by": start_by}}, session=tx.session)
        return True

    async def _fail(
        self, tx: Transaction, batch: Document, which: Document, error: Document, now: datetime
    ) -> list[Document]:
        """Fail those of the batch's subtasks, and return them as they were."""
        wanted = {**documents.of_batch(batch), **which}
        rows: list[Document] = await self._tasks.find(wanted, changes.FOR_REPORT, session=tx.session).to_list()
        if not rows:
            return []
        waiting = [row["_id"] for row in rows if row["status"] == SubtaskStatus.QUEUED]
        updates: list[UpdateMany | UpdateOne] = [
            UpdateOne({"_id": row["_id"]}, changes.timed_out(error, now, row))
            for row in rows
            if row["status"] == SubtaskStatus.LEASED
        ]
        if waiting:
            updates.append(UpdateMany({"_id": {"$in": waiting}}, changes.timed_out(error, now)))
        await self._tasks.bulk_write(updates, ordered=False, session=tx.session)
        moved = Counter(queued=-len(waiting), leased=len(waiting) - len(rows), failed=len(rows))
        await self._batches.update_one({"_id": batch["_id"]}, changes.counted(moved, now), session=tx.session)
        tx.emit(
            "subtasks.overdue",
            now,
            run_id=batch["run_id"],
            task=batch["task"],
            error=error["type"],
            ranges=documents.ranges(row["index"] for row in rows),
        )
        return rows


def _past_start(now: datetime) -> Document:
    return {"queued": {"$gt": 0}, "lending": True, "start_by": {"$lt": now}}  # what is paused waits on purpose


def _past_close(now: datetime) -> Document:
    return {"settled": False, "held_since": {"$exists": False}, "close_by": {"$lt": now}}
