"""Let a thread iterate over an asynchronous iterator, which fetches items as they are needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def drawn(items: AsyncIterator[T]) -> AsyncIterator[Iterator[T]]:
    """Yield an iterator over `items` for another thread, to be used while the block runs.

    An item is fetched, in this event loop, when the thread asks for it. At the end of the block a fetch under
    way is given up, and a thread that still asks gets a CancelledError.
    """
    loop = asyncio.get_running_loop()
    fetching: set[asyncio.Task[list[T]]] = set()
    closed = False

    async def following() -> list[T]:
        """Return the next item in a list, which is empty after the last."""
        if closed:
            raise asyncio.CancelledError
        task = asyncio.ensure_future(_next(items))
        fetching.add(task)
        try:
            return await task
        finally:
            fetching.discard(task)

    def in_thread() -> Iterator[T]:
        while got := asyncio.run_coroutine_threadsafe(following(), loop).result():
            yield from got

    try:
        yield in_thread()
    finally:
        closed = True
        given_up = list(fetching)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)


async def _next(items: AsyncIterator[T]) -> list[T]:
    try:
        return [await anext(items)]
    except StopAsyncIteration:
        return []
