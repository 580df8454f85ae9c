"""Cancel runs: those that somebody asks to cancel, and the children of runs that have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from coordinator.active_runs import ActiveRuns
from coordinator.background import Loop
from coordinator.dispatching.dispatcher import Dispatcher
from storage.ledger import Transaction
from storage.runs.models import Run
from storage.stores import Stores

ORPHANS_SECONDS = 1.0
ORPHANS_AT_ONCE = 100


class Cancellation:
    def __init__(
        self, stores: Stores, dispatcher: Dispatcher, active: ActiveRuns, clock: Callable[[], datetime]
    ) -> None:
        self._stores = stores
        self._dispatcher = dispatcher
        self._active = active
        self._clock = clock

    def loops(self) -> Iterable[Loop]:
        work = self._active.only_then(self.cancel_orphans)
        yield Loop("cancelling children of ended runs", work, ORPHANS_SECONDS)

    async def cancel(self, run_id: str, by: str) -> Run:
        """Cancel a run: no more of its subtasks are leased, its attempts become stale, and its flow is told.

        A run with a clean-up task ends after that task; cancelled a second time, it ends without. Raises RunEndedError
        when the run has ended, or has nothing left to do.
        """
        now = self._clock()

        async def request(tx: Transaction) -> None:
            await self._stores.controls.check_open(tx, run_id)
            await self._stores.runs.request_cancel(tx, run_id, by=by, now=now)
            await self._stores.stopping.cancel(tx, run_id, now=now)

        await self._stores.ledger.write(request)
        self._dispatcher.run_cancelled(run_id)
        return await self._stores.runs.get(run_id)

    async def cancel_if_open(self, run_id: str, by: str) -> None:
        """Cancel a run unless it is cancelled or has ended."""
        await self._stores.ledger.write(partial(self.cancel_within, run_id=run_id, by=by))
        self._dispatcher.run_cancelled(run_id)

    async def cancel_within(self, tx: Transaction, run_id: str, by: str) -> None:
        """Within a transaction, cancel a run unless it is cancelled or has ended.

        After the transaction, tell the dispatcher (`run_cancelled`).
        """
        if await self._stores.runs.is_open(tx, run_id):
            await self._stores.runs.request_cancel(tx, run_id, by=by, now=self._clock())
            await self._stores.stopping.cancel(tx, run_id, now=self._clock())

    async def cancel_children(self, run_id: str) -> None:
        """Cancel the children that are to end with a run that ends."""
        await self._cancel_all(await self._stores.children.to_cancel(run_id))

    async def cancel_orphans(self) -> None:
        """Cancel children whose parents ended while no replica heard of it."""
        await self._cancel_all(await self._stores.children.left_behind(limit=ORPHANS_AT_ONCE))

    async def _cancel_all(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:  # one transaction each, since a run may have many subtasks to cancel
            await self.cancel_if_open(run_id, by="its parent run")
