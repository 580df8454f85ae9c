"""Schedules: when runs of a workflow start, and how far each schedule has come."""

from __future__ import annotations

import enum
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import IdTakenError, NotFoundError
from storage.ledger import Ledger, Transaction
from storage.listing import Filter, Listing, Page, Sort

REMEMBERED = 20
"""How many of its last actions a schedule remembers."""


class ScheduleCause(enum.StrEnum):
    TIME = "time"
    TRIGGER = "trigger"
    BACKFILL = "backfill"


class ScheduleOutcome(enum.StrEnum):
    STARTED = "started"
    SKIPPED = "skipped"  # by the overlap policy
    MISSED = "missed"  # older than the catch-up window when the service came to it
    FAILED = "failed"  # no run could be made of it; `detail` says why


@dataclass(frozen=True, slots=True)
class Rule:
    """What the owner of a schedule decides. `overlap` is one of the policies that the coordinator knows."""

    workflow_id: str
    parameters: Mapping[str, Any]
    cron: str | None
    interval: timedelta | None
    timezone: str
    start_at: datetime | None
    end_at: datetime | None
    overlap: str
    catch_up: timedelta


@dataclass(frozen=True, slots=True)
class ScheduleAction:
    """A run that was decided on, under an id that follows from schedule and time.

    `cancel` names the runs whose end it waits for and that nobody has asked to end yet; one that starts `beside` the
    others holds up none that come later.
    """

    run_id: str
    at: datetime
    cause: ScheduleCause
    cancel: Sequence[str] = ()
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Backfill:
    """A range of past times under way: those before `next_at` have been taken."""

    id: str
    next_at: datetime
    until: datetime
    overlap: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a time, or of all from `at` to `until`."""

    at: datetime
    until: datetime | None
    decided_at: datetime
    cause: ScheduleCause
    outcome: ScheduleOutcome
    run_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule as it is at `revision`. `next_at` is the first time that nobody has looked at."""

    id: str
    owner: str
    rule: Rule
    paused: bool
    note: str
    next_at: datetime | None
    waiting: ScheduleAction | None
    starting: Sequence[ScheduleAction]
    backfills: Sequence[Backfill]
    recent: Sequence[Taken]
    created_at: datetime
    updated_at: datetime
    revision: int
    request: str | None = None  # the request that made it, if that had an Idempotency-Key


