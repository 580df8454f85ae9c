"""Who did what: one entry for every change that a person asked for, kept for a set time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.errors import OperationFailure

from storage.database import Database, Document, new_id, unavailable_is_ours

_INDEX = "kept"
_OTHER_OPTIONS = 85  # MongoDB's code for an index that is there under other options


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`status` is the HTTP status of the answer; None: the service died before it gave one."""

    id: str
    request_id: str | None
    at: datetime
    who: str
    address: str
    action: str  # method and route, e.g. `POST /v1/runs/{run_id}:cancel`
    on: Mapping[str, str]  # what the path names, e.g. `{"run_id": "r1"}`
    status: int | None


class AuditStore:
    """One document an entry, in the order of its ids; nothing changes one but its outcome."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries = database["audit"]

    async def prepare(self) -> None:
        await self._entries.create_index([("who", 1), ("_id", -1)])
        await self._entries.create_index([("on.id", 1), ("_id", -1)])

    async def keep_for(self, kept: timedelta) -> None:
        """Forget entries when they are older than `kept`, from now on."""
        seconds = int(kept.total_seconds())
        with unavailable_is_ours():
            try:
                await self._entries.create_index("at", name=_INDEX, expireAfterSeconds=seconds)
            except OperationFailure as error:
                if error.code != _OTHER_OPTIONS:
                    raise
                change = {"name": _INDEX, "expireAfterSeconds": seconds}
                await self._database.mongo.command({"collMod": "audit", "index": change})

    async def begin(
        self, who: str, address: str, action: str, on: Mapping[str, str], request_id: str | None, *, now: datetime
    ) -> str:
        """Write down what is about to be done and return the entry's id. Its outcome is unknown until `end`."""
        document: Document = {
            "_id": new_id("a"),
            "request_id": request_id,
            "at": now,
            "who": who,
            "address": address,
            "action": action,
            "on": [{"name": name, "id": id_} for name, id_ in on.items()],
            "status": None,
        }
        with unavailable_is_ours():
            await self._entries.insert_one(document)
        return str(document["_id"])

    async def end(self, entry_id: str, status: int) -> None:
        """Write down how it ended."""
        with unavailable_is_ours():
            await self._entries.update_one({"_id": entry_id}, {"$set": {"status": status}})

    async def page(
        self,
        *,
        who: str | None = None,
        action: str | None = None,
        on: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
        limit: int,
    ) -> Sequence[AuditEntry]:
        """Return entries, the newest first, from the one before the entry `before` on.

        `action` is a part of it, `on` the id of something that was changed; `until` is excluded.
        """
        query: Document = {}
        if who is not None:
            query["who"] = who
        if action is not None:
            query["$expr"] = {"$gte": [{"$indexOfCP": ["$action", {"$literal": action}]}, 0]}
        if on is not None:
            query["on.id"] = on
        at = ({"$gte": since} if since is not None else {}) | ({"$lt": until} if until is not None else {})
        if at:
            query["at"] = at
        if before is not None:
            query["_id"] = {"$lt": before}
        with unavailable_is_ours():
            return [_entry(item) async for item in self._entries.find(query).sort("_id", -1).limit(limit)]


def _entry(document: Document) -> AuditEntry:
    return AuditEntry(
        id=document["_id"],
        request_id=document["request_id"],
        at=document["at"],
        who=document["who"],
        address=document["address"],
        action=document["action"],
        on={item["name"]: item["id"] for item in document["on"]},
        status=document["status"],
    )
