"""Give each request an id, and measure its time by route.

The name comes from the caller's X-Request-ID or is made here; it goes back in the same header, into what is logged
meanwhile, and into problem+json as `request_id`.
"""

from __future__ import annotations

import re
import secrets
import time
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.metrics import Requests

HEADER = "X-Request-ID"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The name of the request that this code works for, None outside of requests."""


class TraceRequests:
    """ASGI middleware, the outermost: nothing answers before it. Times end with the answer's first byte."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        name = given if _NAME.fullmatch(given) else secrets.token_hex(8)
        request_id.set(name)  # each request has a context of its own
        began = time.perf_counter()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
                seconds = time.perf_counter() - began
                self._requests.answered(scope["method"], _route(scope), message["status"], seconds)
            await send(message)

        await self._app(scope, receive, named)


def _route(scope: Scope) -> str:
    """Return the template of the route that took the request: few, whatever callers send."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if path is not None:
        return str(path)
    return str(scope["path"]) if scope.get("endpoint") is not None and not scope.get("path_params") else "none"
