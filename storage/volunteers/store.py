"""Volunteers: enrolled machines, what they offer and when they were last heard of."""

from __future__ import annotations

import enum
import hmac
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from njangi_agent.protocol import Machine
from pymongo import ReturnDocument, UpdateOne

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import NotFoundError, RetiredError
from storage.ledger import Ledger, Transaction
from storage.listing import Filter, Listing, Page, Sort
from storage.people.users import new_token, token_hash
from storage.subtasks.batch_lending import HeldLease, LendingStore

OFFLINE_AFTER = timedelta(seconds=90)
"""How long a volunteer may be silent of which nothing else is known: it has enrolled, or was heard of before `due_at`
was written down. It is longer than any agent waits between two syncs."""


class VolunteerStatus(enum.StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


@dataclass(frozen=True, slots=True)
class Volunteer:
    id: str
    name: str
    status: VolunteerStatus
    machine: Machine
    slots: int
    enrolled_at: datetime
    last_seen: datetime
    completed: int
    failed: int
    join_token: str | None = None  # the id of the one that it enrolled by
    note: str = ""  # why it is suspended or retired


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service noticed of a volunteer since it last wrote it down.

    Its last sync came `at` then; without the next one it counts as OFFLINE from `due_at` on (None: as was said before).
    """

    slots: int
    at: datetime
    completed: int = 0
    failed: int = 0
    due_at: datetime | None = None


def together(earlier: Mapping[str, Seen], later: Mapping[str, Seen]) -> dict[str, Seen]:
    """Return what was noticed in two stretches of time, by volunteer."""
    both = dict(earlier)
    for id_, seen in later.items():
        before = both.get(id_, Seen(seen.slots, seen.at))
        both[id_] = Seen(
            seen.slots,
            seen.at,
            before.completed + seen.completed,
            before.failed + seen.failed,
            seen.due_at or before.due_at,
        )
    return both


class VolunteerStore:
    """One document a machine; its secret is stored hashed."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._volunteers = database["volunteers"]
        self._ledger = ledger
        self._lending = LendingStore(database)
        self.listing = Listing(self._volunteers, sorts=["last_seen", "name"], readers=False)

    async def prepare(self) -> None:
        due_at = {"$add": ["$last_seen", int(OFFLINE_AFTER.total_seconds() * 1000)]}
        await self._volunteers.update_many({"due_at": {"$exists": False}}, [{"$set": {"due_at": due_at}}])
        await self.listing.prepare()
        await self._volunteers.create_index(
            [("join_token", 1), ("enrolled_at", -1)], partialFilterExpression={"join_token": {"$type": "string"}}
        )

    async def enrol(
        self,
        name: str,
        machine: Machine,
        *,
        now: datetime,
        join_token: str | None = None,
        first: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> tuple[Volunteer, str]:
        """Enrol a machine; return it and its secret, which is not stored and cannot be shown again.

        `first` is done before, in the same transaction.
        """
        id_ = new_id("v")
        secret = f"{id_}.{new_token('volunteer')}"
        document: Document = {
            "_id": id_,
            "name": name,
            "secret_hash": token_hash(secret),
            "status": VolunteerStatus.ONLINE,
            "machine": {**asdict(machine), "missing": list(machine.missing)},
            "slots": 0,
            "enrolled_at": now,
            "last_seen": now,
            "due_at": now + OFFLINE_AFTER,
            "completed": 0,
            "failed": 0,
            "join_token": join_token,
            "lost": False,
        }

        async def insert(tx: Transaction) -> None:
            if first is not None:
                await first(tx)
            await self._volunteers.insert_one(dict(document), session=tx.session)
            tx.emit("volunteer.enrolled", now, volunteer=id_, name=name)

        await self._ledger.write(insert)
        return _volunteer(document, now), secret

    async def by_secret(self, secret: str, *, now: datetime) -> Volunteer | None:
        """Return the volunteer whose secret this is, unless retired."""
        document = await self._of_secret(secret)
        volunteer = _volunteer(document, now) if document is not None else None
        return None if volunteer is None or volunteer.status is VolunteerStatus.RETIRED else volunteer

    async def knows(self, secret: str) -> bool:
        """Whether this is the secret of a volunteer, be it retired."""
        return await self._of_secret(secret) is not None

    async def _of_secret(self, secret: str) -> Document | None:
        with unavailable_is_ours():
            document = await self._volunteers.find_one({"_id": secret.partition(".")[0]})
        if document is None or not hmac.compare_digest(document["secret_hash"], token_hash(secret)):
            return None
        return document

    async def get(self, volunteer_id: str, *, now: datetime) -> Volunteer:
        with unavailable_is_ours():
            document = await self._volunteers.find_one({"_id": volunteer_id})
        if document is None:
            raise NotFoundError("volunteer", volunteer_id)
        return _volunteer(document, now)

    async def leased(self, volunteer_id: str) -> int:
        """Return how many subtasks the volunteer holds now."""
        return await self._lending.held_by(volunteer_id)

    async def leased_by_each(self, volunteer_ids: Collection[str]) -> Mapping[str, int]:
        """Return how many subtasks each of these volunteers holds now; one that holds nothing is left out."""
        return await self._lending.held_by_each(volunteer_ids)

    async def leases(self, volunteer_id: str, *, reader: str | None, limit: int) -> Sequence[HeldLease]:
        """Return what the volunteer holds now of runs that `reader` may read (None: any), what ends first first."""
        return await self._lending.leases_of(volunteer_id, reader=reader, limit=limit)

    async def of_join_token(self, token_id: str, *, limit: int, now: datetime) -> Sequence[Volunteer]:
        """Return the volunteers that enrolled by a join token, the newest first."""
        found = (
            self._volunteers.find({"join_token": {"$eq": token_id, "$type": "string"}})
            .sort("enrolled_at", -1)
            .limit(limit)
        )
        with unavailable_is_ours():
            return [_volunteer(document, now) async for document in found]

    async def suspend(self, volunteer_id: str, note: str, *, by: str, now: datetime) -> Volunteer:
        """Lend the machine nothing more and call back what it holds; its secret stays good. Repeating is harmless.

        Raises NotFoundError, RetiredError.
        """
        return await self._change(volunteer_id, VolunteerStatus.SUSPENDED, note, "volunteer.suspended", by, now)

    async def resume(self, volunteer_id: str, *, by: str, now: datetime) -> Volunteer:
        """Lend to the machine again. Raises NotFoundError, RetiredError."""
        return await self._change(volunteer_id, VolunteerStatus.ONLINE, "", "volunteer.resumed", by, now)

    async def retire(self, volunteer_id: str, note: str, *, by: str, now: datetime) -> Volunteer:
        """Call back what the machine holds and let its secret open nothing any more, for good."""
        return await self._change(volunteer_id, VolunteerStatus.RETIRED, note, "volunteer.retired", by, now)

    async def _change(
        self, volunteer_id: str, status: VolunteerStatus, note: str, event: str, by: str, now: datetime
    ) -> Volunteer:
        async def write(tx: Transaction) -> Document:
            document = await self._volunteers.find_one_and_update(
                {"_id": volunteer_id, "status": {"$ne": VolunteerStatus.RETIRED}},
                {"$set": {"status": status, "note": note}},
                return_document=ReturnDocument.AFTER,
                session=tx.session,
            )
            if document is None:
                known = await self._volunteers.find_one({"_id": volunteer_id}, {"_id": 1}, session=tx.session)
                raise RetiredError(volunteer_id) if known else NotFoundError("volunteer", volunteer_id)
            if status is not VolunteerStatus.ONLINE:
                await self._lending.call_back_from(tx, volunteer_id, now=now)
            tx.emit(event, now, volunteer=volunteer_id, by=by, note=note)
            return document

        return _volunteer(await self._ledger.write(write), now)

    async def seen(self, volunteers: Mapping[str, Seen]) -> None:
        """Write down who was heard of since the last call, in one round trip.

        Of one that another replica has heard of since only the counts change: that it left this one means nothing.
        """
        if not volunteers:
            return
        with unavailable_is_ours():
            await self._volunteers.bulk_write(
                [update for id_, seen in volunteers.items() for update in _written(id_, seen)], ordered=False
            )

    async def page(
        self, filter_: Filter, sort: Sort, page: Page, *, now: datetime
    ) -> tuple[list[Volunteer], str | None]:
        """Return a page of volunteers and the token of the next one. One heard of meanwhile may come twice."""
        found, token = await self.listing.page(filter_, sort, page)
        return [_volunteer(document, now) for document in found], token

    async def online_slots(self, *, now: datetime) -> int:
        """Return how many slots the volunteers offer who are ONLINE."""
        with unavailable_is_ours():
            cursor = await self._volunteers.aggregate(
                [
                    {"$match": online(now)},
                    {"$group": {"_id": None, "slots": {"$sum": "$slots"}}},
                ]
            )
            rows = await cursor.to_list()
        return int(rows[0]["slots"]) if rows else 0


def online(now: datetime) -> Document:
    """Return the filter for the volunteers that are ONLINE."""
    return {"due_at": {"$gt": now}, "status": VolunteerStatus.ONLINE}


def _written(id_: str, seen: Seen) -> Iterator[UpdateOne]:
    newest: Document = {"last_seen": seen.at, "slots": seen.slots}
    if seen.due_at is not None:
        newest["due_at"] = seen.due_at
    yield UpdateOne({"_id": id_, "last_seen": {"$lte": seen.at}}, {"$set": newest})
    if seen.completed or seen.failed:
        yield UpdateOne({"_id": id_}, {"$inc": {"completed": seen.completed, "failed": seen.failed}})


def _volunteer(document: Document, now: datetime) -> Volunteer:
    status = VolunteerStatus(document["status"])
    if status is VolunteerStatus.ONLINE and document["due_at"] <= now:
        status = VolunteerStatus.OFFLINE
    return Volunteer(
        id=document["_id"],
        name=document["name"],
        status=status,
        machine=Machine(**document["machine"]),
        slots=document["slots"],
        enrolled_at=document["enrolled_at"],
        last_seen=document["last_seen"],
        completed=document["completed"],
        failed=document["failed"],
        join_token=document.get("join_token"),
        note=document.get("note", ""),
    )
