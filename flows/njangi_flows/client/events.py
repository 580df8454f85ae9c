"""Past events, page by page, and new events as they happen, also through interruptions."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

from pydantic import AwareDatetime, BaseModel, ConfigDict

from njangi_flows.client.errors import ProblemError, UnreachableError
from njangi_flows.client.transport import Transport, is_passing


class LoggedEvent(BaseModel):
    """One event. The further fields of its type are in `model_extra`, and can be read as attributes."""

    model_config = ConfigDict(extra="allow")

    seq: int
    v: int
    type: str
    at: AwareDatetime
    run_id: str | None


class Missed(BaseModel):
    """The listener was too slow and missed the events numbered above `after` up to `seq`: look at the state again."""

    after: int
    seq: int


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream. Without a type it only says that all events up to that number were sent."""

    number: int
    type: str | None
    data: str


async def server_sent(lines: AsyncIterator[str]) -> AsyncIterator[ServerSentEvent]:
    """Yield the server-sent events that have a number from the lines of a stream."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if fields.get("id"):
            yield ServerSentEvent(int(fields["id"]), fields.get("event"), fields.get("data", "{}"))
        fields = {}


class EventCalls:
    """The log of all events that the caller may read."""

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
    ) -> AsyncIterator[LoggedEvent]:
        """Yield past events numbered above `after`; `types` e.g. `run.*,task.failed`."""
        query = {"types": types, "run_id": run_id, "workflow_id": workflow_id, "owner": owner}
        return self._past(query, after)

    async def _past(self, query: Mapping[str, str | None], after: int) -> AsyncIterator[LoggedEvent]:
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
    ) -> AsyncIterator[LoggedEvent | Missed]:
        """Yield events as they happen, each once, from now on or from the number `after` on; this never ends.

        After an interruption it goes on where it stopped. Raises UnreachableError if the service stays away.
        """
        query = {"types": types, "run_id": run_id, "workflow_id": workflow_id, "owner": owner}
        return follow(self._to, "/v1/events", query, after, endless=True)


async def follow(
    to: Transport, path: str, query: Mapping[str, str | None], after: int | None, *, endless: bool, **ids: str
) -> AsyncIterator[LoggedEvent | Missed]:
    """Yield the events of a stream, as `frames` does."""
    async for frame in frames(to, path, query, after, endless=endless, **ids):
        if frame.type == "resync":
            yield Missed.model_validate_json(frame.data)
        elif frame.type is not None:
            yield LoggedEvent.model_validate_json(frame.data)


async def frames(
    to: Transport, path: str, query: Mapping[str, str | None], after: int | None, *, endless: bool, **ids: str
) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield what a stream sends, and open it again after a break. It ends with the stream unless it is `endless`."""
    backoff = to.backoff()
    while True:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after is not None else {})
        try:
            async with to.stream(path, query=query, headers=headers, **ids) as answer:
                async for frame in server_sent(answer.aiter_lines()):
                    after, backoff = frame.number, to.backoff()
                    yield frame
            if not endless:
                return
            await to.pause(backoff.next() or 1.0)
        except (UnreachableError, ProblemError) as error:
            if isinstance(error, ProblemError) and not is_passing(error):
                raise
            await to.wait(backoff, error)


async def lines(to: Transport, path: str, after: int, **ids: str) -> AsyncGenerator[list[bytes], None]:
    """Yield the events numbered above `after` as lines of JSON, those that arrive together as one list.

    After a break it goes on where it stopped.
    """
    backoff = to.backoff()
    while True:
        try:
            async with to.stream(path, query={"after": after}, headers={}, **ids) as answer:
                rest = b""
                async for piece in answer.aiter_bytes():
                    *whole, rest = (rest + piece).split(b"\n")
                    if whole:
                        after, backoff = json.loads(whole[-1])["seq"], to.backoff()
                        yield [line + b"\n" for line in whole]
                return
        except (UnreachableError, ProblemError) as error:
            if isinstance(error, ProblemError) and not is_passing(error):
                raise
            await to.wait(backoff, error)


class _Events(BaseModel):
    events: list[LoggedEvent]
    next: int
