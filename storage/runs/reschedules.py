"""Count how often a crashed flow run that has no run of ours was scheduled again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from storage.database import Database, unavailable_is_ours

_REMEMBERED = timedelta(days=30)


class CrashStore:
    """One document a flow run, forgotten a month after its last crash."""

    def __init__(self, database: Database) -> None:
        self._crashes = database["crashes"]

    async def prepare(self) -> None:
        await self._crashes.create_index("at", expireAfterSeconds=int(_REMEMBERED.total_seconds()))

    async def counted(self, flow_run_ids: Sequence[str]) -> dict[str, int]:
        """Return how often each of them was counted."""
        with unavailable_is_ours():
            found = self._crashes.find({"_id": {"$in": list(flow_run_ids)}})
            counts = {document["_id"]: int(document["count"]) async for document in found}
        return {id_: counts.get(id_, 0) for id_ in flow_run_ids}

    async def count(self, flow_run_id: str, *, now: datetime) -> None:
        """Count one more crash."""
        with unavailable_is_ours():
            await self._crashes.update_one(
                {"_id": flow_run_id}, {"$inc": {"count": 1}, "$set": {"at": now}}, upsert=True
            )
