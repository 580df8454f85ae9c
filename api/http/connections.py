"""Close connections whose requests never begin: uvicorn's protocol with limits on the head."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.http.errors import problem

MOST_HEADERS: Final = 100
LARGEST_HEAD: Final = 64 * 1024
LONGEST_URL: Final = 16 * 1024
REFUSALS = {
    400: ("no-request", "this is no HTTP request"),
    414: ("uri-too-long", f"the address is longer than {LONGEST_URL} bytes"),
    431: ("head-too-large", f"the head has more than {MOST_HEADERS} headers or {LARGEST_HEAD} bytes"),
}


class HeadRefusedError(Exception):
    pass


class Connection(HttpToolsProtocol):
    """One connection. Whoever opens it has `head_seconds` to send the head of a request, then and after each answer.

    `api.http.body_limits` waits for what follows the head. Without this class uvicorn waits for ever, and keeps all
    that comes until the head is whole.
    """

    head_seconds = 30.0

    _late: asyncio.TimerHandle | None = None
    _read = 0
    _whole = True  # whether the last request's body has ended
    _passed_on = False
    _refused = 400

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        in_head = self._whole
        super().data_received(data)
        if self.transport.is_closing() or self._passed_on:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
            self._read = 0
            return
        if self._late is None:
            self._wait()
        self._read = self._read + len(data) if in_head else 0  # else it ends a body that was answered early
        if self._read > LARGEST_HEAD:
            self._refused = 431
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        if len(self.url) > LONGEST_URL:
            self._refused = 414
        elif len(self.headers) > MOST_HEADERS or sum(len(n) + len(v) for n, v in self.headers) > LARGEST_HEAD:
            self._refused = 431
        if self._refused != 400:
            raise HeadRefusedError
        self._whole = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._whole = True
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._passed_on = True
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or too long a one; nothing else of the connection is read."""
        status = self._refused
        type_, detail = REFUSALS[status]
        answer = problem(status, type_, detail, headers={"Connection": "close"})
        lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
        lines += [b"%s: %s" % pair for pair in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()

    def _wait(self) -> None:
        self._late = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.close()
