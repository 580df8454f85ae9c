"""Repair what crashes leave behind: runs without a Prefect flow run, and flow runs that no worker executes.

Runs in every replica of the service; one of them leads at a time. Every repair may be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from coordinator.background import Loop
from coordinator.decisions.recovery import (
    GIVEN_UP,
    Standing,
    cost_a_worker,
    crash_is_retried,
    in_a_row,
    is_given_up,
    is_lost,
)
from coordinator.prefect.client import PrefectUnavailableError
from storage.errors import NjangiError
from storage.leaders import LEADER_LEASE
from storage.runs.models import RUN_LEASE, FlowRunState, Run
from storage.stores import Stores

log = logging.getLogger(__name__)

ROLE = "reconciler"
TICK_SECONDS = 1.0
SUBMISSION_SECONDS = 3.0
"""How long the request that started a run has to create its flow run itself."""
MOST_A_TICK = 100
MOST_REFUSALS = 3
CRASHES_EVERY = timedelta(seconds=10)
DAY = timedelta(days=1)


class FlowRuns(Protocol):
    """What the reconciler needs of Prefect. Every call raises a NjangiError while Prefect is away."""

    async def create_flow_run(self, run_id: str, name: str, tags: Sequence[str]) -> str: ...

    async def flow_run_states(self, flow_run_ids: Sequence[str]) -> list[FlowRunState]: ...

    async def crashed_flow_runs(self, since: datetime, limit: int) -> list[FlowRunState]: ...

    async def set_state(self, flow_run_id: str, type_: str, message: str, *, name: str | None = None) -> object: ...


class Reconciler:
    """Repairs runs, once a second."""

    def __init__(
        self,
        stores: Stores,
        prefect: FlowRuns,
        clock: Callable[[], datetime],
        holder: str,
        scheduled: Callable[[], None],
    ) -> None:
        """`holder` names this replica; `scheduled` is called when Prefect has a flow run for the workers.

        One that is started again should bear its old name: it leads on without waiting for its own lease.
        """
        self._stores = stores
        self._prefect = prefect
        self._clock = clock
        self._holder = holder
        self._scheduled = scheduled
        self._began = clock()
        self._look_for_crashes: datetime | None = None
        self._refused = 0
        self._submitting: set[str] = set()
        self._leads_since: datetime | None = None
        self._led_at = self._began

    def loops(self) -> Iterable[Loop]:
        yield Loop("repairing runs", self.tick, TICK_SECONDS)

    async def start(self, run: Run) -> Run:
        """Create the Prefect flow run of a new run; while Prefect is away, a later tick does it."""
        try:
            await self.submit(run)
        except PrefectUnavailableError as error:
            log.warning("a run waits for Prefect", extra={"run_id": run.id, "reason": str(error)})
            return run
        return await self._stores.runs.get(run.id)

    async def submit(self, run: Run) -> None:
        """Create the Prefect flow run of a run. Repeating finds the same one."""
        tags = [f"workflow:{run.workflow_id}", *([f"schedule:{run.schedule.id}"] if run.schedule else [])]
        self._submitting.add(run.id)
        try:
            flow_run_id = await self._prefect.create_flow_run(run.id, run.name, tags)
            await self._stores.run_recovery.set_flow_run(run.id, flow_run_id, now=self._clock())
        finally:
            self._submitting.discard(run.id)
        self._scheduled()

    async def tick(self) -> None:
        """Repair what there is to repair, if this replica leads.

        A replica that has not run and led for as long as a run lease leaves workers alone: they had no
        chance to renew their leases while the service was away.
        """
        now = self._clock()
        since = await self._lead(now)
        if since is None:
            return
        before = now - timedelta(seconds=SUBMISSION_SECONDS)
        for run in await self._stores.run_recovery.unsubmitted(before=before, limit=MOST_A_TICK):
            if run.id in self._submitting:  # its own request is at it: many came at once
                continue
            log.warning("a run without a flow run is submitted again", extra={"run_id": run.id})
            with self._refusals(run.id):
                await self.submit(run)
        if now - max(since, self._began) >= RUN_LEASE:
            await self._recover(now)
            if self._look_for_crashes is None or now >= self._look_for_crashes:
                self._look_for_crashes = now + CRASHES_EVERY
                await self._retry_crashed(now)

    async def _lead(self, now: datetime) -> datetime | None:
        """Return since when this replica leads; its lease is extended three times in its length, not at every tick."""
        if self._leads_since is None or not self._led_at <= now < self._led_at + LEADER_LEASE / 3:
            self._leads_since = await self._stores.leaders.lead(ROLE, self._holder, now=now)
            self._led_at = now
        return self._leads_since

    @contextmanager
    def _refusals(self, run_id: str) -> Iterator[None]:
        """Let one run that cannot be repaired not keep the others from it; three in a row mean that nothing can be."""
        try:
            yield
        except NjangiError as error:
            self._refused += 1
            log.warning("a run cannot be repaired now", extra={"run_id": run_id, "reason": str(error)})
            if self._refused >= MOST_REFUSALS:
                self._refused = 0
                raise
        else:
            self._refused = 0

    async def _recover(self, now: datetime) -> None:
        taken_up = await self._stores.flow_workers.taken_up(now=now)
        runs = await self._stores.run_recovery.claim_orphans(now=now, limit=MOST_A_TICK, but=taken_up)
        orphans = {run.prefect_flow_run_id: run for run in runs if run.prefect_flow_run_id is not None}
        if not orphans:
            return
        states = {state.flow_run_id: state for state in await self._prefect.flow_run_states(list(orphans))}
        for flow_run_id, run in orphans.items():
            state = states.get(flow_run_id)
            with self._refusals(run.id):
                if state is None and not run.spec:
                    log.warning("Prefect does not know an engineer's flow run; its run ends", extra={"run_id": run.id})
                    await self._stores.controls.end_unknown(run.id, flow_run_id, now=now)
                elif state is None:
                    log.warning("Prefect knows a run's flow run no more; it gets a new one", extra={"run_id": run.id})
                    await self._stores.run_recovery.forget_flow_run(run.id, flow_run_id, now=now)
                else:
                    await self._carry_on(run, state, now)

    async def _retry_crashed(self, now: datetime) -> None:
        """Schedule engineers' flow runs again that crashed before they asked for anything of us."""
        crashed = {state.flow_run_id: state for state in await self._prefect.crashed_flow_runs(now - DAY, MOST_A_TICK)}
        if not crashed:
            return
        ours = await self._stores.run_recovery.carried_by(list(crashed))
        counted = await self._stores.crashes.counted([id_ for id_ in crashed if id_ not in ours])
        for flow_run_id, crashes in counted.items():
            if crash_is_retried((now - crashed[flow_run_id].at).total_seconds(), crashes):
                log.warning("a flow run has crashed and is scheduled again", extra={"flow_run_id": flow_run_id})
                await self._stores.crashes.count(flow_run_id, now=now)
                await self._prefect.set_state(flow_run_id, "SCHEDULED", "its process was lost", name="AwaitingRetry")

    async def _carry_on(self, run: Run, state: FlowRunState, now: datetime) -> None:
        if run.cancel_requested and not run.must_clean_up:
            await self._prefect.set_state(state.flow_run_id, "CANCELLED", "Cancelled through Njangi")
            return
        if not is_lost(state.type, (now - state.at).total_seconds(), own=not run.spec, prepares=run.prepares):
            return
        standing = Standing(await self._stores.run_recovery.progress(run.id), now, run.attempt)
        last = Standing(run.recovered.progress, run.recovered.at, run.recovered.holds) if run.recovered else None
        recoveries = in_a_row(run.recoveries, last, standing)
        if cost_a_worker(state.type, last, standing):
            if is_given_up(recoveries) and run.cancel_requested:
                await self._give_up_cleaning(run, state.flow_run_id, now)
                return
            if is_given_up(recoveries):
                await self._prefect.set_state(state.flow_run_id, "FAILED", GIVEN_UP.format(count=recoveries + 1))
                return
            recoveries += 1
        log.warning("a run has lost its flow worker and is scheduled again", extra={"run_id": run.id})
        await self._stores.run_recovery.count_recovery(
            run.id,
            state.type,
            recoveries,
            progress=standing.progress,
            holds=standing.holds,
            prepares=not run.spec,
            now=now,
        )
        await self._prefect.set_state(state.flow_run_id, "SCHEDULED", "its flow worker was lost", name="AwaitingRetry")
        self._scheduled()

    async def _give_up_cleaning(self, run: Run, flow_run_id: str, now: datetime) -> None:
        """End a cancelled run that loses every flow worker before it has cleaned up."""
        await self._stores.ledger.write(lambda tx: self._stores.runs.request_cancel(tx, run.id, by="njangi", now=now))
        await self._prefect.set_state(flow_run_id, "CANCELLED", "Cancelled through Njangi; it could not clean up")
