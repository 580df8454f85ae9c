"""Refuse callers that ask too often, by token and by address, and sooner when their tokens are unknown.

Agents and flows are not counted while their tokens are good: they come as often as their work asks for.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import GUESSED, problem
from api.http.rates import REMEMBERED, Rate
from api.settings import Settings

TRY_AGAIN_LATER, UNKNOWN_TOKEN = 1013, 4401
SESSION_COOKIE = "njangi_session"
KNOWN = "known_caller"
"""What is set in a request's state when the token that it carries is somebody's."""
_COOKIE = f"{SESSION_COOKIE}=".encode()
_UNCOUNTED = ("/v1/agent/", "/v1/flow/")


class RateLimits:
    """ASGI middleware. Each process counts for itself: N replicas let in up to N times as many."""

    def __init__(self, app: ASGIApp, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._of_token = Rate(settings.requests_per_token)
        self._of_address = Rate(settings.requests_per_address)
        self._failures = Rate(settings.failures_per_address)
        self._good: OrderedDict[int, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        now = self._clock()
        client = scope.get("client")
        address = network(client[0]) if client else "unknown"
        secret = _secret(scope)
        known = secret is not None and secret in self._good
        why, seconds = "unknown tokens and failed sign-ins", 0.0 if known else self._failures.wait(address, now)
        if not seconds and not scope["path"].startswith(_UNCOUNTED):
            why, seconds = "requests of this address", self._of_address.spend(address, now)
            if not seconds and secret is not None:
                why, seconds = "requests under this token", self._of_token.spend(secret, now)
        if seconds:
            await _refuse(why, seconds, scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message.get("status") == 401 or message.get("code") == UNKNOWN_TOKEN:
                self._failed(address, secret)
            elif message["type"] == "http.response.start" and scope.get("state", {}).get(GUESSED):
                self._failed(address, None)
            elif secret is not None and not known and scope.get("state", {}).get(KNOWN):
                self._remember(secret)
            await send(message)

        await self._app(scope, receive, told)

    def _failed(self, address: str, secret: int | None) -> None:
        self._failures.spend(address, self._clock())
        if secret is not None:
            self._good.pop(secret, None)

    def _remember(self, secret: int) -> None:
        """Let the token in also while others behind the same address guess at tokens."""
        self._good[secret] = None
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)


async def _refuse(why: str, seconds: float, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": f"too many {why}"})
        return
    whole = math.ceil(seconds)
    detail = f"too many {why}; try again in {whole} s"
    told = {"code": "too-many-requests", "values": {"seconds": whole}}
    answer = problem(429, "too-many-requests", detail, headers={"Retry-After": str(whole)}, members=told)
    await answer(scope, receive, send)


def _secret(scope: Scope) -> int | None:
    """Return what stands for the token or the session of the request, None without one."""
    cookie = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            return hash(value.rsplit(None, 1)[-1]) if value.strip() else None
        if name == b"cookie" and _COOKIE in value:
            cookie = hash(value.partition(_COOKIE)[2].partition(b";")[0])
    return cookie


@lru_cache(maxsize=4096)
def network(host: str) -> str:
    """Return what one caller has: an IPv4 address, or the /64 that IPv6 gives to each."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