class ScheduleStore:
    """One document a schedule. A change names the revision that it was decided on, and is refused on any other."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._schedules = database["schedules"]
        self._ledger = ledger
        self.listing = Listing(
            self._schedules,
            sorts=["created_at"],
            leading=["workflow_id", "owner"],
            searched=["_id", "note"],
            readers=False,
        )

    async def prepare(self) -> None:
        await self._schedules.create_index("look_at")
        await self.listing.prepare()

    async def add(self, new: Schedule, look_at: datetime | None, *, now: datetime) -> Schedule:
        """Write a new schedule. Raises IdTakenError if its id is."""
        document = _document(new, look_at, now) | {
            "_id": new.id,
            "owner": new.owner,
            "created_at": now,
            "request": new.request,
        }

        async def insert(tx: Transaction) -> None:
            await self._schedules.insert_one(document, session=tx.session)
            tx.emit("schedule.created", now, schedule=new.id, workflow=new.rule.workflow_id, owner=new.owner)

        try:
            await self._ledger.write(insert)
        except DuplicateKeyError as error:
            raise IdTakenError("schedule", new.id) from error
        return _schedule(document)

    async def get(self, schedule_id: str) -> Schedule:
        with unavailable_is_ours():
            document = await self._schedules.find_one({"_id": schedule_id})
        if document is None:
            raise NotFoundError("schedule", schedule_id)
        return _schedule(document)

    async def page(self, filter_: Filter, sort: Sort, page: Page) -> tuple[list[Schedule], str | None]:
        """Return a page of schedules and the token of the next one."""
        found, token = await self.listing.page(filter_, sort, page)
        return [_schedule(document) for document in found], token

    async def to_look_at(self, *, now: datetime, limit: int) -> list[Schedule]:
        """Return schedules that have something to do by `now`, those overdue for longest first."""
        with unavailable_is_ours():
            found = self._schedules.find({"look_at": {"$lte": now}}).sort("look_at", 1).limit(limit)
            return [_schedule(document) async for document in found]

    async def change(
        self, schedule: Schedule, look_at: datetime | None, event: str | None, *, now: datetime, **told: Any
    ) -> Schedule | None:
        """Write what was decided on `schedule.revision`; None if it has changed since: read it and decide again.

        `look_at` is when it has something to do next; `event` tells of the change with the fields `told`, None
        when what changed is told by other events.
        """

        current = {"_id": schedule.id, "revision": schedule.revision}
        content = {"$set": _document(schedule, look_at, now) | {"revision": schedule.revision + 1}}

        async def write(tx: Transaction) -> int:
            outcome = await self._schedules.update_one(current, content, session=tx.session)
            if outcome.matched_count:
                tx.emit(str(event), now, schedule=schedule.id, **told)
            return outcome.matched_count

        if event is not None:
            matched = await self._ledger.write(write)
        else:
            with unavailable_is_ours():
                matched = (await self._schedules.update_one(current, content)).matched_count
        return replace(schedule, revision=schedule.revision + 1, updated_at=now) if matched else None

    async def wake(self, schedule_ids: Collection[str], *, now: datetime) -> None:
        """Have those of the schedules looked at now that wait for the end of a run.

        What somebody else is deciding about one meanwhile is refused, since it may not know of that end.
        """
        waits = {
            "_id": {"$in": list(schedule_ids)},
            "starting": [],  # whoever starts them looks afterwards
            "$or": [{"waiting": {"$ne": None}}, {"backfills": {"$ne": []}}],
        }
        with unavailable_is_ours():
            await self._schedules.update_many(waits, {"$set": {"look_at": now}, "$inc": {"revision": 1}})

    async def delete(self, schedule_id: str, *, by: str, now: datetime) -> None:
        """Forget a schedule; its runs stay. Raises NotFoundError."""

        async def delete(tx: Transaction) -> None:
            if (await self._schedules.delete_one({"_id": schedule_id}, session=tx.session)).deleted_count == 0:
                raise NotFoundError("schedule", schedule_id)
            tx.emit("schedule.deleted", now, schedule=schedule_id, by=by)

        await self._ledger.write(delete)


def _document(schedule: Schedule, look_at: datetime | None, now: datetime) -> Document:
    rule = schedule.rule
    return {
        "workflow_id": rule.workflow_id,
        "parameters": json.dumps(rule.parameters),
        "cron": rule.cron,
        "interval": rule.interval.total_seconds() if rule.interval is not None else None,
        "timezone": rule.timezone,
        "start_at": rule.start_at,
        "end_at": rule.end_at,
        "overlap": rule.overlap,
        "catch_up": rule.catch_up.total_seconds(),
        "paused": schedule.paused,
        "note": schedule.note,
        "next_at": schedule.next_at,
        "look_at": look_at,
        "waiting": asdict(schedule.waiting) if schedule.waiting is not None else None,
        "starting": [asdict(item) for item in schedule.starting],
        "backfills": [asdict(item) for item in schedule.backfills],
        "recent": [asdict(item) for item in schedule.recent[-REMEMBERED:]],
        "updated_at": now,
        "revision": schedule.revision,
    }


def _action(document: Document) -> ScheduleAction:
    return ScheduleAction(**document | {"cause": ScheduleCause(document["cause"])})


def _schedule(document: Document) -> Schedule:
    return Schedule(
        id=document["_id"],
        owner=document["owner"],
        rule=Rule(
            workflow_id=document["workflow_id"],
            parameters=json.loads(document["parameters"]),
            cron=document["cron"],
            interval=timedelta(seconds=document["interval"]) if document["interval"] is not None else None,
            timezone=document["timezone"],
            start_at=document["start_at"],
            end_at=document["end_at"],
            overlap=document["overlap"],
            catch_up=timedelta(seconds=document["catch_up"]),
        ),
        paused=document["paused"],
        note=document["note"],
        next_at=document["next_at"],
        waiting=_action(document["waiting"]) if document["waiting"] is not None else None,
        starting=[_action(item) for item in document["starting"]],
        backfills=[Backfill(**item) for item in document["backfills"]],
        recent=[
            Taken(**item | {"cause": ScheduleCause(item["cause"]), "outcome": ScheduleOutcome(item["outcome"])})
            for item in document["recent"]
        ],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        revision=document["revision"],
        request=document["request"],
    )
