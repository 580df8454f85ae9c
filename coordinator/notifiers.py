"""Let coroutines wait until something happens, to one of the ids that they name or at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence


class KeyedNotifier:
    """Wakes those who wait for the things of some ids: batches, runs."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def notify(self, id_: str) -> None:
        """Wake all who wait for this id."""
        for event in self._waiting.get(id_, ()):
            event.set()

    def notify_all(self) -> None:
        """Wake all, since anything may have happened: they look for themselves."""
        for events in self._waiting.values():
            for event in events:
                event.set()

    @contextlib.contextmanager
    def waiting_for(self, ids: Sequence[str]) -> Iterator[asyncio.Event]:
        """Give an event that is set each time when something happens to one of the ids."""
        event = asyncio.Event()
        for id_ in ids:
            self._waiting[id_].add(event)
        try:
            yield event
        finally:
            for id_ in ids:
                self._waiting[id_].discard(event)
                if not self._waiting[id_]:
                    del self._waiting[id_]


class Notifier:
    """Wakes all who wait, and tells those who come late what they missed: notifications are counted."""

    def __init__(self) -> None:
        self.count = 0
        """How often `notify` was called."""
        self._next = asyncio.Event()

    def notify(self) -> None:
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seen: int, seconds: float) -> int:
        """Return the count: at once if it is not `seen`, else after the next notification or after `seconds`."""
        if seen == self.count:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._next.wait(), seconds)
        return self.count
