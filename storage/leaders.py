"""Leader election: which replica does what only one replica should do at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, unavailable_is_ours

LEADER_LEASE = timedelta(seconds=10)


class LeaderStore:
    """One document for each role, held by a replica until a deadline."""

    def __init__(self, database: Database) -> None:
        self._leaders = database["leaders"]

    async def lead(self, role: str, holder: str, *, now: datetime) -> datetime | None:
        """Take the role for LEADER_LEASE, or extend it; return since when this replica has held it without a gap.

        None while another holds it.
        """
        free_or_mine = {"_id": role, "$or": [{"holder": holder}, {"until": {"$lt": now}}]}
        without_gap = {"$and": [{"$eq": ["$holder", holder]}, {"$gte": ["$until", now]}]}
        take = {"holder": holder, "until": now + LEADER_LEASE, "since": {"$cond": [without_gap, "$since", now]}}
        with unavailable_is_ours():
            try:
                document = await self._leaders.find_one_and_update(
                    free_or_mine, [{"$set": take}], upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                return None
        since: datetime | None = document["since"] if document else None
        return since

    async def holders(self, *, now: datetime) -> dict[str, str]:
        """Return which replica holds each role."""
        with unavailable_is_ours():
            return {item["_id"]: item["holder"] async for item in self._leaders.find({"until": {"$gte": now}})}
