"""Write changes of state and their events in one transaction, numbered so that readers can resume.

An event's number is drawn from one counter document inside the transaction that inserts the event.
Two writers of the counter conflict, and the loser starts again, so numbers become visible in their
order and a reader that has seen n never finds a lower one later. A process has one transaction under way at a
time, and what comes meanwhile is written together in the next: to commit costs more than most of what is committed
(docs/decisions/0070-writes-that-share-a-transaction.md).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar, cast

from storage.database import Database, Document, Session, unavailable_is_ours
from storage.errors import StorageUnavailableError

T = TypeVar("T")

SCHEMA = 1
"""Version of the events written now. It rises when a type's fields change their meaning, not when types or fields are
added: readers leave out what they do not know. 0: written before events told everything."""

MOST = 32
"""How many works share a transaction."""
SECONDS_TOGETHER = 0.05
"""After so long no further work joins: who writes little does not wait for many who write much."""

EVENTS_A_PAGE = 200
"""How many a reader of all events takes at once; one may name a thousand subtasks."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the append-only log. `seq` rises without holes over the whole service."""

    seq: int
    type: str
    at: datetime
    run_id: str | None
    data: Mapping[str, Any]
    schema: int = SCHEMA


@dataclass(slots=True)
class Transaction:
    """A transaction under way: pass `session` to every operation, and `emit` an event for each change."""

    session: Session
    events: list[Document] = field(default_factory=list)

    def emit(self, type_: str, at: datetime, *, run_id: str | None = None, **data: Any) -> None:
        """Write an event to the log if the transaction commits."""
        self.events.append({"type": type_, "at": at, "run_id": run_id, "data": data})


@dataclass(slots=True, eq=False)
class _Wanted:
    """What somebody wants written; `result` is done once it is, or cannot be, or once nobody waits for it any more."""

    work: Callable[[Transaction], Awaitable[Any]]
    result: asyncio.Future[Any]


@dataclass(slots=True)
class _Shared:
    """How far a transaction has come with the works that share it."""

    begun: int = 0
    results: list[Any] = field(default_factory=list)


class Ledger:
    """The one way to change subtasks, batches, tasks and runs: a transaction with its events."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = database["events"]
        self._counters = database["counters"]
        self._wanted: deque[_Wanted] = deque()
        self._writing: asyncio.Task[None] | None = None
        self.conflicts = 0
        """How often a transaction of this process had to start again."""

    async def prepare(self) -> None:
        """Create the indexes and the counter."""
        await self._events.create_index([("run_id", 1), ("_id", 1)])
        await self._counters.update_one({"_id": "events"}, {"$setOnInsert": {"seq": 0}}, upsert=True)

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction and number its events.

        It may run more than once, and after works of others in the same transaction, whose changes it sees. If it
        raises, it is undone and run again in a transaction of its own, and what it raises there is raised here. Whoever
        is cancelled while he waits does not know whether it was written.
        """
        wanted = _Wanted(work, asyncio.get_running_loop().create_future())
        self._wanted.append(wanted)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="ledger")
        return cast(T, await wanted.result)

    async def close(self) -> None:
        """Let go of what is still to be written; whoever waits for it is cancelled."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])

    async def _write_all(self) -> None:
        """Write what is wanted, in the order in which it came, until nothing is.

        This is a task of its own, so that what one caller wanted does not end with another who is cancelled.
        """
        try:
            while self._wanted:
                if self._wanted[0].result.done():
                    self._wanted.popleft()
                else:
                    await self._write_some(list(islice(self._wanted, MOST)))
        finally:
            for wanted in self._wanted:
                wanted.result.cancel()
            self._wanted.clear()

    async def _write_some(self, group: Sequence[_Wanted]) -> None:
        """Write the first of the group, and as many more as there is time for."""
        shared = _Shared()
        try:
            await self._transaction(group, shared)
        except StorageUnavailableError as error:
            for wanted in group:
                _end(wanted, error=StorageUnavailableError(*error.args))
        except Exception as error:
            if len(group) == 1:
                _end(group[0], error=error)
                return
            refused = len(shared.results)  # which of them ended the transaction of all, or else all of them together
            parts = (
                (group[:refused], [group[refused]]) if shared.begun > refused else (group[: max(1, shared.begun // 2)],)
            )
            for part in parts:
                if part:
                    await self._write_some(part)
        else:
            for wanted, result in zip(group, shared.results, strict=False):
                _end(wanted, result)

    async def _transaction(self, group: Sequence[_Wanted], shared: _Shared) -> None:
        """Write the first works of the group; `shared` has their results."""
        tries = 0
        clock = asyncio.get_running_loop().time

        async def once(session: Session) -> None:
            nonlocal tries
            tries += 1
            shared.begun, shared.results = 0, []
            tx, began = Transaction(session), clock()
            if tries > 1:  # others were quicker: let them wait this time
                await self._counters.update_one({"_id": "events"}, {"$inc": {"waited": 1}}, session=session)
            for wanted in group:
                if shared.begun and clock() - began > SECONDS_TOGETHER:
                    break
                shared.begun += 1
                shared.results.append(None if wanted.result.done() else await wanted.work(tx))
            if tx.events:
                await self._number(tx)

        try:
            await self._database.transaction(once)
        finally:
            self.conflicts += max(0, tries - 1)

    async def _number(self, tx: Transaction) -> None:
        counter = await self._counters.find_one_and_update(
            {"_id": "events"}, {"$inc": {"seq": len(tx.events)}}, session=tx.session
        )
        if counter is None:
            raise RuntimeError("the event counter is missing; Ledger.prepare() was not called")
        first = counter["seq"] + 1
        documents = [{"_id": first + place, "v": SCHEMA, **event} for place, event in enumerate(tx.events)]
        await self._events.insert_many(documents, session=tx.session)

    async def events(self, *, after: int = 0, run_id: str | None = None, limit: int = 1000) -> Sequence[Event]:
        """Return events numbered above `after`, in order; of one run if `run_id` is given."""
        query: Document = {"_id": {"$gt": after}}
        if run_id is not None:
            query["run_id"] = run_id
        with unavailable_is_ours():
            documents = await self._events.find(query).sort("_id", 1).limit(limit).to_list()
        return [_event(document) for document in documents]

    async def history(self, run_id: str, *, after: int = 0) -> AsyncIterator[Sequence[Event]]:
        """Yield all events of a run numbered above `after`, in order, a page at a time."""
        while page := await self.events(after=after, run_id=run_id, limit=EVENTS_A_PAGE):
            yield page
            after = page[-1].seq

    async def last_seq(self) -> int:
        """Return the number of the newest event, 0 before the first."""
        with unavailable_is_ours():
            counter = await self._counters.find_one({"_id": "events"})
        return counter["seq"] if counter else 0


def _end(wanted: _Wanted, result: object = None, error: Exception | None = None) -> None:
    if wanted.result.done():  # nobody waits for it any more
        return
    if error is not None:
        wanted.result.set_exception(error)
    else:
        wanted.result.set_result(result)


def _event(document: Document) -> Event:
    return Event(
        seq=document["_id"],
        type=document["type"],
        at=document["at"],
        run_id=document["run_id"],
        data=document["data"],
        schema=document.get("v", 0),
    )
