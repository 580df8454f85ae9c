"""Know whether this replica leads in something that only one replica should do, without asking each time."""

from __future__ import annotations

from datetime import datetime

from storage.leaders import LEADER_LEASE, LeaderStore


class Leadership:
    """A role that one replica holds at a time. Two may hold it for a moment: what they do must be harmless then."""

    def __init__(self, leaders: LeaderStore, name: str, holder: str) -> None:
        """`holder` names this replica; two that live cannot share it."""
        self._leaders = leaders
        self._name = name
        self._holder = holder
        self._since: datetime | None = None
        self._asked_at: datetime | None = None

    async def held(self, *, now: datetime) -> bool:
        """Whether this replica leads; its lease is extended three times in its length."""
        if self._asked_at is None or not self._asked_at <= now < self._asked_at + LEADER_LEASE / 3:
            self._since = await self._leaders.lead(self._name, self._holder, now=now)
            self._asked_at = now
        return self._since is not None
