"""Put subtasks in the queue, in batches, and failed ones again for their next try."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import BulkWriteError, DuplicateKeyError

from storage.database import Database, Document, Session, unavailable_is_ours
from storage.errors import OtherContentsError, RunLeaseLostError
from storage.ledger import Ledger, Transaction
from storage.subtasks import changes, documents
from storage.subtasks.deadline_errors import not_ended
from storage.subtasks.models import (
    NewBatch,
    SubtaskStatus,
    TaskKey,
)

AT_ONCE = 50
"""How many subtasks are written in the transaction that makes them leasable; more of them would keep others waiting."""
Within = Callable[[Transaction, Document], Awaitable[None]]
"""Work of a transaction that has made sure of the run lease, given what it must heed of the run."""
_HEEDED = {
    "workflow_id": 1,
    "owner": 1,
    "status": 1,
    "paused": 1,
    "paused_tasks": 1,
    "cancel_requested": 1,
    "clean_up.task": 1,
    "generation": 1,
    "attempt": 1,
}
_DUPLICATE = 11000
_ENDED_BADLY = {"$in": [SubtaskStatus.FAILED, SubtaskStatus.DEAD]}


class _LeftBehind(Exception):
    """Subtasks that an earlier holder of the run wrote and never published are in the way."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is there of batches that a flow puts: `fresh` are not; `unasked`, by id, no flow has asked for so far."""

    fresh: Sequence[NewBatch]
    unasked: Sequence[str]


_NOTHING = _Seen([], [])


