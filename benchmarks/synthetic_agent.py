"""An agent that does no work: it syncs over a plain socket and answers every lease at once.

Its own cost must be small beside what is measured, so it speaks HTTP/1.1 by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from njangi_agent.protocol import MAX_REPORTS_PER_SYNC

Work = Callable[[dict[str, Any]], str]
"""What a lease (as JSON) comes to: the result as JSON text."""


class SyntheticAgent:
    """One enrolled volunteer with a connection of its own."""

    def __init__(self, host: str, port: int, secret: str, slots: int) -> None:
        self._host, self._port = host, port
        self._slots = slots
        self._head = (
            f"POST /v1/agent/sync HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {secret}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.completed = 0
        self.stale = 0

    async def sync(self, reports: Sequence[dict[str, Any]], *, wish: int, wait: float) -> dict[str, Any]:
        """Send one turn and return the answer. Raises RuntimeError on any status but 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=2**24)
        reader, writer = self._streams
        body = orjson.dumps({"slots": self._slots, "wish": wish, "wait": wait, "reports": reports})
        writer.write(b"%s%d\r\n\r\n%s" % (self._head, len(body), body))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        answer = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head[:40]!r} {answer[:500]!r}")
        parsed: dict[str, Any] = orjson.loads(answer)
        self.stale += parsed["verdicts"].count("STALE")
        self.completed += parsed["verdicts"].count("ACCEPTED")
        return parsed

    async def work(self, until: Callable[[], bool], result: Work, *, wait: float = 5.0) -> None:
        """Lease and report until `until()`; the sync that hands in the last reports asks for more work."""
        reports: list[dict[str, Any]] = []
        while reports or not until():
            now, reports = reports[:MAX_REPORTS_PER_SYNC], reports[MAX_REPORTS_PER_SYNC:]
            answer = await self.sync(now, wish=0 if reports or until() else self._slots, wait=wait)
            reports += [report(lease, result(lease)) for lease in answer["leases"]]

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def report(lease: dict[str, Any], result: str) -> dict[str, Any]:
    """Return the report that a lease came to `result`."""
    return {
        "subtask_id": lease["subtask_id"],
        "token": lease["token"],
        "outcome": "RETURNED",
        "result": result,
        "seconds": 0.001,
    }
