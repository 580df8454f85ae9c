"""The event log of a run: all of it, or followed as it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.access.event_access import EventFilter
from api.dependencies import App, Reader
from api.live.event_json import event_json
from api.live.feed import Listener, run_stream
from storage.ledger import Ledger
from storage.runs.models import ENDED

router = APIRouter(prefix="/v1/runs", tags=["runs"])
After = Annotated[int, Query(ge=0, lt=2**63)]


@router.get("/{run_id}/events")
async def events(
    run_id: str,
    request: Request,
    app: App,
    caller: Reader,
    last_event_id: Annotated[int, Header(alias="Last-Event-ID", ge=0, lt=2**63)] = 0,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> Response:
    """Return the run's events in order: a JSON page, or with Accept: text/event-stream as they happen."""
    await app.stores.runs.status(run_id)
    start = max(after, last_event_id)
    if "text/event-stream" in request.headers.get("accept", ""):

        async def ended() -> bool:
            return await app.stores.runs.status(run_id) in ENDED

        listener = Listener(app.feed, caller, EventFilter(run_id=run_id), start)
        stream = run_stream(app.feed, listener, run_id, ended)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    found = await app.stores.ledger.events(after=start, run_id=run_id, limit=limit)
    return Response(b'{"events":[%s]}' % b",".join(map(event_json, found)), media_type="application/json")


@router.get("/{run_id}/history")
async def history(run_id: str, app: App, _: Reader, after: After = 0) -> StreamingResponse:
    """Return all events of the run numbered above `after`, one JSON object a line, in order."""
    await app.stores.runs.status(run_id)
    return StreamingResponse(_lines(app.stores.ledger, run_id, after), media_type="application/jsonl")


async def _lines(ledger: Ledger, run_id: str, after: int) -> AsyncIterator[bytes]:
    async for page in ledger.history(run_id, after=after):
        yield b"".join(event_json(event) + b"\n" for event in page)
