"""Schedules: create, edit, list, pause, resume, trigger, backfill."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any, Self

from fastapi import APIRouter, Body, Query
from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.quantities import duration
from njangi_flows.workflow.spec import InvalidSpecError
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from api.access.rights import Action
from api.clock import utc_now
from api.dependencies import App, Named, Reader, Schedules, Submitter, must
from api.list_parameters import ScheduleList, order
from api.runs.chosen_ids import ChosenId
from api.services import Services
from coordinator.decisions.schedules import EPOCH, Overlap, ScheduleTiming, check_cron, times_after, zone
from storage.database import new_id
from storage.errors import IdTakenError, NotFoundError
from storage.people.idempotency import made_id
from storage.people.users import User
from storage.sharing import Noun
from storage.workflows.schedules import Rule, Schedule, ScheduleCause, ScheduleOutcome, Taken

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

CATCH_UP = timedelta(minutes=10)
LONGEST_CATCH_UP = timedelta(days=31)
LONGEST_INTERVAL = timedelta(days=366)
LARGEST_PARAMETERS = 256 * 1024
LAST_YEAR = 2200


def _moment(at: datetime) -> datetime:
    if not EPOCH.year <= at.year < LAST_YEAR:
        raise ValueError(f"must lie between the years {EPOCH.year} and {LAST_YEAR}")
    return at.astimezone(UTC).replace(microsecond=0)


def _interval(seconds: float) -> float:
    if seconds != int(seconds) or not 1 <= seconds <= LONGEST_INTERVAL.total_seconds():
        raise ValueError("must be a whole number of seconds, from 1s to 366d")
    return seconds


def _catch_up(seconds: float) -> float:
    if not 0 <= seconds <= LONGEST_CATCH_UP.total_seconds():
        raise ValueError(f"must be from 0s to {LONGEST_CATCH_UP.days}d")
    return seconds


def _zone(name: str) -> str:
    return zone(name).key


Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
Note = Annotated[str, Field(max_length=500)]


class RuleBody(BaseModel):
    """When to start runs of which workflow; durations in seconds or as text such as "90s" or "1h30m"."""

    model_config = ConfigDict(extra="forbid")

    workflow_id: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    cron: Annotated[str, AfterValidator(check_cron)] | None = None
    interval: Annotated[float, BeforeValidator(duration), AfterValidator(_interval)] | None = None
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    start_at: Moment | None = None
    end_at: Moment | None = None
    overlap: Overlap = Overlap.SKIP
    catch_up: Annotated[float, BeforeValidator(duration), AfterValidator(_catch_up)] = CATCH_UP.total_seconds()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.cron is None) == (self.interval is None):
            raise ValueError("a schedule takes either 'cron' or 'interval'")
        if self.interval is not None and self.timezone != "UTC":
            raise ValueError("an interval counts elapsed time and knows no time zone; use 'cron' for local times")
        if self.start_at is not None and self.end_at is not None and self.end_at <= self.start_at:
            raise ValueError("'end_at' must lie after 'start_at'")
        if len(json.dumps(self.parameters)) > LARGEST_PARAMETERS:
            raise ValueError(f"'parameters' may take at most {LARGEST_PARAMETERS} bytes; put large values in a file")
        return self

    def rule(self) -> Rule:
        return Rule(
            workflow_id=self.workflow_id,
            parameters=self.parameters,
            cron=self.cron,
            interval=timedelta(seconds=self.interval) if self.interval is not None else None,
            timezone=self.timezone,
            start_at=self.start_at,
            end_at=self.end_at,
            overlap=self.overlap,
            catch_up=timedelta(seconds=self.catch_up),
        )


class NewSchedule(RuleBody):
    id: ChosenId | None = None
    paused: bool = False
    note: Note = ""


class NoteBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: Note = ""


class TriggerBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap: Overlap | None = None


class BackfillBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    first: Moment = Field(alias="from")
    until: Moment
    overlap: Overlap = Overlap.QUEUE


class TakenView(BaseModel):
    """What became of a time, or of all from `at` to `until`; `run_id` only of a run that was started."""

    at: datetime
    until: datetime | None
    decided_at: datetime
    cause: ScheduleCause
    outcome: ScheduleOutcome
    run_id: str | None
    detail: str | None


class BackfillView(BaseModel):
    id: str
    next_at: datetime
    until: datetime
    overlap: Overlap


class ScheduleView(BaseModel):
    """Durations in seconds. `waiting` is the time whose run waits for the end of another."""

    id: str
    owner: str
    workflow_id: str
    parameters: dict[str, Any]
    cron: str | None
    interval: float | None
    timezone: str
    start_at: datetime | None
    end_at: datetime | None
    overlap: Overlap
    catch_up: float
    paused: bool
    note: str
    next_at: datetime | None
    waiting: datetime | None
    backfills: list[BackfillView]
    recent: list[TakenView]
    created_at: datetime
    updated_at: datetime


class SchedulePage(BaseModel):
    schedules: list[ScheduleView]
    next_page_token: str | None


class OneScheduleView(ScheduleView):
    """With its next times (those it would have if it were not paused) and its runs that go on."""

    next_times: list[datetime]
    going_on: list[str]


class Triggered(BaseModel):
    """What became of a trigger; `outcome` is null while its run waits for the end of another."""

    outcome: ScheduleOutcome | None
    run_id: str | None
    detail: str | None


@router.post("", status_code=201)
async def create(
    body: Annotated[NewSchedule, Body()], app: App, schedules: Schedules, caller: Submitter, named: Named
) -> ScheduleView:
    """Create a schedule, due from now on."""
    id_ = body.id or (made_id("s", named) if named is not None else new_id("s"))
    try:
        await _check(app, body, caller)
        made = await schedules.create(
            id_, body.rule(), owner=caller.name, paused=body.paused, note=body.note, request=named
        )
    except (IdTakenError, NotFoundError, InvalidSpecError):
        earlier = await _earlier(app, id_, named) if named is not None else None
        if earlier is None:
            raise
        made = earlier
    return _view(made)


@router.get("")
async def page(query: Annotated[ScheduleList, Query()], app: App, caller: Reader) -> SchedulePage:
    """Return a page of the caller's schedules, of admins all, the newest first unless `sort` says otherwise."""
    found, token = await app.stores.schedules.page(query.as_seen_by(caller), order(query.sort), query.page())
    return SchedulePage(schedules=[_view(item) for item in found], next_page_token=token)


