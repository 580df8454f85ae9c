"""Who came and went: writes down, and tells, that volunteers have fallen silent or are heard of again."""

from __future__ import annotations

from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Ledger, Turn
from storage.volunteers import OFFLINE_AFTER, VolunteerStatus

AT_ONCE = 500


class PresenceStore:
    """The field `lost` of `volunteers`: the last thing that was told of each. Looking costs what has changed."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._volunteers = database["volunteers"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._volunteers.update_many({"lost": {"$exists": False}}, {"$set": {"lost": False}})
        for name, lost in (("heard", False), ("lost", True)):
            await self._volunteers.create_index(
                [("last_seen", 1)], name=name, partialFilterExpression={"lost": lost, "status": VolunteerStatus.ONLINE}
            )

    async def look(self, *, now: datetime) -> int:
        """Tell of volunteers that have been silent for OFFLINE_AFTER, and of those that are back; return how many.

        At most AT_ONCE of each: call again while there are as many.
        """
        lost = await self._turn_over("volunteer.lost", was_lost=False, now=now)
        return max(lost, await self._turn_over("volunteer.back", was_lost=True, now=now))

    async def _turn_over(self, event: str, *, was_lost: bool, now: datetime) -> int:
        """Write down and tell who has turned, in one transaction."""
        query, index = turned(was_lost=was_lost, now=now)
        with unavailable_is_ours():
            if await self._volunteers.find_one(query, {"_id": 1}, hint=index) is None:
                return 0

        async def write(turn: Turn) -> int:
            shown = {"name": 1, "last_seen": 1}
            cursor = self._volunteers.find(query, shown, hint=index, session=turn.session)
            found = await cursor.limit(AT_ONCE).to_list()
            await self._volunteers.update_many(
                {"_id": {"$in": [item["_id"] for item in found]}, **query},
                {"$set": {"lost": not was_lost}},
                session=turn.session,
            )
            for item in found:
                turn.tell(event, now, volunteer=item["_id"], name=item["name"], last_seen=item["last_seen"])
            return len(found)

        return await self._ledger.write(write)


def turned(*, was_lost: bool, now: datetime) -> tuple[Document, str]:
    """Return which volunteers are no longer what was told of them last, and the index that holds just these."""
    silent = {"$gte" if was_lost else "$lt": now - OFFLINE_AFTER}
    return {"lost": was_lost, "status": VolunteerStatus.ONLINE, "last_seen": silent}, "lost" if was_lost else "heard"
