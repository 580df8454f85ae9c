"""Events: what has happened, page by page, and what happens, through interruptions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from njangi_flows.client.errors import ProblemError, UnreachableError
from njangi_flows.client.transport import Transport, is_passing


class Event(BaseModel):
    """One event; what its type tells besides is in `model_extra`, and read as an attribute."""

    model_config = ConfigDict(extra="allow")

    seq: int
    v: int
    type: str
    at: AwareDatetime
    run_id: str | None


class Missed(BaseModel):
    """The listener was too slow: events numbered above `after` up to `seq` were left out, so look again."""

    after: int
    seq: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A server-sent event: without a type it only says that all up to that number is told."""

    number: int
    type: str | None
    data: str


async def frames(lines: AsyncIterator[str]) -> AsyncIterator[Frame]:
    """Yield the server-sent events that have a number from the lines of a stream."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if fields.get("id"):
            yield Frame(int(fields["id"]), fields.get("event"), fields.get("data", "{}"))
        fields = {}


class Events:
    """The log of all that the caller may read."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    def list(
        self,
        *,
        types: str | None = None,
        run_id: str | None = None,
        workflow_id: str | None = None,
        owner: str | None = None,
        after: int = 0,
    ) -> AsyncIterator[Event]:
        """Yield what has happened, from the event after number `after` on; `types` e.g. `run.*,task.failed`."""
        query = {"types": types, "run_id": run_id, "workflow_id": workflow_id, "owner": owner}
        return self._past(query, after)

    async def _past(self, query: Mapping[str, str | None], after: int) -> AsyncIterator[Event]:
        while True:
            page: _Events = await self._to.get(_Events, "/v1/events", query={**query, "after": after, "limit": 1000})
            for event in page.events:
                yield event
            if page.next == after:
                return
            after = page.next

    def follow(
        self,
        *,
        types: str | None = None,
        run_id: str | None = None,
        workflow_id: str | None = None,
        owner: str | None = None,
        after: int | None = None,
    ) -> AsyncIterator[Event | Missed]:
        """Yield events as they happen, each once, from now or after a number on; it does not end.

        After an interruption it goes on where it was. Raises UnreachableError when the service stays away.
        """
        query = {"types": types, "run_id": run_id, "workflow_id": workflow_id, "owner": owner}
        return follow(self._to, "/v1/events", query, after, endless=True)


async def follow(
    to: Transport, path: str, query: Mapping[str, str | None], after: int | None, *, endless: bool, **ids: str
) -> AsyncIterator[Event | Missed]:
    """Yield what a stream tells, and go on after a break; one that is not `endless` ends when the service ends it."""
    backoff = to.backoff()
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after is not None else {})
        try:
            async with to.stream(path, query=query, headers=headers, **ids) as answer:
                async for frame in frames(answer.aiter_lines()):
                    after, backoff = frame.number, to.backoff()
                    if frame.type == "resync":
                        yield Missed.model_validate_json(frame.data)
                    elif frame.type is not None:
                        yield Event.model_validate_json(frame.data)
            if not endless:
                return
            seconds = backoff.next()
        except UnreachableError:
            seconds = backoff.next()
            if seconds is None:
                raise
        except ProblemError as error:
            seconds = backoff.next() if is_passing(error) else None
            if seconds is None:
                raise
        await to.pause(seconds or 1.0)


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield the objects of a stream of JSON, one a line."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield json.loads(line)


class _Events(BaseModel):
    events: list[Event]
    next: int