@router.get("/{schedule_id}")
async def get(
    schedule_id: str, app: App, _: Reader, count: Annotated[int, Query(alias="next", ge=0, le=100)] = 5
) -> OneScheduleView:
    """Return a schedule with its `next` times."""
    schedule = await app.stores.schedules.get(schedule_id)
    rule = schedule.rule
    timing = ScheduleTiming(rule.cron, rule.interval, rule.timezone, rule.start_at, rule.end_at)
    return OneScheduleView(
        **_view(schedule).model_dump(),
        next_times=list(islice(times_after(timing, utc_now()), count)),
        going_on=await app.stores.runs.going_on(schedule_id),
    )


@router.put("/{schedule_id}")
async def edit(
    schedule_id: str, body: Annotated[RuleBody, Body()], app: App, schedules: Schedules, caller: Submitter
) -> ScheduleView:
    """Replace what and when; pauses, backfills and runs that go on stay."""
    await _check(app, body, caller)
    return _view(await schedules.edit(schedule_id, body.rule(), by=caller.name))


@router.delete("/{schedule_id}", status_code=204)
async def delete(schedule_id: str, app: App, caller: Submitter) -> None:
    """Delete a schedule; its runs stay."""
    await app.stores.schedules.delete(schedule_id, by=caller.name, now=utc_now())


