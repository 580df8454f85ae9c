"""The states of all subtasks of a run at once, for drawing them."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from api.dependencies import App, Reader
from api.runs.grid import MEDIA_TYPE, compressed, pieces

router = APIRouter(prefix="/v1/runs", tags=["runs"])


@router.get("/{run_id}/grid", response_class=Response)
async def grid(run_id: str, request: Request, app: App, _: Reader) -> Response:
    """Return one byte a subtask; its form is told in docs/events.md under Grid."""
    await app.stores.runs.status(run_id)
    found = await app.stores.grids.of_run(run_id)
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(b"".join(pieces(found)), media_type=MEDIA_TYPE, headers=headers)
    body = await asyncio.to_thread(compressed, found)  # a million cells take tens of milliseconds
    return Response(body, media_type=MEDIA_TYPE, headers=headers | {"Content-Encoding": "gzip"})
