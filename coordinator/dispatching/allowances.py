"""How many more subtasks of each owner may be leased: counted every few seconds, subtracted in between.

Several replicas may together lend a little more than the quota between two counts; the next one shows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Set
from datetime import datetime, timedelta

from coordinator.decisions.quotas import room
from storage.runs.usage import UsageStore

COUNTED_EVERY = timedelta(seconds=5)

Limits = Callable[[Set[str]], Awaitable[Mapping[str, int | None]]]
"""Returns the quota of leased subtasks of each owner."""


class Allowances:
    def __init__(self, usage: UsageStore, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._usage = usage
        self._limits = limits
        self._clock = clock
        self._counted: dict[str, datetime] = {}
        self.room: dict[str, int] = {}
        """By owner, of those with a limit alone."""

    async def load(self, owners: Set[str]) -> None:
        """Count what is lent of the owners that were not counted lately; forget all others."""
        now = self._clock()
        self._counted = {owner: at for owner, at in self._counted.items() if now - at < COUNTED_EVERY}
        stale = {owner for owner in owners if owner not in self._counted}
        if not stale:
            return
        limits = {owner: limit for owner, limit in (await self._limits(stale)).items() if limit is not None}
        used = await self._usage.subtasks(limits) if limits else {}
        for owner in stale:
            self._counted[owner] = now
            self.room.pop(owner, None)
            left = room(limits.get(owner), used[owner].leased) if owner in limits else None
            if left is not None:
                self.room[owner] = left
        self.room = {owner: left for owner, left in self.room.items() if owner in self._counted}

    @property
    def exhausted(self) -> Set[str]:
        """The owners of whom nothing more is lent now."""
        return {owner for owner, left in self.room.items() if left <= 0}

    def lent(self, owner: str, count: int) -> None:
        if owner in self.room:
            self.room[owner] -= count

    def returned(self, owner: str, count: int) -> bool:
        """Note that attempts have ended; tell whether the owner, who had no room, has some again."""
        if owner not in self.room:
            return False
        had_none = self.room[owner] <= 0
        self.room[owner] += count
        return had_none and self.room[owner] > 0
