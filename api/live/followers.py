"""Let many listeners follow the events of one run, which a process reads once.

What is new of a run is read once a process, whoever asks first, and kept for all who follow it; who is further behind
reads for himself. Numbers never appear below one that was seen (see `storage.ledger`), so a reader who goes on from the
last number that he has gets every event once, from whichever replica.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile

import orjson

from storage.errors import StorageUnavailableError
from storage.ledger import EVENTS_A_PAGE, Event, Ledger
from storage.runs.models import ENDED
from storage.runs.store import RunStore

KEPT = 1000
"""How many of a followed run's newest events are kept in memory."""
KEEP_ALIVE_SECONDS = 15.0
AWAY_SECONDS = 1.0
"""How long to wait before looking again while MongoDB is away."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """An event as it is sent."""

    seq: int
    frame: bytes


def event_json(event: Event) -> bytes:
    """Return an event as one line of JSON: what every event has, and the fields of its type."""
    common = {"seq": event.seq, "v": event.schema, "type": event.type, "at": event.at, "run_id": event.run_id}
    return orjson.dumps({**common, **event.data})


def _told(event: Event) -> RunEvent:
    return RunEvent(event.seq, b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.type.encode(), event_json(event)))


class RunTail:
    """The newest events of one run: all that are numbered above `floor`."""

    def __init__(self, ledger: Ledger, runs: RunStore, run_id: str) -> None:
        self._ledger = ledger
        self._runs = runs
        self._run_id = run_id
        self._floor: int | None = None
        self._newest: deque[RunEvent] = deque()
        self._stale = True
        self._looking = asyncio.Lock()
        self.followers = 0
        self.ended = False
        """Whether the run had ended before the newest events were read."""
        self.changed = asyncio.Event()
        """Set, and replaced, when there may be more: take it before looking."""

    def wake(self) -> None:
        self._stale = True
        self.changed.set()
        self.changed = asyncio.Event()

    async def after(self, seq: int) -> Sequence[RunEvent]:
        """Return events numbered above `seq` in order; none only if there are none."""
        async with self._looking:
            floor = await self._look() if self._stale or self._floor is None else self._floor
        if seq < floor:
            page = await self._ledger.events(after=seq, run_id=self._run_id, limit=EVENTS_A_PAGE)
            return [_told(event) for event in page]
        return list(takewhile(lambda told: told.seq > seq, reversed(self._newest)))[::-1]

    async def _look(self) -> int:
        """Read what is new, and return the new floor."""
        self._stale = False  # before reading: what is told meanwhile makes it stale again
        try:
            ended = await self._runs.status(self._run_id) in ENDED
            floor = await self._ledger.last_seq() if self._floor is None else self._floor
            newest = self._newest[-1].seq if self._newest else floor
            async for page in self._ledger.history(self._run_id, after=newest):
                self._newest.extend(map(_told, page))
                while len(self._newest) > KEPT:
                    floor = self._newest.popleft().seq
        except BaseException:
            self._stale, self._floor = True, None
            self._newest.clear()
            raise
        self._floor, self.ended = floor, ended
        return floor


class Followers:
    """The runs that somebody follows through this process."""

    def __init__(self, ledger: Ledger, runs: RunStore) -> None:
        self._ledger = ledger
        self._runs = runs
        self._tails: dict[str, RunTail] = {}
        self.leaving = False

    def told(self, run_id: str) -> None:
        """Wake those who follow the run."""
        if tail := self._tails.get(run_id):
            tail.wake()

    def everything_may_have(self) -> None:
        """After a gap in the news: let all look for themselves."""
        for tail in self._tails.values():
            tail.wake()

    def leave(self) -> None:
        """End all streams: this process ends."""
        self.leaving = True
        self.everything_may_have()

    @property
    def followed(self) -> int:
        """How many runs somebody follows."""
        return len(self._tails)

    async def stream(self, run_id: str, after: int, over: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
        """Yield a run's events numbered above `after` as server-sent events, until it has ended and all are told.

        It ends before that when it is `over`: what the caller may do has changed. Who is told so wakes all.
        """
        with self._tail(run_id) as tail:
            yield b"retry: 1000\n\n"
            while not self.leaving and not over():
                changed = tail.changed
                wait = KEEP_ALIVE_SECONDS
                try:
                    if found := await tail.after(after):
                        yield b"".join(told.frame for told in found)
                        after = found[-1].seq
                        continue
                    if tail.ended:
                        return
                except StorageUnavailableError:
                    wait = AWAY_SECONDS
                try:
                    await asyncio.wait_for(changed.wait(), wait)
                except TimeoutError:
                    yield b": still here\n\n"

    @contextmanager
    def _tail(self, run_id: str) -> Iterator[RunTail]:
        tail = self._tails.setdefault(run_id, RunTail(self._ledger, self._runs, run_id))
        tail.followers += 1
        try:
            yield tail
        finally:
            tail.followers -= 1
            if not tail.followers:
                del self._tails[run_id]
