"""Carry the event log to other systems: one replica at a time, each system from where it has come to.

How far each has come is in MongoDB and moves after the system has taken a page of events, so a kill repeats at most one
page and leaves nothing out. One that is away holds up no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from coordinator.office import Office
from storage.cursors import CursorStore
from storage.ledger import EVENTS_A_PAGE, Event, Ledger

OFFICE = "publishing"
LOOK_SECONDS = 5.0
"""How often to look without news."""


class Outlet(Protocol):
    """A system that takes events, in order. Taking a page again must be harmless."""

    @property
    def name(self) -> str: ...

    async def take(self, events: Sequence[Event]) -> None: ...


class Publisher:
    """Feeds outlets. `wait` returns when the log may have grown past what was heard of it, or after some seconds."""

    def __init__(
        self,
        ledger: Ledger,
        cursors: CursorStore,
        office: Office,
        wait: Callable[[int, float], Awaitable[int]],
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._cursors = cursors
        self._office = office
        self._wait = wait
        self._clock = clock

    async def feed(self, outlet: Outlet) -> None:
        """Carry events to one outlet until cancelled, or until it fails: begin again then."""
        heard = -1
        while True:
            heard = await self._wait(heard, LOOK_SECONDS)
            while await self._office.held(now=self._clock()) and await self.step(outlet):
                pass

    async def step(self, outlet: Outlet) -> bool:
        """Carry one page; tell whether there may be more. An outlet that is new begins with what comes next."""
        seq = await self._cursors.of(outlet.name, start=await self._ledger.last_seq())
        page = await self._ledger.events(after=seq, limit=EVENTS_A_PAGE)
        if page:
            await outlet.take(page)
            await self._cursors.move(outlet.name, page[-1].seq)
        return len(page) == EVENTS_A_PAGE
