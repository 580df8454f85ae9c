"""Record who changes what: an entry before the change, and its outcome after it.

The dependency that checks the right of a call calls `record`, so no route can forget it; what comes in without one
(signing in, accepting an invitation) calls it itself.
"""

from __future__ import annotations

import contextlib

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.clock import utc_now
from api.http.tracing import request_id
from api.services import Services
from storage.errors import StorageUnavailableError
from storage.people.users import PEOPLE, User

_READING = ("GET", "HEAD", "OPTIONS")
_NO_CHANGES = ("/v1/blobs/", "/v1/uploads", "/v1/workflows:validate")
"""What is sent in pieces, many a workflow, and changes nothing before a workflow names it; and what changes nothing."""


class AuditMiddleware:
    """ASGI middleware: writes down how what was recorded ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            entry = state.get("entry")
            if message["type"] == "http.response.start" and entry is not None:
                with contextlib.suppress(StorageUnavailableError):  # that it was asked for is written down
                    services: Services = scope["app"].state.services
                    await services.stores.audit.end(entry, message["status"])
            await send(message)

        await self._app(scope, receive, told)


async def record(app: Services, request: Request, user: User) -> None:
    """Write down that a person asks for a change; reads, and what flows and agents do, are not."""
    if request.method in _READING or user.role not in PEOPLE or request.url.path.startswith(_NO_CHANGES):
        return
    await record_as(app, request, user.name)


async def record_as(app: Services, request: Request, who: str) -> None:
    """Write down what `who`, as the caller says it is, asks for."""
    address = request.client.host if request.client else "unknown"
    action = f"{request.method} {route_of(request)}"
    on = {name: str(value) for name, value in request.path_params.items()}
    request.state.entry = await app.stores.audit.begin(who, address, action, on, request_id.get(), now=utc_now())


def route_of(request: Request) -> str:
    """Return the path of the request with names in place of the ids in it."""
    path = request.url.path
    for name, value in request.path_params.items():
        path = path.replace(f"/{value}", f"/{{{name}}}", 1)
    return path
