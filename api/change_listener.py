"""Wake agents, flows and listeners when MongoDB's change stream tells of a change, whichever replica made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from api.services import Services
from coordinator.background import Loop
from storage.change_stream import BatchChanged, EventAdded, RightsChanged, WatchStarted, watch
from storage.runs.models import ENDED

RESTART_SECONDS = 0.5
_RUN_ENDED = tuple(f"run.{status.lower()}" for status in ENDED)
_RUN_ENDS = ("run.cancel_requested", *_RUN_ENDED)
"""The events after which a run has ended or is about to."""
_ENDS_WAITS = ("signal.sent", "run.resumed", "task.resumed")
"""The events that end what a flow waits for, or say when it ends."""


class ChangeListener:
    def __init__(self, services: Services, run_ended: Callable[[str], None]) -> None:
        """`run_ended` is called with the id of each run that ends, in whichever replica."""
        self._services = services
        self._run_ended = run_ended

    def loops(self) -> Iterable[Loop]:
        yield Loop("watching for changes", self.listen, RESTART_SECONDS)

    async def listen(self) -> None:
        """Pass changes on until the stream breaks. After a gap, all who wait look for themselves."""
        services = self._services
        async for change in watch(services.stores.database):
            match change:
                case WatchStarted():
                    self._anything_may_have_changed()
                case RightsChanged(user, volunteer):
                    services.forget(user=user, volunteer=volunteer)
                case BatchChanged(batch_id, settled=True):
                    services.batches_settled.notify(batch_id)
                case BatchChanged():
                    services.dispatcher.work_opened()
                case EventAdded(run_id, type_):
                    await self._event_added(run_id, type_)

    def _anything_may_have_changed(self) -> None:
        services = self._services
        services.users.forget()
        services.volunteers.forget()
        services.batches_settled.notify_all()
        services.feed.told()
        services.log_grew.notify()
        services.run_changes.notify_all()
        services.dispatcher.work_opened()

    async def _event_added(self, run_id: str | None, type_: str) -> None:
        services = self._services
        services.feed.told()
        services.log_grew.notify()
        if type_.startswith("volunteer."):  # listeners ask next for what it changes
            services.estimates.forget()
            services.machines.forget()
            services.figures.forget()
        if run_id is not None:
            services.active_runs.noticed()
            await self._run_changed(run_id, type_)

    async def _run_changed(self, run_id: str, event: str) -> None:
        """Wake the flow that waits for what the event tells, and cancel the children of a run that ends."""
        if event in _ENDS_WAITS or event in _RUN_ENDS:
            self._services.run_changes.notify(run_id)
        if event in _RUN_ENDED:
            self._run_ended(run_id)
        if event in _RUN_ENDS:
            await self._services.cancellation.cancel_children(run_id)
