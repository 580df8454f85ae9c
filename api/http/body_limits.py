"""Refuse bodies that are too large, compressed or too slow, without storing them."""

from __future__ import annotations

import asyncio
import re

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import problem
from api.settings import Settings

_COUNT_THEMSELVES = re.compile(r"/v1/(flow/|agent/)?(blobs|uploads)/")


class BodyRefused(ClientDisconnect):
    """The rest of the body is not wanted; to who reads it, the line broke."""


class LimitBodies:
    """ASGI middleware: at most `largest_json` bytes a body, but for blobs and uploads, which count for themselves.

    The service waits for a body `body_grace` seconds and for as long as its bytes take at `body_rate`; only the time
    that it waits for the caller counts. It unpacks nothing, so no small body becomes a large one.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._largest = settings.largest_json
        self._grace = settings.body_grace
        self._rate = settings.body_rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length, packed = _announced(scope)
        if packed is not None:
            await _packed(packed)(scope, receive, send)
        elif length is None:
            await self._app(scope, receive, send)
        else:
            largest = None if _COUNT_THEMSELVES.match(scope["path"]) else self._largest
            await self._limited(length, largest, scope, receive, send)

    async def _limited(self, length: int, largest: int | None, scope: Scope, receive: Receive, send: Send) -> None:
        if largest is not None and length > largest:
            await _too_large(largest)(scope, receive, send)
            return
        read, waited, ended, started = 0, 0.0, False, False
        refusal: Response | None = None
        loop = asyncio.get_running_loop()

        async def limited() -> Message:
            nonlocal read, waited, ended, refusal
            if ended:
                return await receive()
            began = loop.time()
            try:
                async with asyncio.timeout_at(began + self._grace + read / self._rate - waited):
                    message = await receive()
            except TimeoutError:
                refusal = _too_slow(read)
                raise BodyRefused from None
            waited += loop.time() - began
            read += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if largest is not None and read > largest:
                refusal = _too_large(largest)
                raise BodyRefused
            return message

        async def unless_refused(message: Message) -> None:
            nonlocal started
            if refusal is None or started:
                started = True
                await send(message)

        try:
            await self._app(scope, limited, unless_refused)
        except BodyRefused:
            if started:
                raise
        if refusal is not None and not started:
            await refusal(scope, receive, send)


def _announced(scope: Scope) -> tuple[int | None, str | None]:
    """Return how many bytes the body will have, None without one and 0 if that is not told; and its encoding."""
    length, packed = None, None
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value) if value.isdigit() else 0
        elif name == b"transfer-encoding":
            length = length or 0
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            packed = value.decode("latin-1")
    return length, packed


def _packed(encoding: str) -> Response:
    detail = f"bodies are taken as they are, not with Content-Encoding: {encoding[:50]}"
    return problem(415, "encoded-body", detail, headers={"Accept-Encoding": "identity"})


def _too_large(largest: int) -> Response:
    detail = f"the body is larger than the {largest} bytes that this call takes"
    told = {"code": "too-large", "values": {"what": "the body", "limit": largest}}
    return problem(413, "too-large", detail, members=told)


def _too_slow(read: int) -> Response:
    return problem(
        408, "slow-body", f"the body came too slowly: {read} bytes until now", headers={"Connection": "close"}
    )
