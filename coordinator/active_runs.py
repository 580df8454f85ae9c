"""Know whether any run is under way: while none is, nothing of a run can be overdue, and nobody looks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from coordinator.background import Loop
from storage.runs.store import RunStore

LOOK_SECONDS = 1.0


class ActiveRuns:
    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self._some = True  # until the first look, some may be

    def loops(self) -> Iterable[Loop]:
        yield Loop("looking for runs under way", self.look, LOOK_SECONDS)

    async def look(self) -> None:
        self._some = await self._runs.any_under_way()

    def noticed(self) -> None:
        """Say that a run may be under way."""
        self._some = True

    def only_then(self, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
        """Return a function that does `work` only while a run may be under way."""

        async def during_runs() -> None:
            if self._some:
                await work()

        return during_runs
