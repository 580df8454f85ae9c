"""Send the event log to other systems: one replica at a time, each system from its own position.

How far each has come is in MongoDB and moves after the system has taken events, so a kill repeats what it took in the
last second and leaves nothing out. One that is away holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from coordinator.leadership import Leadership
from storage.cursors import CursorStore
from storage.ledger import EVENTS_A_PAGE, Event, Ledger

ROLE = "publishing"
LOOK_SECONDS = 10.0
"""How often to look without news."""
PACE_SECONDS = 0.2
NOTED_EVERY = timedelta(seconds=1)
"""What happens within these is carried, and noted, together: the log may grow a hundred times a second."""


class Outlet(Protocol):
    """A system that takes events, in order. Taking a page again must be harmless."""

    @property
    def name(self) -> str: ...

    async def take(self, events: Sequence[Event]) -> None: ...


@dataclass(slots=True)
class LogPlace:
    """How far an outlet has come, and what of that is noted in MongoDB since when."""

    outlet: Outlet
    seq: int
    noted: int
    noted_at: datetime


class Publisher:
    """Feeds outlets. `wait` returns when the log may have grown past what was heard of it, or after some seconds."""

    def __init__(
        self,
        ledger: Ledger,
        cursors: CursorStore,
        leadership: Leadership,
        wait: Callable[[int, float], Awaitable[int]],
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._cursors = cursors
        self._leadership = leadership
        self._wait = wait
        self._clock = clock

    async def feed(self, outlet: Outlet) -> None:
        """Carry events to one outlet until cancelled, or until it fails: begin again then."""
        heard, place = -1, None
        while True:
            heard = await self._wait(heard, LOOK_SECONDS)
            if not await self._leadership.held(now=self._clock()):
                place = None  # another replica goes on from what was noted
                continue
            place = place or await self.place(outlet)
            while await self.step(place) and await self._leadership.held(now=self._clock()):
                pass
            await asyncio.sleep(PACE_SECONDS)

    async def place(self, outlet: Outlet) -> LogPlace:
        """Return where an outlet has come to; one that is new begins with what comes next."""
        seq = await self._cursors.of(outlet.name, start=await self._ledger.last_seq())
        return LogPlace(outlet, seq, seq, self._clock())

    async def step(self, place: LogPlace) -> bool:
        """Carry one page and note that now and then; tell whether there is likely more."""
        page = await self._ledger.events(after=place.seq, limit=EVENTS_A_PAGE)
        if page:
            await place.outlet.take(page)
            place.seq = page[-1].seq
        now = self._clock()
        if place.seq != place.noted and now - place.noted_at >= NOTED_EVERY:
            await self._cursors.move(place.outlet.name, place.seq)
            place.noted, place.noted_at = place.seq, now
        return len(page) == EVENTS_A_PAGE
