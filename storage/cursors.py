"""How far each reader of the event log has come, so that another replica can go on from there."""

from __future__ import annotations

from pymongo import ReturnDocument

from storage.database import Database, unavailable_is_ours


class CursorStore:
    """One document a reader."""

    def __init__(self, database: Database) -> None:
        self._cursors = database["cursors"]

    async def of(self, reader: str, *, start: int) -> int:
        """Return the number of the last event that `reader` has dealt with; `start` when it asks for the first time."""
        with unavailable_is_ours():
            document = await self._cursors.find_one_and_update(
                {"_id": reader},
                {"$setOnInsert": {"seq": start}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return int(document["seq"]) if document else start

    async def move(self, reader: str, seq: int) -> None:
        """Note that `reader` has dealt with all up to `seq`. It never goes back."""
        with unavailable_is_ours():
            await self._cursors.update_one({"_id": reader}, {"$max": {"seq": seq}})
