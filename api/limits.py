"""Refuse a body that is larger than its call takes, before it is read."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

_COUNT_THEMSELVES = re.compile(r"/v1/(flow/|agent/)?(blobs|uploads)/")


class BodyTooLarge(Exception):
    pass


class LimitBodies:
    """ASGI middleware: at most `limit` bytes a body, but for blobs and uploads, which count for themselves."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _COUNT_THEMSELVES.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        refusal = problem(413, "too-large", f"the body is larger than the {self._limit} bytes that this call takes")
        if not declared.isdigit() or int(declared) > self._limit:
            await refusal(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise BodyTooLarge
            return message

        try:
            await self._app(scope, counted, send)
        except BodyTooLarge:
            await refusal(scope, receive, send)
