"""The agent's program, for machines that want to join."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from api.agent_program import agent_program
from api.dependencies import Anyone

router = APIRouter(tags=["agent"], dependencies=[Anyone])

_HEADERS = {"Cache-Control": "no-cache", "Content-Disposition": 'attachment; filename="agent.pyz"'}


@router.get("/agent.pyz", response_class=Response)
@router.head("/agent.pyz", response_class=Response)
async def program(request: Request) -> Response:
    """Return the agent as one file: `python3 agent.pyz join URL --token TOKEN`, with Python 3.9 or newer."""
    made = await asyncio.to_thread(agent_program)
    headers = {**_HEADERS, "ETag": made.etag}
    if made.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(made.content, media_type="application/zip", headers=headers)
