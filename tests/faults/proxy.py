"""A bad network between agents and the service: a proxy that cuts, delays, repeats, truncates and loses.

It understands just enough HTTP/1.1 to know where a request and its answer end. What happens to which
request is drawn from a seed, in the order in which requests arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import Counter, deque
from collections.abc import Callable, Sequence
from random import Random
from types import TracebackType
from typing import Self

from stack.settings import HOST

LARGEST = 64 * 1024 * 1024
LONGEST_DELAY_SECONDS = 2.0


class NetworkFault(enum.Enum):
    """What may happen to one request."""

    NONE = "none"
    CUT = "cut"  # the connection breaks before the request got through
    HALF_REQUEST = "half request"  # the service sees only the first half of it
    DELAY = "delay"
    DUPLICATE = "duplicate"  # the service gets it twice; the second answer counts
    TRUNCATE = "truncate"  # the agent sees only the first half of the answer
    LOST_REPLY = "lost reply"  # the service did what was asked, and the agent hears nothing


_BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
Choose = Callable[[], NetworkFault]


def at_random(seed: int, share: float) -> Choose:
    """Return a choice of faults for that share of requests (0..1), each kind as often as the others."""
    random = Random(seed)
    faults = [fault for fault in NetworkFault if fault is not NetworkFault.NONE]
    return lambda: random.choice(faults) if random.random() < share else NetworkFault.NONE


class Proxy:
    """Listens on a free port of this machine and speaks to `ports`; `async with` starts and stops it.

    Requests go to each of the ports in turn, past those where nobody listens.
    """

    def __init__(
        self, ports: Sequence[int], choose: Choose, delay: Callable[[], float] = lambda: LONGEST_DELAY_SECONDS
    ) -> None:
        """`delay` gives the seconds by which a delayed request is late."""
        self._ports = deque(ports)
        self._choose = choose
        self._delay = delay
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.faults: Counter[NetworkFault] = Counter()

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the proxy was not started")
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=LARGEST)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on the requests of one connection until one side or a fault ends it."""
        request = asyncio.ensure_future(_message(reader))
        try:
            while True:
                content = await request
                request = asyncio.ensure_future(_message(reader))  # its failure tells that the agent hung up
                fault = self._choose()
                if fault is not NetworkFault.NONE:
                    self.faults[fault] += 1
                if not await self._pass_on(content, fault, request, writer):
                    return
        except _BROKEN:
            return
        finally:
            await _dropped(request)
            await _closed(writer)

    async def _pass_on(
        self, content: bytes, fault: NetworkFault, gone: asyncio.Future[bytes], writer: asyncio.StreamWriter
    ) -> bool:
        """Bring one request to the service and its answer back; return whether the connection still stands."""
        if fault is NetworkFault.CUT:
            return False
        if fault is NetworkFault.DELAY:
            await asyncio.sleep(self._delay())
        if fault is NetworkFault.HALF_REQUEST:
            await self._half(content)
            return False
        if fault is NetworkFault.DUPLICATE:
            await self._ask(content, gone)
        answer = await self._ask(content, gone)
        if answer is None or fault is NetworkFault.LOST_REPLY:
            return False
        writer.write(answer[: len(answer) // 2] if fault is NetworkFault.TRUNCATE else answer)
        await writer.drain()
        return fault is not NetworkFault.TRUNCATE

    async def _ask(self, content: bytes, gone: asyncio.Future[bytes]) -> bytes | None:
        """Return the service's answer, or None when the agent hung up before."""
        reader, writer = await self._connect()
        head_only = content.startswith(b"HEAD ")
        try:
            writer.write(content)
            answer = asyncio.ensure_future(_message(reader, head_only=head_only))
            try:
                await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
                return await answer if answer.done() else None
            finally:
                await _dropped(answer)
        finally:
            await _closed(writer)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the next port that somebody listens on. Raises ConnectionRefusedError if there is none."""
        for _ in range(len(self._ports) - 1):
            self._ports.rotate(-1)
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection(HOST, self._ports[0], limit=LARGEST)
        self._ports.rotate(-1)
        return await asyncio.open_connection(HOST, self._ports[0], limit=LARGEST)

    async def _half(self, content: bytes) -> None:
        _, writer = await self._connect()
        try:
            writer.write(content[: len(content) // 2])
            await writer.drain()
        finally:
            await _closed(writer)


async def _message(reader: asyncio.StreamReader, *, head_only: bool = False) -> bytes:
    """Read one request or answer to its end. Raises IncompleteReadError when the other side ends before."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = head.lower()
    if head_only or fields.startswith((b"http/1.1 204", b"http/1.1 304")):
        return head
    if b"\r\ntransfer-encoding: chunked" in fields:
        return head + await _chunks(reader)
    length = fields.partition(b"\r\ncontent-length:")[2].partition(b"\r")[0].strip()
    return head + await reader.readexactly(int(length or b"0"))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(line.partition(b";")[0], 16) + 2)
        body += line + chunk
        if len(chunk) == 2:
            return body


async def _dropped(reading: asyncio.Future[bytes]) -> None:
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
