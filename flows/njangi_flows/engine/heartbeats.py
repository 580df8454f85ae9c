"""Send the heartbeats of all runs of a process: one request extends every run lease and returns the orders."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Self
from uuid import UUID

from njangi_flows.engine.errors import ServiceError
from njangi_flows.engine.flow_client import FlowService
from njangi_flows.engine.settings import FlowSettings
from njangi_flows.protocol import BeatOrders, RunLease

log = logging.getLogger(__name__)

BEAT_SECONDS = 3.0
MOST_LEASES = 5000  # in one request
MOST_FLOW_RUNS = 20_000

Heed = Callable[[BeatOrders], None]


class Heart:
    """Beats while it is open, for as many run leases as there are. One per event loop, like the service it calls."""

    def __init__(self, service: FlowService, taken_up: Callable[[], Sequence[UUID]] | None = None) -> None:
        """`taken_up` returns the flow runs that this process has taken up; the first MOST_FLOW_RUNS are told.

        None if it carries one only.
        """
        self.service = service
        self._taken_up = taken_up
        self._heeds: dict[RunLease, Heed] = {}
        self._began = asyncio.Event()
        self._beating: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._beat(), name="beats")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)

    def begin(self, lease: RunLease, heed: Heed) -> None:
        """Extend the lease from now on, and call `heed` with what the service answers each time, until it is lost."""
        self._heeds[lease] = heed
        self._began.set()

    def end(self, lease: RunLease) -> None:
        """Extend the lease no more."""
        self._heeds.pop(lease, None)

    async def _beat(self) -> None:
        while True:
            if self._taken_up is None:
                await self._began.wait()
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self._once()
            except ServiceError:
                log.exception("the service refused the beats of this process; its run leases run out")
            if not self._heeds:
                self._began.clear()

    async def _once(self) -> None:
        leases = list(self._heeds)
        flow_runs = [str(id_) for id_ in self._taken_up()[:MOST_FLOW_RUNS]] if self._taken_up is not None else None
        if flow_runs and not leases:
            await self.service.beat([], flow_runs)
        for start in range(0, len(leases), MOST_LEASES):
            part = leases[start : start + MOST_LEASES]
            for lease, orders in zip(part, await self.service.beat(part, flow_runs), strict=True):
                heed = self._heeds.get(lease)  # None: it was given back meanwhile
                if orders.lost:
                    self.end(lease)
                if heed is not None:
                    heed(orders)


shared_heart: ContextVar[Heart | None] = ContextVar("njangi_shared_heart", default=None)
"""Set by a process that carries many runs."""


@asynccontextmanager
async def open_heart() -> AsyncIterator[Heart]:
    """Yield the heart that the process shares, or one that is opened for the caller alone."""
    shared = shared_heart.get()
    if shared is not None:
        yield shared
        return
    async with FlowService(FlowSettings.from_environment()) as service, Heart(service) as heart:
        yield heart
