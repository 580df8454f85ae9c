"""Record when volunteers fall silent and when they are heard of again."""

from __future__ import annotations

import contextlib
from datetime import datetime

from pymongo.errors import OperationFailure

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Ledger, Transaction
from storage.volunteers.store import VolunteerStatus, online

AT_ONCE = 500


class PresenceStore:
    """The field `lost` of `volunteers`: the last thing that was told of each. Looking costs what has changed."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._volunteers = database["volunteers"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._volunteers.update_many({"lost": {"$exists": False}}, {"$set": {"lost": False}})
        for name in ("heard", "lost"):  # of earlier versions
            with contextlib.suppress(OperationFailure):  # there is none
                await self._volunteers.drop_index(name)
        for name, lost in (("overdue", False), ("lost_until_due", True)):
            await self._volunteers.create_index(
                [("due_at", 1)], name=name, partialFilterExpression={"lost": lost, "status": VolunteerStatus.ONLINE}
            )

    async def look(self, *, now: datetime, heard_since: datetime | None = None) -> int:
        """Tell of volunteers that are overdue, and of those that are back; return how many.

        At most AT_ONCE of each: call again while there are as many. With `heard_since` only those are told to be lost
        that were heard of since then.
        """
        lost = await self._turn_over("volunteer.lost", *overdue(now, heard_since), now=now)
        return max(lost, await self._turn_over("volunteer.back", *back(now), now=now))

    async def _turn_over(self, event: str, query: Document, index: str, *, now: datetime) -> int:
        """Write down and tell who has turned, in one transaction."""
        with unavailable_is_ours():
            if await self._volunteers.find_one(query, {"_id": 1}, hint=index) is None:
                return 0

        async def write(tx: Transaction) -> int:
            shown = {"name": 1, "last_seen": 1}
            cursor = self._volunteers.find(query, shown, hint=index, session=tx.session)
            found = await cursor.limit(AT_ONCE).to_list()
            await self._volunteers.update_many(
                {"_id": {"$in": [item["_id"] for item in found]}, **query},
                {"$set": {"lost": not query["lost"]}},
                session=tx.session,
            )
            for item in found:
                tx.emit(event, now, volunteer=item["_id"], name=item["name"], last_seen=item["last_seen"])
            return len(found)

        return await self._ledger.write(write)


def overdue(now: datetime, heard_since: datetime | None) -> tuple[Document, str]:
    """Return which volunteers are overdue and not told to be lost, and the index that holds just these."""
    query: Document = {"lost": False, "status": VolunteerStatus.ONLINE, "due_at": {"$lte": now}}
    return query if heard_since is None else query | {"last_seen": {"$gte": heard_since}}, "overdue"


def back(now: datetime) -> tuple[Document, str]:
    """Return which volunteers were told to be lost and are ONLINE, and the index that holds just these."""
    return {"lost": True, **online(now)}, "lost_until_due"
