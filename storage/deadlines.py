"""The limits on how long subtasks may wait for an attempt, and last from first queueing to their end.

All subtasks of a batch are queued together, so a limit is one time on the batch: `start_by` moves whenever
some of them are queued again, `close_by` never does. Looking for what is overdue costs two reads of an index
that holds only batches with a limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from pymongo import UpdateMany, UpdateOne

from storage import subtask_documents as documents
from storage.database import Database, Document, unavailable_is_ours
from storage.deadline_errors import not_begun, not_ended
from storage.ledger import Ledger, Turn
from storage.subtask_models import SubtaskStatus

SUBTASKS_A_TURN = 2_000
_BATCHES_A_TURN = 20


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many subtasks failed for want of time, and the runs some of whose attempts were called back by that."""

    failed: int = 0
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
        """Fail subtasks whose time is over, some thousand at most; call again until it says that none were left."""
        with unavailable_is_ours():
            for late in (_past_start(now), _past_close(now)):
                if await self._batches.find_one(late, {"_id": 1}) is not None:
                    break
            else:
                return Overdue()

        async def fail(turn: Turn) -> Overdue:
            failed, called_back = 0, set[str]()
            waiting, under_way = SubtaskStatus.QUEUED, SubtaskStatus.LEASED
            for batch in await self._some(turn, _past_close(now)):
                rows = await self._fail(turn, batch, [waiting, under_way], not_ended(batch), now)
                called_back |= {row["run_id"] for row in rows if row["status"] == under_way}
                failed += len(rows)
            for batch in await self._some(turn, _past_start(now)):
                failed += len(await self._fail(turn, batch, [waiting], not_begun(batch), now))
            return Overdue(failed, called_back)

        return await self._ledger.write(fail)

    async def _some(self, turn: Turn, late: Document) -> list[Document]:
        """Return overdue batches with not too many subtasks for one transaction, at least one batch."""
        found: list[Document] = []
        subtasks = 0
        for batch in await self._batches.find(late, session=turn.session).limit(_BATCHES_A_TURN).to_list():
            subtasks += batch["queued"] + batch["leased"]
            if found and subtasks > SUBTASKS_A_TURN:
                break
            found.append(batch)
        return found

    async def _fail(
        self, turn: Turn, batch: Document, statuses: Sequence[SubtaskStatus], error: Document, now: datetime
    ) -> list[Document]:
        """Fail the batch's subtasks in one of `statuses`, and return them as they were."""
        wanted = {
            "parent_task_id": batch["task_id"],
            "index": {"$gte": batch["first"], "$lte": batch["last"]},
            "batch": batch["_id"],
            "status": {"$in": statuses},
        }
        rows: list[Document] = await self._tasks.find(wanted, documents.FOR_REPORT, session=turn.session).to_list()
        if not rows:
            return []
        waiting = [row["_id"] for row in rows if row["status"] == SubtaskStatus.QUEUED]
        updates: list[UpdateMany | UpdateOne] = [
            UpdateOne({"_id": row["_id"]}, documents.timed_out(error, now, row))
            for row in rows
            if row["status"] == SubtaskStatus.LEASED
        ]
        if waiting:
            updates.append(UpdateMany({"_id": {"$in": waiting}}, documents.timed_out(error, now)))
        await self._tasks.bulk_write(updates, ordered=False, session=turn.session)
        moved = Counter(queued=-len(waiting), leased=len(waiting) - len(rows), failed=len(rows))
        await self._batches.update_one({"_id": batch["_id"]}, documents.counted(moved, now), session=turn.session)
        turn.tell(
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
    return {"settled": False, "close_by": {"$lt": now}}
