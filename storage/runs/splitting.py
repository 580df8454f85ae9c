"""Queue the subtasks of a task and change the task's state, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from storage.database import Document
from storage.ledger import Transaction
from storage.runs.tasks import TaskStatus, TaskStore, TaskUpdate
from storage.subtasks.models import NewBatch, TaskKey
from storage.subtasks.queue import QueueStore


class SplittingStore:
    """Tasks on their way from SPLITTING to RUNNING, and the subtasks that they fall into."""

    def __init__(self, tasks: TaskStore, queue: QueueStore) -> None:
        self._tasks = tasks
        self._queue = queue

    async def put(
        self,
        task: TaskKey,
        batches: Sequence[NewBatch],
        *,
        token: str,
        now: datetime,
        begin: TaskUpdate | None = None,
        last: bool = False,
    ) -> None:
        """Queue batches as `QueueStore.put` does; `begin` changes the task before, after the `last` it is RUNNING.

        Repeating is harmless. Raises RunLeaseLostError when the run lease `token` is another's.
        """

        async def before(tx: Transaction, run: Document) -> None:
            if begin is not None:
                await self._tasks.apply(tx, run, task.name, begin, now=now)

        async def after(tx: Transaction, run: Document) -> None:
            if last:
                await self._tasks.apply(tx, run, task.name, TaskUpdate(TaskStatus.RUNNING), now=now)

        if begin is None and not last:
            await self._queue.put(task, batches, token=token, now=now)
        else:
            await self._queue.put(task, batches, token=token, now=now, first=before, last=after)