class QueueStore:
    """Writes subtasks to `tasks` (is_subtask: true) and their counters to `batches`, under the run lease."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._runs = database["runs"]
        self._ledger = ledger

    async def put(
        self,
        task: TaskKey,
        batches: Sequence[NewBatch],
        *,
        token: str,
        now: datetime,
        first: Within | None = None,
        last: Within | None = None,
    ) -> None:
        """Queue subtasks under the run lease `token`. A batch that is there stays as it is: repeating is harmless.

        Unless they are few, subtasks are written first and become leasable with their batch, which is the last write.
        They are not while the run or the task is paused. `first` and `last` are done before and after that, in the same
        transaction. Raises RunLeaseLostError when the lease is another's, OtherContentsError when a batch is there with
        other parameters.
        """

        async def publish(tx: Transaction, written: _Seen | None) -> None:
            run = await self._written_by(tx, task.run_id, token)
            generation, hold = run.get("generation", 0), run.get("attempt", 0)
            if first is not None:
                await first(tx, run)
            seen = await self._seen(task, batches, tx.session) if written is None else written
            fresh, lending = seen.fresh, lends(run, task.name)
            if fresh and written is None:
                await self._tasks.insert_many(_rows(task, fresh, now, hold), session=tx.session)
            elif fresh and hold > 1:
                theirs = {**_rows_of(task, fresh), "hold": {"$ne": hold}}
                if await self._tasks.find_one(theirs, {"_id": 1}, session=tx.session) is not None:
                    raise _LeftBehind
            if seen.unasked:
                asked_for = changes.asked_for(now, lending)
                await self._batches.update_many({"_id": {"$in": seen.unasked}}, asked_for, session=tx.session)
            if fresh:
                opened = [
                    documents.opened(task, batch, now, owner=run["owner"], lending=lending, generation=generation)
                    for batch in fresh
                ]
                await self._batches.insert_many(opened, session=tx.session)
                told = [
                    {"batch": batch.index, "ranges": documents.ranges(subtask.index for subtask in batch.subtasks)}
                    for batch in fresh
                ]
                tx.emit("subtasks.queued", now, run_id=task.run_id, task=task.name, batches=told)
            if last is not None:
                await last(tx, run)

        at_once = sum(len(batch.subtasks) for batch in batches) <= AT_ONCE
        while True:
            written = None if at_once else await self._write(task, batches, token, now)
            if written == _NOTHING and first is None and last is None:
                return None
            try:
                return await self._ledger.write(functools.partial(publish, written=written))
            except (BulkWriteError, DuplicateKeyError, _LeftBehind):
                # Somebody published or left one of them in between: what is left to do is found by looking again.
                at_once = False

    async def _write(self, task: TaskKey, batches: Sequence[NewBatch], token: str, now: datetime) -> _Seen:
        """Write the subtasks of those batches that are not there yet, which nobody is lent; return what was there."""
        with unavailable_is_ours():
            run = await self._runs.find_one({"_id": task.run_id, "hold.token": token}, {"attempt": 1})
            if run is None:
                raise RunLeaseLostError(task.run_id)
            hold = run.get("attempt", 0)
            seen = await self._seen(task, batches)
            if seen.fresh and hold > 1:  # a flow that has lost the run may have left subtasks behind, unpublished
                await self._tasks.delete_many({**_rows_of(task, seen.fresh), "hold": {"$ne": hold}})
            try:
                if seen.fresh:
                    await self._tasks.insert_many(_rows(task, seen.fresh, now, hold), ordered=False)
            except BulkWriteError as error:
                others = any(problem["code"] != _DUPLICATE for problem in error.details["writeErrors"])
                if others or error.details["writeConcernErrors"]:  # a failover may take back what is on one member only
                    raise
        return seen

    async def _seen(self, task: TaskKey, batches: Sequence[NewBatch], session: Session | None = None) -> _Seen:
        """Return what is there of the batches. Raises OtherContentsError if one of them has other subtasks."""
        ids = {"$in": [documents.batch_id(task.task_id, batch.index) for batch in batches]}
        found = self._batches.find({"_id": ids}, {"contents": 1, "unasked": 1}, session=session)
        known = {batch["_id"]: batch async for batch in found}
        fresh: list[NewBatch] = []
        for batch in batches:
            there = known.get(documents.batch_id(task.task_id, batch.index))
            if there is None:
                fresh.append(batch)
            elif there.get("contents", documents.contents(batch)) != documents.contents(batch):
                raise OtherContentsError(there["_id"])
        return _Seen(fresh, [id_ for id_, batch in known.items() if batch.get("unasked")])

    async def _written_by(self, tx: Transaction, run_id: str, token: str) -> Document:
        """Return what a flow's write must heed of its run. Raises RunLeaseLostError unless `token` holds it.

        It writes to the run, so that a pause, a cancellation or the loss of the lease that commits meanwhile makes
        this transaction start again and see it.
        """
        run = await self._runs.find_one_and_update(
            {"_id": run_id, "hold.token": token},
            {"$inc": {"writes": 1}},
            projection=_HEEDED,
            session=tx.session,
        )
        if run is None:
            raise RunLeaseLostError(run_id)
        return run

    async def requeue(self, batch_id: str, *, try_: int, token: str, now: datetime, but: Collection[str] = ()) -> None:
        """Put a batch's FAILED subtasks back for its try number `try_`; repeating the same one is harmless.

        Those stay FAILED that were set aside or whose error is of a type in `but`, and past the batch's `close_by` all
        of them, for want of time. Raises RunLeaseLostError unless `token` holds the run.
        """

        async def once(tx: Transaction) -> None:
            await self._written_by(tx, batch_id.split("/", 1)[0], token)
            batch = await self._batches.find_one({"_id": batch_id, "tries": try_ - 1}, session=tx.session)
            if batch is None:
                return
            badly = {**documents.of_batch(batch), "status": _ENDED_BADLY}
            failed = {**badly, "aside": {"$ne": True}, "error.type": {"$nin": list(but)}}
            indexes = [item["index"] async for item in self._tasks.find(failed, {"index": 1}, session=tx.session)]
            kept = {**badly, "$or": [{"aside": True}, {"error.type": {"$in": list(but)}}]}
            left = Counter(
                [item["status"].lower() async for item in self._tasks.find(kept, {"status": 1}, session=tx.session)]
            )
            told = {"task": batch["task"], "batch": batch["index"], "tries": try_, "ranges": documents.ranges(indexes)}
            if changes.is_overdue(batch, now):
                error = not_ended(batch)
                await self._tasks.update_many(failed, changes.timed_out(error, now), session=tx.session)
                await self._batches.update_one(
                    {"_id": batch_id},
                    {
                        "$set": {"tries": try_, "failed": left["failed"] + len(indexes), "dead": left["dead"]},
                        "$inc": {"v": 1},
                    },
                    session=tx.session,
                )
                tx.emit("subtasks.overdue", now, run_id=batch["run_id"], error=error["type"], **told)
                return
            await self._tasks.update_many(
                failed,
                {
                    "$set": {"status": SubtaskStatus.QUEUED, "updated_at": now, "losses": 0, "refused_by": []},
                    "$unset": {"assigned_to": ""},
                },
                session=tx.session,
            )
            await self._batches.update_one(
                {"_id": batch_id},
                {
                    "$set": {"tries": try_, "settled": batch["settled"] and not indexes}
                    | {"failed": left["failed"], "dead": left["dead"]}
                    | changes.queued_again(batch, now),
                    "$inc": {"queued": len(indexes), "v": 1},
                },
                session=tx.session,
            )
            tx.emit("subtasks.requeued", now, run_id=batch["run_id"], **told)

        await self._ledger.write(once)


def _rows(task: TaskKey, batches: Sequence[NewBatch], now: datetime, hold: int) -> list[Document]:
    return [documents.queued(task, batch, subtask, now, hold) for batch in batches for subtask in batch.subtasks]


def _rows_of(task: TaskKey, batches: Sequence[NewBatch]) -> Document:
    indexes = [subtask.index for batch in batches for subtask in batch.subtasks]
    return {
        "parent_task_id": task.task_id,
        "index": {"$gte": min(indexes), "$lte": max(indexes)},
        "batch": {"$in": [documents.batch_id(task.task_id, batch.index) for batch in batches]},
    }


def lends(run: Document, task: str) -> bool:
    """Whether a batch of the task that is put or set back now may be lent. A cancelled run lends its clean-up alone."""
    if run["cancel_requested"]:
        return bool(task == (run.get("clean_up") or {}).get("task"))
    return not run.get("paused") and task not in run.get("paused_tasks", ())
