"""The events of everything that the caller may read: page by page, or followed as they are written."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.access.event_access import EventFilter, types_of
from api.dependencies import App, Reader
from api.live.feed import Listener, page, stream

router = APIRouter(prefix="/v1/events", tags=["events"])


@router.get("")
async def events(
    request: Request,
    app: App,
    caller: Reader,
    types: Annotated[list[str] | None, Query()] = None,
    run_id: str | None = None,
    workflow_id: str | None = None,
    owner: str | None = None,
    last_event_id: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, lt=2**63)] = None,
    after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Return events in order: a JSON page, or with Accept: text/event-stream as they happen from now on.

    A page's `next` is what to give as `after` to go on; it may hold nothing and yet not be the last.
    """
    wanted = EventFilter(types_of(types or ()), run_id, workflow_id, owner)
    start = last_event_id if last_event_id is not None else after
    if "text/event-stream" in request.headers.get("accept", ""):
        frames = stream(app.feed, Listener(app.feed, caller, wanted, start))
        return StreamingResponse(frames, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    found, next_ = await page(app.feed, caller, wanted, start or 0, limit)
    body = b'{"events":[%s],"next":%d}' % (b",".join(told.json for told in found), next_)
    return Response(body, media_type="application/json")
