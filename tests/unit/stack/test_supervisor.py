"""The keeper of a service: whatever goes wrong in a start, the next one is tried, once what it needs is there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stack.settings import Settings
from stack.supervisor import Service, Stack


class Child:
    """A program that dies when it is told to, and whose starts go wrong as listed."""

    def __init__(self, *starts: Exception | None) -> None:
        self._starts = list(starts)
        self._ended = asyncio.Event()
        self.started = asyncio.Event()
        self.pid: int | None = None

    async def start(self) -> None:
        error = self._starts.pop(0) if self._starts else None
        if error is not None:
            raise error
        self.pid = (self.pid or 0) + 1
        self._ended.clear()
        self.started.set()

    async def stop(self) -> None:
        self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        return -9

    def die(self) -> None:
        self.started.clear()
        self._ended.set()


def a_stack(home: Path, *services: Service) -> Stack:
    without = frozenset({"mongod", "prefect", "api", "flow-worker", "python-worker"})
    stack = Stack(Settings(home=home, port=0, prefect_port=0, without=without))
    stack._services = {service.name: service for service in services}
    return stack


@pytest.mark.parametrize(
    "wrong", [OSError("no more processes"), RuntimeError("unforeseen")], ids=["system", "unforeseen"]
)
async def test_a_start_that_goes_wrong_in_any_way_is_tried_again(tmp_path: Path, wrong: Exception) -> None:
    child = Child(None, wrong, None)
    async with a_stack(tmp_path / "home", Service("a", child)):
        child.die()
        async with asyncio.timeout(60):
            await child.started.wait()
        assert child.pid == 2


async def test_a_service_is_started_again_after_what_it_needs(tmp_path: Path) -> None:
    below, above = Child(), Child()
    stack = a_stack(tmp_path / "home", Service("below", below), Service("above", above, needs=["below"]))
    async with stack:
        stack._progress.ready.discard("below")
        above.die()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await above.started.wait()
        await stack._progress.reached("below")
        async with asyncio.timeout(60):
            await above.started.wait()
