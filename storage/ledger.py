"""Write changes of state together with the events that tell of them, in an order readers can resume from.

An event's number is drawn from one counter document inside the transaction that inserts the event.
Two writers of the counter conflict, and the loser starts again, so numbers become visible in their
order and a reader that has seen n never finds a lower one later. Within a process a lock lets one
transaction run at a time: callers with much to say gather it first (see `coordinator.dispatcher`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from storage.database import Database, Document, Session, unavailable_is_ours

T = TypeVar("T")

SCHEMA = 1
"""Version of the events written now. It rises when a type's fields change their meaning, not when types or fields are
added: readers leave out what they do not know. 0: written before events told everything."""

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
class Turn:
    """One transaction under way: pass `session` to every operation, and `tell` what happened."""

    session: Session
    events: list[Document] = field(default_factory=list)

    def tell(self, type_: str, at: datetime, *, run_id: str | None = None, **data: Any) -> None:
        """Log an event, if the transaction commits."""
        self.events.append({"type": type_, "at": at, "run_id": run_id, "data": data})


class Ledger:
    """The one way to change subtasks, batches, tasks and runs: a transaction with its events."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = database["events"]
        self._counters = database["counters"]
        self._one_at_a_time = asyncio.Lock()
        self.conflicts = 0
        """How often a transaction of this process had to start again."""

    async def prepare(self) -> None:
        """Create the indexes and the counter."""
        await self._events.create_index([("run_id", 1), ("_id", 1)])
        await self._counters.update_one({"_id": "events"}, {"$setOnInsert": {"seq": 0}}, upsert=True)

    async def write(self, work: Callable[[Turn], Awaitable[T]]) -> T:
        """Run `work` in one transaction and number its events. `work` may run more than once."""
        tries = 0

        async def once(session: Session) -> T:
            nonlocal tries
            tries += 1
            turn = Turn(session)
            result = await work(turn)
            if turn.events:
                await self._number(turn)
            return result

        async with self._one_at_a_time:
            try:
                return await self._database.transaction(once)
            finally:
                self.conflicts += max(0, tries - 1)

    async def _number(self, turn: Turn) -> None:
        counter = await self._counters.find_one_and_update(
            {"_id": "events"}, {"$inc": {"seq": len(turn.events)}}, session=turn.session
        )
        if counter is None:
            raise RuntimeError("the event counter is missing; Ledger.prepare() was not called")
        first = counter["seq"] + 1
        documents = [{"_id": first + place, "v": SCHEMA, **event} for place, event in enumerate(turn.events)]
        await self._events.insert_many(documents, session=turn.session)

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


def _event(document: Document) -> Event:
    return Event(
        seq=document["_id"],
        type=document["type"],
        at=document["at"],
        run_id=document["run_id"],
        data=document["data"],
        schema=document.get("v", 0),
    )
