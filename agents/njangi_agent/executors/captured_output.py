"""Separate what each call of a warm interpreter writes: a mark follows each call's output.

The mark is written to the stream before the call's answer, so what belongs to an answer is in the pipe when it arrives.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Deque, Tuple

from njangi_agent.output_tails import Tail

_PIECE = 64 * 1024
_PIECES = 64
"""How much is read at a time, and how often before other work has its turn: a task may write for ever."""


class Printed:
    """Drains a pipe all the time, so that no call waits for us, and keeps the end of what each call wrote."""

    def __init__(self, handle: int, mark: bytes) -> None:
        self._handle = os.dup(handle)
        self._mark = mark
        self._rest = b""  # the last bytes, which may be the first of a mark
        self._tail = Tail()
        self._ended: Deque[Tail] = deque()
        os.set_blocking(self._handle, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._handle, self._drain)

    def close(self) -> None:
        self._loop.remove_reader(self._handle)
        os.close(self._handle)

    def take(self) -> Tuple[str, int]:
        """Return the end of what the oldest call wrote that was not taken yet, and how many bytes it wrote.

        Where no mark is left, since the call's process died, that is all that has come.
        """
        self._drain()
        tail = self._ended.popleft() if self._ended else self._end()
        return tail.text(), tail.size

    def _drain(self) -> None:
        for _ in range(_PIECES):
            try:
                data = os.read(self._handle, _PIECE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._loop.remove_reader(self._handle)
                return
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        data = self._rest + data
        *whole, data = data.split(self._mark)
        for part in whole:
            self._tail.add(part)
            self._rest = b""
            self._ended.append(self._end())
        kept = next(
            (n for n in range(min(len(self._mark) - 1, len(data)), 0, -1) if self._mark.startswith(data[-n:])), 0
        )
        self._tail.add(data[: len(data) - kept])
        self._rest = data[len(data) - kept :]

    def _end(self) -> Tail:
        tail, self._tail = self._tail, Tail()
        tail.add(self._rest)
        self._rest = b""
        return tail
