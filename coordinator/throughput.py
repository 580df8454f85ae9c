"""Sum up what volunteers did by the hour, in one replica at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from coordinator.leadership import Leadership
from storage.volunteers.throughput import ThroughputStore

ONLINE_EVERY = timedelta(minutes=1)


class Throughput:
    """Call `tick` now and then in every replica; the leader counts on from where the last one stopped."""

    def __init__(self, store: ThroughputStore, leadership: Leadership, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._leadership = leadership
        self._clock = clock
        self._noted_at: datetime | None = None

    async def tick(self) -> None:
        """Count what the log has more, and once a minute who is online."""
        now = self._clock()
        if not await self._leadership.held(now=now):
            return
        if self._noted_at is None or not self._noted_at <= now < self._noted_at + ONLINE_EVERY:
            await self._store.note_online(now=now)
            self._noted_at = now
        while await self._store.count_on() and await self._leadership.held(now=self._clock()):
            pass
