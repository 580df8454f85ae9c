"""Hold batches back and set them going again: a batch that does not lend costs matching nothing.

Everything here is part of a transaction that says on the run, in the same breath, why (see `storage.controls`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from storage import subtask_documents as documents
from storage.database import Database, Document
from storage.ledger import Turn
from storage.subtask_models import SubtaskStatus

_NOT_DONE = [SubtaskStatus.FAILED, SubtaskStatus.DEAD, SubtaskStatus.CANCELLED]


class LendingStore:
    """The batches of a run or of one of its tasks, and their subtasks, as a whole."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]

    async def stop(self, turn: Turn, run_id: str, task: str | None = None) -> None:
        """Lend none of the run's subtasks, or of one task's; attempts under way may finish."""
        of_run = {"run_id": run_id, "lending": True} | ({"task": task} if task is not None else {})
        await self._batches.update_many(of_run, {"$set": {"lending": False}, "$inc": {"v": 1}}, session=turn.session)

    async def start(
        self, turn: Turn, run_id: str, task: str | None = None, *, but: Collection[str] = (), now: datetime
    ) -> None:
        """Lend again, but nothing of the tasks in `but`."""
        tasks: Document = {"$nin": list(but)} if task is None else {"$eq": task, "$nin": list(but)}
        await self._batches.update_many(
            {"run_id": run_id, "task": tasks, "lending": False},
            documents.lending_again(now),
            session=turn.session,
        )

    async def call_back(self, turn: Turn, run_id: str, task: str | None = None, *, now: datetime) -> int:
        """Put back in the queue what is lent; what those attempts return becomes stale, and counts as no loss."""
        of_run = {"run_id": run_id, "leased": {"$gt": 0}} | ({"task": task} if task is not None else {})
        called_back = 0
        async for batch in self._batches.find(of_run, session=turn.session):
            lent = {**documents.of_batch(batch), "status": SubtaskStatus.LEASED}
            ranges, count = await self._ranges(turn, lent)
            await self._tasks.update_many(lent, documents.called_back(now), session=turn.session)
            await self._batches.update_one(
                {"_id": batch["_id"]},
                {"$inc": {"queued": count, "leased": -count, "v": 1}, "$set": documents.queued_again(batch, now)},
                session=turn.session,
            )
            told = {"task": batch["task"], "batch": batch["index"], "ranges": ranges}
            turn.tell("subtasks.called_back", now, run_id=run_id, **told)
            called_back += count
        return called_back

    async def retry(self, turn: Turn, run_id: str, task: str, *, lending: bool, now: datetime) -> int:
        """Queue a task's subtasks that did not complete, as if for a first try; return how many."""
        queued = 0
        async for batch in self._batches.find({"run_id": run_id, "task": task}, session=turn.session):
            not_done = {**documents.of_batch(batch), "status": {"$in": _NOT_DONE}}
            ranges, count = await self._ranges(turn, not_done)
            if count == 0:
                continue
            await self._tasks.update_many(
                not_done,
                {
                    "$set": {"status": SubtaskStatus.QUEUED, "updated_at": now, "losses": 0, "refused_by": []},
                    "$unset": {"lease": "", "assigned_to": ""},
                },
                session=turn.session,
            )
            await self._batches.update_one(
                {"_id": batch["_id"]},
                {
                    "$set": {"lending": lending} | documents.begun_again(batch, now),
                    "$inc": {"queued": count, "v": 1},
                },
                session=turn.session,
            )
            told = {"task": task, "batch": batch["index"], "tries": 1, "ranges": ranges}
            turn.tell("subtasks.requeued", now, run_id=run_id, **told)
            queued += count
        return queued

    async def _ranges(self, turn: Turn, wanted: Document) -> tuple[list[list[int]], int]:
        """Return the indexes of subtasks as an event tells them, and how many they are."""
        indexes = [item["index"] async for item in self._tasks.find(wanted, {"index": 1}, session=turn.session)]
        return documents.ranges(indexes), len(indexes)

    async def forget(self, turn: Turn, run_id: str, task: str) -> None:
        """Delete a task's batches and subtasks with their results."""
        await self._tasks.delete_many({"parent_task_id": f"{run_id}/{task}"}, session=turn.session)
        await self._batches.delete_many({"run_id": run_id, "task": task}, session=turn.session)
