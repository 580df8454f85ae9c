"""Set the headers that tell browsers what they may do, and answer only to the names of this service."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import problem
from api.settings import Settings

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_KEPT_NOWHERE = (b"cache-control", b"no-store")
_ASKED_AGAIN = (b"cache-control", b"private, no-cache")
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
CORS: dict[str, Any] = {
    "allow_methods": ["*"],
    "allow_headers": ["*"],
    "expose_headers": ["*", "Authorization"],
    "max_age": 600,
}
"""What pages of the origins in NJANGI_CORS_ORIGINS may do: all that their token opens, but not with our cookie."""


class Protect:
    """ASGI middleware. What an answer says for itself stays: the console's pages have a policy of their own."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = frozenset(settings.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        personal = scope["path"].startswith("/v1/")
        secure = scope["scheme"] == "https"

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                more = [pair for pair in _ALWAYS if pair[0] not in said]
                if personal and b"cache-control" not in said:
                    more.append(_ASKED_AGAIN if b"etag" in said else _KEPT_NOWHERE)
                if secure:
                    more.append(_HTTPS_ONLY)
                message["headers"] = [*message["headers"], *more]
            await send(message)

        if self._hosts and _host(scope) not in self._hosts:
            refusal = problem(421, "other-host", "this service does not answer to the name in the header Host")
            await refusal(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _host(scope: Scope) -> str:
    """Return the name, without the port, that the caller has for this service."""
    told = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    return told.partition("]")[0] + "]" if told.startswith("[") else told.partition(":")[0]
