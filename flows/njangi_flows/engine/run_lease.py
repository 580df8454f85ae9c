"""Hold the lease of a run, and tell the flow when to stop and why.

Four things end a flow early: the run is cancelled, the lease went to another holder, this process is asked
to leave, or the flow itself fails. They must not be mixed up, since only some of them are the run's end.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from njangi_flows.engine.errors import LeaseTakenError, RunHasEndedError, RunHeldElsewhereError
from njangi_flows.engine.flow_client import FlowService
from njangi_flows.engine.heartbeats import Heart
from njangi_flows.errors import FlowsError
from njangi_flows.protocol import BeatOrders, CarriedRun, Hold, Orders, RunLease

log = logging.getLogger(__name__)

SECONDS_TO_LEAVE = 3.0
"""How long a process that was asked to leave tries to give a run lease back."""
LONGEST_LEASE_SECONDS = 20.0
"""How long to wait for a lease that a dead holder may have left behind."""


class Stop(enum.Enum):
    """Why a flow should stop before its work is done."""

    CANCELLED = "the run was cancelled"
    CLEAN_UP_SKIPPED = "the run was cancelled a second time"
    LEASE_LOST = "another holder carries the run"
    LEAVING = "this process was asked to leave"


class StoppedError(FlowsError):
    """A flow stops before its work is done; `reason` says why."""

    def __init__(self, reason: Stop) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason.value


class StopSignal:
    """Says once that a flow should stop; the first reason stays.

    `settled_in` is called when the flow holds its run, or has to wait for another holder.
    """

    def __init__(self, settled_in: Callable[[], None] = lambda: None) -> None:
        self.settled_in = settled_in
        self.reason: Stop | None = None
        self.cleaning_up = False
        self._event = asyncio.Event()

    def clean_up(self) -> None:
        """Go on although the run was cancelled, which is no reason to stop any more."""
        self.cleaning_up = True
        self.reason = None
        self._event.clear()

    def set(self, reason: Stop) -> None:
        if self.reason is None and not (self.cleaning_up and reason is Stop.CANCELLED):
            self.reason = reason
            self._event.set()

    async def wait(self) -> None:
        await self._event.wait()


stop_signal: ContextVar[StopSignal | None] = ContextVar("njangi_stop_signal", default=None)
"""Set by whoever starts a flow and may want to stop it; the flow's own hold adds to it."""


class HeldRun:
    """A run under our lease."""

    def __init__(self, service: FlowService, hold: Hold, stop: StopSignal) -> None:
        self.service = service
        self.lease = RunLease(hold.run.id, hold.token)
        self.slots = hold.slots
        self.run: CarriedRun = hold.run
        self.stop = stop

    @property
    def id(self) -> str:
        return self.lease.run_id

    def heed(self, orders: Orders) -> None:
        """Stop if the service says so."""
        if orders.skip_clean_up:
            self.stop.set(Stop.CLEAN_UP_SKIPPED)
        elif orders.cancel:
            self.stop.set(Stop.CANCELLED)

    def heed_beat(self, orders: BeatOrders) -> None:
        """Stop if the run lease is lost, or if the service says so."""
        if orders.lost:
            self.stop.set(Stop.LEASE_LOST)
        else:
            self.heed(orders)


@asynccontextmanager
async def hold_run(
    heart: Heart,
    run_id: str,
    why_failed: Callable[[], str | None] = lambda: None,
    patience: float = LONGEST_LEASE_SECONDS,
) -> AsyncIterator[HeldRun]:
    """Hold the run while the block runs, and give it back with `why_failed()` or the block's own error.

    Waits `patience` seconds for the lease of a holder that may have died. Raises RunHeldError if it is alive,
    RunEndedError, StoppedError if this process leaves meanwhile. A lost lease is not given back: it is another's.
    """
    stop = stop_signal.get() or StopSignal()
    held = HeldRun(heart.service, await _take(heart.service, run_id, patience, stop), stop)
    heart.begin(held.lease, held.heed_beat)
    error: str | None = None
    try:
        yield held
        error = why_failed()
    except StoppedError:
        raise
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        raise
    finally:
        heart.end(held.lease)
        if held.stop.reason is not Stop.LEASE_LOST:
            await _give_back(held, error)


async def _take(service: FlowService, run_id: str, patience: float, stop: StopSignal) -> Hold:
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            held = await service.hold(run_id)
            stop.settled_in()
            return held
        except RunHeldElsewhereError:
            stop.settled_in()
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.5)
        if stop.reason in (Stop.LEAVING, Stop.LEASE_LOST):
            raise StoppedError(stop.reason)


async def _give_back(held: HeldRun, error: str | None) -> None:
    patience = SECONDS_TO_LEAVE if held.stop.reason is Stop.LEAVING else None
    try:
        async with asyncio.timeout(patience):
            await held.service.release(held.lease, error)
    except TimeoutError:
        log.warning("the service is away; the run lease will run out instead", extra={"run_id": held.id})
    except (LeaseTakenError, RunHasEndedError):
        log.info("the run lease was gone before it was given back", extra={"run_id": held.id})
