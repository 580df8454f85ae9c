"""A thread works through what an event loop fetches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError

import pytest
from njangi_flows.engine.thread_iteration import drawn


class Source:
    """Numbers, each fetched with a turn of the loop; remembers how many were fetched."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.fetched = 0

    async def __aiter__(self) -> AsyncIterator[int]:
        for number in range(self.count):
            await asyncio.sleep(0)
            self.fetched += 1
            yield number


async def test_a_thread_gets_every_item_in_order() -> None:
    async with drawn(aiter(Source(500))) as numbers:
        assert await asyncio.to_thread(list, numbers) == list(range(500))


async def test_nothing_is_fetched_before_it_is_asked_for() -> None:
    source = Source(500)

    def first_three(numbers: Iterator[int]) -> list[int]:
        return [next(numbers) for _ in range(3)]

    async with drawn(aiter(source)) as numbers:
        assert await asyncio.to_thread(first_three, numbers) == [0, 1, 2]
    assert source.fetched == 3


async def test_an_error_of_the_source_reaches_the_thread() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise OSError("the service is gone")

    async with drawn(broken()) as numbers:
        with pytest.raises(OSError, match="the service is gone"):
            await asyncio.to_thread(list, numbers)


async def test_a_thread_that_is_left_behind_ends() -> None:
    asked, ended = asyncio.Event(), threading.Event()

    async def never() -> AsyncIterator[int]:
        asked.set()
        await asyncio.Event().wait()
        yield 1

    def work(numbers: Iterator[int]) -> None:
        try:
            list(numbers)
        except CancelledError:
            ended.set()

    async with drawn(never()) as numbers:
        working = asyncio.create_task(asyncio.to_thread(work, numbers))
        await asyncio.wait_for(asked.wait(), 10)
    await working
    assert ended.is_set()
