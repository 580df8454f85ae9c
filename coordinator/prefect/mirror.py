"""Copy the states of Prefect's flow runs into our runs.

Events are followed as they come, from a little before the last one seen after every reconnect;
they may be repeated, late or lost. Stores take a state only if it is later than the one they have,
and a sweep of the runs that have not ended repairs what events missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from coordinator.background import Loop
from coordinator.decisions.controls import Ask, Record, asked
from coordinator.prefect.client import Prefect, PrefectUnavailableError
from storage.errors import StorageUnavailableError
from storage.ledger import Transaction
from storage.runs.models import ENDED, FlowRunState, Run, RunStatus, Tell
from storage.stores import Stores

log = logging.getLogger(__name__)

OVERLAP = timedelta(seconds=60)
RESTART_SECONDS = 0.5
RECONNECT_SECONDS = 2.0
SWEEP_SECONDS = 10.0
SWEPT_AT_ONCE = 200

_RUN_STATUS = {
    "SCHEDULED": RunStatus.SUBMITTED,
    "PENDING": RunStatus.SUBMITTED,
    "RUNNING": RunStatus.RUNNING,
    "PAUSED": RunStatus.PAUSED,
    "CANCELLING": RunStatus.RUNNING,
    "CANCELLED": RunStatus.CANCELLED,
    "COMPLETED": RunStatus.COMPLETED,
    "FAILED": RunStatus.FAILED,
}
"""CRASHED is missing: it does not end the run (see coordinator.reconciler)."""
OURS = "Njangi: "
"""How the messages of states begin that we have set ourselves: they ask nothing of us."""


class Mirror:
    """Follows one Prefect server."""

    def __init__(
        self, prefect: Prefect, stores: Stores, called_back: Callable[[str], None], clock: Callable[[], datetime]
    ) -> None:
        self._prefect = prefect
        self._stores = stores
        self._called_back = called_back  # told of runs whose attempts may be under way for nothing
        self._clock = clock

    def loops(self) -> Iterable[Loop]:
        yield Loop("following Prefect", self.follow, RESTART_SECONDS)
        yield Loop("sweeping runs", self.sweep, RESTART_SECONDS)

    async def follow(self) -> None:
        """Copy states as Prefect tells of them, until cancelled."""
        since = self._clock() - OVERLAP
        while True:
            try:
                async for state in self._prefect.events(since):
                    since = max(since, state.at - OVERLAP)
                    await self.take(state)
            except (PrefectUnavailableError, StorageUnavailableError) as error:
                log.warning("following Prefect's events stopped: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def sweep(self) -> None:
        """Read the states of all runs that have not ended, again and again, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self._sweep()
            except (PrefectUnavailableError, StorageUnavailableError) as error:
                log.warning("the sweep of runs failed: %s", error)

    async def _sweep(self) -> None:
        runs = await self._stores.runs.unfinished(limit=SWEPT_AT_ONCE)
        while runs:
            ids = [run.prefect_flow_run_id for run in runs if run.prefect_flow_run_id]
            for state in await self._prefect.flow_run_states(ids) if ids else ():
                await self.take(state)
            runs = await self._stores.runs.unfinished(after=runs[-1].id, limit=SWEPT_AT_ONCE)

    async def take(self, state: FlowRunState) -> None:
        """Copy one state of a flow run and do what it asks; a run that ends closes what is open: one transaction, or
        the first of those that end it (see `ControlStore.stop_on`).

        Repeating, or an older one after a newer, changes nothing.
        """
        now = self._clock()
        if state.type == "CRASHED":
            await self._contradict(state, now)
        status = _RUN_STATUS.get(state.type)

        async def copy(tx: Transaction) -> Run | None:
            run = await self._stores.runs.follow(tx, state, status, now=now) if status is not None else None
            if run is None and state.type in ("FAILED", "CRASHED"):
                await self._stores.controls.insist(tx, state, now=now)
            if run is not None and run.status in ENDED:
                await self._stores.controls.close(tx, run, now=now)
            elif run is not None and not run.ending:
                await self._answer(tx, run, state, now)
            return run

        run = await self._stores.ledger.write(copy)
        if run is not None and (run.status in ENDED or run.ending or run.cancel_requested):
            self._called_back(run.id)

    async def _answer(self, tx: Transaction, run: Run, state: FlowRunState, now: datetime) -> None:
        """Do what somebody asked for in Prefect itself."""
        controls = self._stores.controls
        record = Record(
            run.paused, run.to_tell is not None, bool(run.told_held), run.must_clean_up, run.cancel_requested
        )
        match asked(state.type, state.name, (state.message or "").startswith(OURS), record):
            case Ask.PAUSE if not run.cancel_requested:
                await controls.pause(tx, run.id, by="prefect", now=now)
            case Ask.RESUME:
                await controls.resume(tx, run.id, by="prefect", now=now)
            case Ask.CANCEL:
                await self._cancel(tx, run, now)
            case Ask.CLEAN_UP:
                if not run.cancel_requested:
                    await self._cancel(tx, run, now)
                await controls.tell_again(tx, run.id, Tell.RESUME, clean_up=True, now=now)
            case Ask.TELL_PAUSE:
                await controls.tell_again(tx, run.id, Tell.PAUSE, now=now)
            case Ask.TELL_RESUME | Ask.PAUSE:
                await controls.tell_again(tx, run.id, Tell.RESUME, now=now)

    async def _cancel(self, tx: Transaction, run: Run, now: datetime) -> None:
        await self._stores.runs.request_cancel(tx, run.id, by="prefect", now=now)
        await self._stores.stopping.cancel(tx, run.id, now=now)

    async def _contradict(self, state: FlowRunState, now: datetime) -> None:
        """Tell Prefect that a flow runs which it took for crashed: after an outage it misses heartbeats that were sent.

        Where the flow's process is gone after all, its run lease ends soon, and the reconciler goes on from there.
        """
        if await self._stores.run_leases.is_held(state.flow_run_id, now=now):
            await self._prefect.set_state(state.flow_run_id, "RUNNING", OURS + "its flow worker is at work")
