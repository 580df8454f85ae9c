"""Notice volunteers that fall silent, except while the service itself was away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from coordinator.leadership import Leadership
from storage.volunteers.presence import AT_ONCE, PresenceStore
from storage.volunteers.store import OFFLINE_AFTER

GAP = timedelta(seconds=30)
"""After so long without a look, the service itself was away."""


class Presence:
    """Call `tick` every few seconds in every replica; the leader looks."""

    def __init__(self, store: PresenceStore, leadership: Leadership, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._leadership = leadership
        self._clock = clock
        self._watched_since: datetime | None = None
        self._looked_at: datetime | None = None

    async def tick(self) -> None:
        """Tell of changes. For a while after the service was away, only those are lost that it heard of since."""
        now = self._clock()
        if not await self._leadership.held(now=now):
            self._watched_since = None
            return
        if self._watched_since is None or self._looked_at is None or now - self._looked_at > GAP:
            self._watched_since = now
        self._looked_at = now
        heard_since = self._watched_since if now - self._watched_since < OFFLINE_AFTER else None
        while await self._store.look(now=now, heard_since=heard_since) == AT_ONCE:
            pass
