"""Ask for something costly now and then, however often it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lately(Generic[T]):
    """What `ask` answered at most `seconds` ago. Those who want it while it is asked for wait for the same answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._asking = asyncio.Lock()
        self._answer: tuple[float, T] | None = None

    async def get(self) -> T:
        clock = asyncio.get_running_loop().time
        async with self._asking:
            if self._answer is None or clock() - self._answer[0] >= self._seconds:
                self._answer = clock(), await self._ask()
            return self._answer[1]
