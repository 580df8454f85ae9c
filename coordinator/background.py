"""Background loops: work that a component repeats for as long as the application lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from storage.errors import NjangiError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loop:
    """Repeat `work`, with a pause of `every` seconds. `name` completes the sentence "... failed" in the log."""

    name: str
    work: Callable[[], Awaitable[object]]
    every: float


class Component(Protocol):
    """A part of the application that has work to repeat."""

    def loops(self) -> Iterable[Loop]: ...


@asynccontextmanager
async def running(components: Iterable[Component]) -> AsyncIterator[None]:
    """Run the loops of the components for the length of the block."""
    tasks = [
        asyncio.create_task(_repeat(loop, type(component).__name__), name=loop.name)
        for component in components
        for loop in component.loops()
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(loop: Loop, owner: str) -> None:
    """Log the first of several failures, and when the work succeeds again."""
    failures = 0
    while True:
        try:
            await loop.work()
        except Exception as error:  # the loop goes on: nobody would notice that it ended
            failures += 1
            if failures == 1:
                unforeseen = not isinstance(error, NjangiError | OSError)
                more = {"owner": owner}
                log.warning("%s failed and is tried again: %s", loop.name, error, exc_info=unforeseen, extra=more)
        else:
            if failures:
                log.warning("%s works again after %d failures", loop.name, failures, extra={"owner": owner})
            failures = 0
        await asyncio.sleep(loop.every)