@router.post("/{schedule_id}:pause")
async def pause(
    schedule_id: str, schedules: Schedules, caller: Submitter, body: Annotated[NoteBody | None, Body()] = None
) -> ScheduleView:
    """Start nothing by time until it is resumed."""
    return _view(await schedules.pause(schedule_id, body.note if body else "", by=caller.name))


@router.post("/{schedule_id}:resume")
async def resume(
    schedule_id: str, schedules: Schedules, caller: Submitter, body: Annotated[NoteBody | None, Body()] = None
) -> ScheduleView:
    """Go on with the next time; those during the pause are not caught up on."""
    return _view(await schedules.resume(schedule_id, body.note if body else "", by=caller.name))


@router.post("/{schedule_id}:trigger", status_code=202)
async def trigger(
    schedule_id: str,
    schedules: Schedules,
    caller: Submitter,
    named: Named,
    body: Annotated[TriggerBody | None, Body()] = None,
) -> Triggered:
    """Start a run now, as the overlap policy allows; `overlap` stands in for the schedule's own."""
    taken = await schedules.trigger(schedule_id, body.overlap if body else None, id_=_id_of(named), by=caller.name)
    if taken is None:
        return Triggered(outcome=None, run_id=None, detail="waits until the runs of the schedule have ended")
    shown = _taken(taken)
    return Triggered(outcome=shown.outcome, run_id=shown.run_id, detail=shown.detail)


@router.post("/{schedule_id}:backfill", status_code=202)
async def backfill(
    schedule_id: str, body: Annotated[BackfillBody, Body()], schedules: Schedules, caller: Submitter, named: Named
) -> ScheduleView:
    """Start a run for every past time from `from` (included) until `until` (excluded)."""
    return _view(
        await schedules.backfill(schedule_id, body.first, body.until, body.overlap, id_=_id_of(named), by=caller.name)
    )


def _id_of(named: str | None) -> str:
    return made_id("", named) if named is not None else secrets.token_hex(8)


async def _earlier(app: Services, schedule_id: str, request: str) -> Schedule | None:
    """Return what an earlier try at the request made."""
    try:
        found = await app.stores.schedules.get(schedule_id)
    except NotFoundError:
        return None
    return found if found.request == request else None


async def _check(app: Services, body: RuleBody, caller: User) -> None:
    """Raise NotFoundError, 403 or InvalidSpecError unless it is the caller's to run and takes these parameters."""
    await must(app, caller, Action.CHANGE, Noun.WORKFLOW, body.workflow_id)
    workflow = await app.stores.workflows.get(body.workflow_id)
    specs.run_parameters(specs.parse(workflow.spec, files=workflow.files.keys()), body.parameters)


def _taken(taken: Taken) -> TakenView:
    return TakenView(
        at=taken.at,
        until=taken.until,
        decided_at=taken.decided_at,
        cause=taken.cause,
        outcome=taken.outcome,
        run_id=taken.run_id if taken.outcome is ScheduleOutcome.STARTED else None,
        detail=taken.detail,
    )


def _view(schedule: Schedule) -> ScheduleView:
    rule = schedule.rule
    return ScheduleView(
        id=schedule.id,
        owner=schedule.owner,
        workflow_id=rule.workflow_id,
        parameters=dict(rule.parameters),
        cron=rule.cron,
        interval=rule.interval.total_seconds() if rule.interval is not None else None,
        timezone=rule.timezone,
        start_at=rule.start_at,
        end_at=rule.end_at,
        overlap=Overlap(rule.overlap),
        catch_up=rule.catch_up.total_seconds(),
        paused=schedule.paused,
        note=schedule.note,
        next_at=schedule.next_at,
        waiting=schedule.waiting.at if schedule.waiting is not None else None,
        backfills=[
            BackfillView(id=item.id, next_at=item.next_at, until=item.until, overlap=Overlap(item.overlap))
            for item in schedule.backfills
        ],
        recent=[_taken(item) for item in reversed(schedule.recent)],
        created_at=schedule.created_at,
        updated_at=schedule.updated_at,
    )
