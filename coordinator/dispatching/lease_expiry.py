"""Expire leases: subtasks go back to the queue when their lease runs out, and fail when their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from coordinator.active_runs import ActiveRuns
from coordinator.background import Loop
from coordinator.decisions.refusals import all_refuse_all, refused_by_all
from coordinator.dispatching.dispatcher import Dispatcher
from storage.stores import Stores
from storage.subtasks.deadlines import Overdue

EXPIRY_SECONDS = 1.0


class LeaseExpiry:
    def __init__(
        self, stores: Stores, dispatcher: Dispatcher, active: ActiveRuns, clock: Callable[[], datetime]
    ) -> None:
        self._stores = stores
        self._dispatcher = dispatcher
        self._active = active
        self._clock = clock
        self.expired = 0
        """How many leases this process has expired."""

    def loops(self) -> Iterable[Loop]:
        yield Loop("expiring leases", self._active.only_then(self.expire), EXPIRY_SECONDS)

    async def expire(self) -> None:
        """Put subtasks back whose lease has run out; fail those that waited or lasted too long, or that all refuse."""
        now = self._clock()
        if expired := await self._stores.subtasks.expire(now=now):
            self.expired += expired
            self._dispatcher.work_opened()
        while (overdue := await self._stores.deadlines.expire(now=now)) != Overdue():
            for run_id in overdue.called_back:
                self._dispatcher.run_cancelled(run_id)
            self._dispatcher.work_opened()
        await self._fail_what_all_refuse(now)

    async def _fail_what_all_refuse(self, now: datetime) -> None:
        for task in await self._stores.refusals.tasks(now=now):
            counts = {"total": task.total, "completed": task.completed}
            if all_refuse_all(task.refused, task.machines, **counts):
                while await self._stores.refusals.give_up(task.id, None, now=now):
                    pass
            elif subtasks := refused_by_all(task.refused, task.machines):
                await self._stores.refusals.give_up(task.id, subtasks, now=now)
