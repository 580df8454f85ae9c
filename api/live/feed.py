"""Let thousands of listeners follow all events through one process that reads the log once.

The newest events are read once, encoded once and kept for all, up to a bound. Each listener is only a place in
them: one that comes from further back reads the log page by page until it has caught up; one that had caught up and
then took too little is told to resync and goes on from now. So nothing is ever queued for anybody, and memory does not
grow with slow listeners.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property

import orjson

from api.access.event_access import EventFilter, may_hear
from api.live.event_json import event_json
from coordinator.background import Loop
from storage.audiences import Audience, AudienceStore
from storage.errors import StorageUnavailableError
from storage.ledger import EVENTS_A_PAGE, Event, Ledger
from storage.people.users import User
from storage.runs.models import ENDED

KEEP_ALIVE_SECONDS = 15.0
AWAY_SECONDS = 1.0
"""How long to wait before looking again while MongoDB is away."""
KEPT = 2000
KEPT_BYTES = 4 * 1024 * 1024
"""How many of the newest events are kept in memory, and how large they may be in all."""
TAKEN_BYTES = 64 * 1024
"""About how much a listener takes at once: what waits for one that does not read stays below twice this."""
PAGES_A_CALL = 25
"""How many pages of the log one request for a page of events looks through."""
RESTART_SECONDS = 0.5
_RUN_ENDED = frozenset(f"run.{status.lower()}" for status in ENDED)
LONGEST_SECONDS = 600.0
"""How long one stream lasts before its listener must come again, with a token that is still good."""


@dataclass(frozen=True)
class EmittedEvent:
    """An event as it is sent, and who may hear it; encoded once for all."""

    seq: int
    type: str
    run_id: str | None
    audience: Audience
    json: bytes

    @cached_property
    def frame(self) -> bytes:
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (self.seq, self.type.encode(), self.json)


@dataclass(frozen=True, slots=True)
class Resync:
    """The listener missed what came after `after`: it must look for itself, and goes on after `seq`."""

    after: int
    seq: int

    @property
    def json(self) -> bytes:
        return orjson.dumps({"after": self.after, "seq": self.seq})

    @property
    def frame(self) -> bytes:
        return b"id: %d\nevent: resync\ndata: %s\n\n" % (self.seq, self.json)


class Feed:
    """The newest events of this service. `run` must be going on beside it."""

    def __init__(self, ledger: Ledger, audiences: AudienceStore) -> None:
        self._ledger = ledger
        self._audiences = audiences
        self._newest: list[EmittedEvent] = []
        self._bytes = 0
        self._floor: int | None = None  # all events numbered above are kept, up to `last`
        self._news = asyncio.Event()
        self.last = 0
        """The number of the newest event that was read."""
        self.listeners = 0
        self.changes: Counter[str] = Counter()
        """How often what a user may do has changed, by name: what was begun before ends, and is let in again or not."""
        self.leaving = False
        self.changed = asyncio.Event()
        """Set, and replaced, when there may be more, and now and then: take it before looking."""

    def loops(self) -> Iterable[Loop]:
        yield Loop("reading new events", self.run, RESTART_SECONDS)

    def told(self) -> None:
        """Tell that the log may have new events."""
        self._news.set()

    def leave(self) -> None:
        """End all streams: this process ends."""
        self.leaving = True
        self._wake()

    def user_changed(self, name: str) -> None:
        """End the streams of a user, whose right to them may have ended."""
        self.changes[name] += 1
        self._wake()

    async def run(self) -> None:
        """Read what is new while somebody listens, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._news.wait(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                self._wake()
                continue
            self._news.clear()
            if not self.listeners:
                self._forget()
                continue
            try:
                await self._look()
            except BaseException:
                self._news.set()
                raise

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def _forget(self) -> None:
        self._floor = None
        self._newest.clear()
        self._bytes = 0

    async def _look(self) -> None:
        if self._floor is None:
            newest = await self._ledger.last_seq()
            floor = max(0, newest - KEPT // 2)  # those who come back after a restart find theirs here
            page = await self.read(floor)
            self.last = floor
            self._floor = floor
        else:
            page = await self.read(self.last)
        while page:
            self._newest += page
            self._bytes += sum(len(event.json) for event in page)
            self.last = page[-1].seq
            self._trim()
            self._wake()
            page = await self.read(self.last)
        self._wake()

    def _trim(self) -> None:
        """Forget the oldest down to half of what may be kept: seldom, and not one by one."""
        if len(self._newest) <= KEPT and self._bytes <= KEPT_BYTES:
            return
        gone = 0
        while len(self._newest) - gone > KEPT // 2 or self._bytes > KEPT_BYTES // 2:
            event = self._newest[gone]
            self._bytes -= len(event.json)
            self._floor = event.seq
            gone += 1
        del self._newest[:gone]

    @property
    def awake(self) -> bool:
        """Whether the newest events have been read: they are only while somebody listens."""
        return self._floor is not None

    async def floor(self) -> int:
        """Return the number above which all events are kept, once they have been read."""
        while self._floor is None and not self.leaving:
            changed = self.changed
            self._news.set()
            await changed.wait()
        return self._floor or 0

    def after(self, seq: int) -> Sequence[EmittedEvent]:
        """Return the next kept events numbered above `seq`, some TAKEN_BYTES of them."""
        at = bisect_right(self._newest, seq, key=lambda event: event.seq)
        end, size = at, 0
        while end < len(self._newest) and size < TAKEN_BYTES:
            size += len(self._newest[end].json)
            end += 1
        return self._newest[at:end]

    async def read(self, after: int, run_id: str | None = None) -> Sequence[EmittedEvent]:
        """Return a page of the log: events numbered above `after`, in order; of one run if `run_id` is given."""
        events = await self._ledger.events(after=after, run_id=run_id, limit=EVENTS_A_PAGE)
        return [_emitted(event, of) for event, of in zip(events, await self._audiences.of(events), strict=True)]


def _emitted(event: Event, audience: Audience) -> EmittedEvent:
    return EmittedEvent(event.seq, event.type, event.run_id, audience, event_json(event))


class Listener:
    """A place in the log, for somebody who wants some events. None as `after` begins with what comes next."""

    def __init__(self, feed: Feed, user: User, wanted: EventFilter, after: int | None) -> None:
        self._feed = feed
        self._user = user
        self._wanted = wanted
        self._changes = feed.changes[user.name]
        self._caught_up = after is None
        self.after = after
        """The number that this listener has everything up to; None before the first look."""

    @property
    def over(self) -> bool:
        """Whether what the user may do has changed since."""
        return self._feed.changes[self._user.name] != self._changes

    @property
    def behind(self) -> bool:
        """Whether the next `take` has something to look at already."""
        return self.after is None or not self._feed.awake or self.after < self._feed.last

    async def take(self) -> Sequence[EmittedEvent | Resync]:
        """Return what comes next, none if there is none or none of it is wanted: look at `behind` then."""
        floor = await self._feed.floor()
        if self.after is None:
            self.after = self._feed.last
        if self.after < floor:
            if self._caught_up and self._wanted.run_id is None:
                missed, self.after = self.after, self._feed.last
                return [Resync(missed, self.after)]
            page = await self._feed.read(self.after, self._wanted.run_id)
            if not page:  # the rest of the log up to there is about other runs
                self.after = floor
        else:
            self._caught_up = True
            page = self._feed.after(self.after)
        if page:
            self.after = page[-1].seq
        return [event for event in page if self._hears(event)]

    def _hears(self, event: EmittedEvent) -> bool:
        return self._wanted.covers(event.type, event.run_id, event.audience) and may_hear(self._user, event.audience)


async def listen(feed: Feed, listener: Listener) -> AsyncGenerator[Sequence[EmittedEvent | Resync], None]:
    """Yield what the listener is to be sent; nothing, at first and now and then, to show where it is.

    Ends when the service leaves, what the user may do has changed, or LONGEST_SECONDS have passed.
    """
    clock = asyncio.get_running_loop().time
    ends, said = clock() + LONGEST_SECONDS, -KEEP_ALIVE_SECONDS
    feed.listeners += 1
    try:
        while not feed.leaving and not listener.over and clock() < ends:
            changed = feed.changed
            found: Sequence[EmittedEvent | Resync] = ()
            try:
                if listener.behind:
                    found = await listener.take()
            except StorageUnavailableError:
                await asyncio.sleep(AWAY_SECONDS)
            if found or (listener.after is not None and clock() - said >= KEEP_ALIVE_SECONDS):
                yield found
                said = clock()
            elif not listener.behind:
                await changed.wait()
    finally:
        feed.listeners -= 1


async def stream(feed: Feed, listener: Listener) -> AsyncGenerator[bytes, None]:
    """Yield what the listener is to be sent as server-sent events."""
    yield b"retry: 1000\n\n"
    async with aclosing(listen(feed, listener)) as batches:
        async for batch in batches:
            yield _frames(batch, listener)


async def run_stream(
    feed: Feed, listener: Listener, run_id: str, ended: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[bytes, None]:
    """Yield all events of one run as server-sent events, until it has `ended` and all are told."""
    yield b"retry: 1000\n\n"
    may_have_ended = True
    async with aclosing(listen(feed, listener)) as batches:
        async for batch in batches:
            yield _frames(batch, listener)
            may_have_ended = may_have_ended or any(
                isinstance(item, EmittedEvent) and item.type in _RUN_ENDED for item in batch
            )
            if not may_have_ended:
                continue
            try:
                if await ended():
                    while page := await feed.read(listener.after or 0, run_id):
                        listener.after = page[-1].seq
                        yield _frames(page, listener)
                    return
            except StorageUnavailableError:
                continue
            may_have_ended = False


def _frames(batch: Sequence[EmittedEvent | Resync], listener: Listener) -> bytes:
    if not batch:
        return b"id: %d\n: still here\n\n" % (listener.after or 0)  # where a browser goes on when it returns
    return b"".join(event.frame for event in batch)


async def page(feed: Feed, user: User, wanted: EventFilter, after: int, limit: int) -> tuple[list[EmittedEvent], int]:
    """Return up to `limit` events numbered above `after`, and the number up to which all were looked at."""
    found: list[EmittedEvent] = []
    for _ in range(PAGES_A_CALL):
        read = await feed.read(after, wanted.run_id)
        for event in read:
            after = event.seq
            if wanted.covers(event.type, event.run_id, event.audience) and may_hear(user, event.audience):
                found.append(event)
                if len(found) == limit:
                    return found, after
        if len(read) < EVENTS_A_PAGE:
            break
    return found, after
