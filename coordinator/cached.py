"""Keep a costly answer for a short time, and ask for it once for all who want it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cached(Generic[T]):
    """What `ask` answered at most `seconds` ago. Those who want it while it is asked for wait for the same answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._asking = asyncio.Lock()
        self._answer: tuple[float, T] | None = None
        self._forgotten = 0

    def forget(self) -> None:
        """Ask anew the next time, and do not keep what is asked for now."""
        self._forgotten += 1
        self._answer = None

    async def get(self) -> T:
        clock = asyncio.get_running_loop().time
        async with self._asking:
            if self._answer is not None and clock() - self._answer[0] < self._seconds:
                return self._answer[1]
            began, forgotten = clock(), self._forgotten
            answer = await self._ask()
            self._answer = (began, answer) if forgotten == self._forgotten else None
            return answer
