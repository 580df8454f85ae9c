"""What volunteers did, by the hour: sums of the event log, kept for 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument

from storage.database import Database, Document, Session, unavailable_is_ours
from storage.volunteers.store import online

READER = "throughput"
"""The name of the cursor."""
HOUR = timedelta(hours=1)
KEPT = timedelta(days=90)
EVENTS_A_PIECE = 20_000
_COUNTED = {"subtasks.completed": "completed", "subtasks.failed": "failed"}


@dataclass(frozen=True, slots=True)
class Hour:
    """From `at` on: attempts that came to a result or an error, and how many volunteers were online at most."""

    at: datetime
    completed: int = 0
    failed: int = 0
    online: int = 0


class ThroughputStore:
    """One document an hour, and a cursor that moves in the transaction that counts: nothing is counted twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hours = database["throughput"]
        self._events = database["events"]
        self._counters = database["counters"]
        self._cursors = database["cursors"]
        self._volunteers = database["volunteers"]

    async def prepare(self) -> None:
        await self._hours.create_index("at", expireAfterSeconds=int(KEPT.total_seconds()))

    async def count_on(self) -> bool:
        """Count the next piece of the log; tell whether there is more. Two that count at once count it once."""
        with unavailable_is_ours():
            cursor = await self._cursors.find_one_and_update(
                {"_id": READER}, {"$setOnInsert": {"seq": 0}}, upsert=True, return_document=ReturnDocument.AFTER
            )
            counter = await self._counters.find_one({"_id": "events"})
            begin, end = int(cursor["seq"]) if cursor else 0, int(counter["seq"]) if counter else 0
            last = min(end, begin + EVENTS_A_PIECE)
            if last <= begin:
                return False
            sums = await self._sums(begin, last)

        async def count(session: Session) -> None:
            moved = await self._cursors.update_one(
                {"_id": READER, "seq": begin}, {"$set": {"seq": last}}, session=session
            )
            if moved.matched_count:
                for hour in sums:
                    change = {"$inc": {"completed": hour.completed, "failed": hour.failed}}
                    await self._hours.update_one(
                        {"_id": _id(hour.at)}, _at(hour.at, change), upsert=True, session=session
                    )

        await self._database.transaction(count)
        return last < end

    async def _sums(self, after: int, last: int) -> Sequence[Hour]:
        """Return what events numbered above `after` up to `last` tell, by the hour."""
        hour = {"$dateTrunc": {"date": "$at", "unit": "hour"}}
        size = {"$size": {"$ifNull": ["$data.indexes", []]}}
        sums = {name: {"$sum": {"$cond": [{"$eq": ["$type", event]}, size, 0]}} for event, name in _COUNTED.items()}
        rows = await self._events.aggregate(
            [
                {"$match": {"_id": {"$gt": after, "$lte": last}, "type": {"$in": list(_COUNTED)}}},
                {"$group": {"_id": hour, **sums}},
            ]
        )
        return [Hour(row["_id"], row["completed"], row["failed"]) async for row in rows]

    async def note_online(self, *, now: datetime) -> None:
        """Note how many volunteers are online; an hour keeps the most that were noted in it."""
        at = hour_of(now)
        with unavailable_is_ours():
            count = await self._volunteers.count_documents(online(now))
            await self._hours.update_one({"_id": _id(at)}, _at(at, {"$max": {"online": count}}), upsert=True)

    async def since(self, since: datetime) -> Sequence[Hour]:
        """Return the hours from `since` on in which anything was counted."""
        with unavailable_is_ours():
            found = self._hours.find({"at": {"$gte": since}}).sort("at", 1)
            return [
                Hour(item["at"], item.get("completed", 0), item.get("failed", 0), item.get("online", 0))
                async for item in found
            ]


def hour_of(moment: datetime) -> datetime:
    """Return when the hour of a moment began."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _id(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H")


def _at(at: datetime, change: Document) -> Document:
    return {**change, "$set": {"at": at}}
