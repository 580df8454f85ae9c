"""Start the runs of schedules at their times, each exactly once, whatever process is killed meanwhile.

A turn of a schedule has two steps. First what is to be done is decided and written in one update that
holds only for the revision it was decided on, so of several replicas one decides. Then it is done: the
runs are written under ids that follow from schedule and time, so that doing it again finds them; and
struck off. Whoever dies in between leaves a schedule with runs to start, which is looked at again.

A schedule that waits for the end of a run is woken by the news of it (`run_ended`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from coordinator.background import Loop
from coordinator.decisions.schedules import (
    Due,
    Overlap,
    OverlapDecision,
    ScheduleTiming,
    TimingError,
    due,
    next_time,
    settle,
    times_between,
)
from storage.errors import IdTakenError, NjangiError, NotFoundError
from storage.runs.store import RunStore
from storage.workflows.schedules import (
    Backfill,
    Rule,
    Schedule,
    ScheduleAction,
    ScheduleCause,
    ScheduleOutcome,
    ScheduleStore,
    Taken,
)

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
MOST_SCHEDULES = 100
MOST_RUNS = 100
"""How many of its times a schedule takes in one turn; more of them wait for the next."""
MOST_BACKFILL = 1000
MOST_BACKFILLS = 10
UNDONE_AFTER = timedelta(seconds=10)
"""How long a replica has to start the runs that it decided on before another does."""
LOOK_AGAIN = timedelta(seconds=30)
"""How soon a schedule that waits for the end of a run is looked at if the news of it was missed."""
GATHERING_SECONDS = 0.05
"""Ends of runs that come this close together are looked at as one."""


class BackfillError(NjangiError):
    """A range that cannot be backfilled."""

    def __str__(self) -> str:
        return str(self.args[0])


class StartRefusedError(Exception):
    """No run can be made of a schedule as it is; the text says why. Trying again would not help."""


class RunStarter(Protocol):
    """What starts and cancels runs."""

    async def start(self, schedule: Schedule, action: ScheduleAction) -> None:
        """Write the run `action.run_id`.

        Raises IdTakenError when it is there, StartRefusedError when no run can be started.
        """

    async def cancel(self, run_id: str, schedule: Schedule) -> None:
        """Have a run end, unless it has or somebody has asked for it."""


class Scheduler:
    """Any number of replicas may run one; `create` and the others may be called on any of them."""

    def __init__(
        self, schedules: ScheduleStore, run_store: RunStore, runs: RunStarter, clock: Callable[[], datetime]
    ) -> None:
        self._schedules = schedules
        self._run_store = run_store
        self._runs = runs
        self._clock = clock
        self._ended: set[str] = set()
        self._some_ended = asyncio.Event()

    def loops(self) -> Iterable[Loop]:
        yield Loop("starting the runs of schedules", self.run, EVERY_SECONDS)

    async def run(self) -> None:
        """Look at the schedules until cancelled, each second and when runs end."""
        while True:
            await self.tick()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._some_ended.wait(), EVERY_SECONDS)
                await asyncio.sleep(GATHERING_SECONDS)

    def run_ended(self, run_id: str) -> None:
        """Have the schedule that waits for the run's end, if there is one, looked at."""
        self._ended.add(run_id)
        self._some_ended.set()

    async def tick(self) -> None:
        """Look at every schedule that has something to do."""
        self._some_ended.clear()
        ended = set(self._ended)
        if ended and (schedules := await self._run_store.schedules_of(ended)):
            await self._schedules.wake(schedules, now=self._clock())
        self._ended -= ended
        for schedule in await self._schedules.to_look_at(now=self._clock(), limit=MOST_SCHEDULES):
            try:
                await self._turn(schedule)
            except NotFoundError:
                log.info("a schedule was deleted meanwhile", extra={"schedule_id": schedule.id})
            except TimingError as error:
                log.warning("a schedule is paused", extra={"schedule_id": schedule.id, "reason": str(error)})
                await self._write(replace(schedule, paused=True, note=str(error), next_at=None), "schedule.paused")

    async def create(
        self, schedule_id: str, rule: Rule, *, owner: str, paused: bool, note: str, request: str | None = None
    ) -> Schedule:
        """Write a new schedule, due from now on. Raises IdTakenError, TimingError."""
        now = self._clock()
        new = Schedule(
            id=schedule_id,
            owner=owner,
            rule=rule,
            paused=paused,
            note=note,
            next_at=None if paused else next_time(_timing(rule), now),
            waiting=None,
            starting=[],
            backfills=[],
            recent=[],
            created_at=now,
            updated_at=now,
            revision=1,
            request=request,
        )
        return await self._schedules.add(new, _look_at(new, now), now=now)

    async def edit(self, schedule_id: str, rule: Rule, *, by: str) -> Schedule:
        """Replace what its owner decides. What was due until now is decided on by the old rule."""

        def changed(schedule: Schedule, now: datetime) -> Schedule:
            next_at = None if schedule.paused else next_time(_timing(rule), now)
            return replace(schedule, rule=rule, next_at=next_at)

        return await self._change(schedule_id, changed, "schedule.edited", by)

    async def pause(self, schedule_id: str, note: str, *, by: str) -> Schedule:
        """Start nothing by time until it is resumed; what waits for a run to end is dropped, backfills go on."""

        def changed(schedule: Schedule, now: datetime) -> Schedule:
            dropped = [(schedule.waiting, "the schedule was paused")] if schedule.waiting is not None else []
            recent = [*schedule.recent, *_skipped(dropped, now)]
            return replace(schedule, paused=True, note=note, next_at=None, waiting=None, recent=recent)

        return await self._change(schedule_id, changed, "schedule.paused", by)

    async def resume(self, schedule_id: str, note: str, *, by: str) -> Schedule:
        """Go on from now; what would have been due meanwhile is not caught up on (see `backfill`)."""

        def changed(schedule: Schedule, now: datetime) -> Schedule:
            if not schedule.paused:
                return replace(schedule, note=note)
            return replace(schedule, paused=False, note=note, next_at=next_time(_timing(schedule.rule), now))

        return await self._change(schedule_id, changed, "schedule.resumed", by)

    async def backfill(
        self, schedule_id: str, first: datetime, until: datetime, overlap: Overlap, *, id_: str, by: str
    ) -> Schedule:
        """Start a run for every time of a range that has passed, from `first` (included) until `until` (excluded).

        With Overlap.QUEUE one after the other, and as the schedule's others for its overlap policy; with ALLOW all at
        once, and in nobody's way. Repeating under the same `id_` is
        harmless while it is under way. Raises BackfillError.
        """

        def changed(schedule: Schedule, now: datetime) -> Schedule:
            if any(item.id == id_ for item in schedule.backfills):
                return schedule
            if overlap not in (Overlap.QUEUE, Overlap.ALLOW):
                raise BackfillError("a backfill leaves no time out: its overlap is 'queue' or 'allow'")
            if not first < until <= now:
                raise BackfillError("'from' must lie before 'until', and 'until' not in the future")
            times = list(islice(times_between(_timing(schedule.rule), first, until), MOST_BACKFILL + 1))
            if not times:
                raise BackfillError("the schedule has no time in that range")
            if len(times) > MOST_BACKFILL:
                raise BackfillError(f"a backfill takes at most {MOST_BACKFILL} times; backfill the range in parts")
            if len(schedule.backfills) >= MOST_BACKFILLS:
                raise BackfillError(f"{MOST_BACKFILLS} backfills are under way already; wait for one to end")
            return replace(schedule, backfills=[*schedule.backfills, Backfill(id_, first, until, overlap)])

        backfilled = await self._change(schedule_id, changed, "schedule.backfilled", by)
        await self._schedules.wake([schedule_id], now=self._clock())
        return backfilled

    async def trigger(self, schedule_id: str, overlap: Overlap | None, *, id_: str, by: str) -> Taken | None:
        """Start a run now, paused or not, as the overlap policy allows (`overlap`: this one instead of its own).

        Return what became of it, None if it waits. Repeating under the same `id_` finds what the first call did.
        """
        run_id = f"{schedule_id}-T{id_}"
        while True:
            schedule, now = await self._schedules.get(schedule_id), self._clock()
            if _decided(schedule, run_id):
                break
            action = ScheduleAction(run_id, now.replace(microsecond=0), ScheduleCause.TRIGGER)
            going_on = await self._going_on(schedule)
            policy = overlap or Overlap(schedule.rule.overlap)
            waits = policy in (Overlap.QUEUE, Overlap.CANCEL_OLD)
            settled = settle(policy, [action], schedule.waiting if waits else None, going_on=bool(going_on))
            after = _settled(schedule, policy, settled, going_on, now)
            if not waits:
                after = replace(after, waiting=schedule.waiting)
            decided = await self._write(after, "schedule.triggered", by=by)
            if decided is not None:
                schedule = decided
                break
        schedule = await self._start(schedule)
        await self._look_after(schedule)
        return _taken(schedule, run_id)

    async def _turn(self, schedule: Schedule) -> None:
        if _undone(schedule):  # somebody died over it
            schedule = await self._start(schedule)
        decided = await self._decide(schedule)
        if decided is not None:
            await self._look_after(await self._start(decided))

    async def _look_after(self, schedule: Schedule) -> None:
        """Look again soon if what the schedule waits for had ended before it said that it waits."""
        if _waits(schedule) and not await self._going_on(schedule):
            await self._schedules.wake([schedule.id], now=self._clock())
            self._some_ended.set()

    async def _decide(self, schedule: Schedule) -> Schedule | None:
        """Write what is to be done now; None if another did."""
        now = self._clock()
        timing, going_on = _timing(schedule.rule), await self._going_on(schedule)
        times = due(timing, schedule.next_at, now=now, catch_up=schedule.rule.catch_up, most=MOST_RUNS)
        actions = [ScheduleAction(_run_id(schedule.id, at), at, ScheduleCause.TIME) for at in times.times]
        policy = Overlap(schedule.rule.overlap)
        settled = settle(policy, actions, schedule.waiting, going_on=bool(going_on))
        after = replace(
            _settled(schedule, policy, settled, going_on, now, _missed(schedule, times, now)), next_at=times.next_at
        )
        if after.backfills:
            after = _backfilled(after, timing, busy=bool(going_on or after.starting or after.waiting))
        if after == schedule:
            await self._write(schedule, None)  # it is looked at again later
            return None
        told = {"runs": [action.run_id for action in after.starting], "skipped": len(settled.skipped)}
        return await self._write(after, "schedule.due", missed=times.missed is not None, **told)

    async def _start(self, schedule: Schedule) -> Schedule:
        """Start what was decided on, ask for the ends that it waits for, and strike both off."""
        done: dict[str, Taken] = {}
        for action in schedule.starting:
            taken = Taken(action.at, None, self._clock(), action.cause, ScheduleOutcome.STARTED, action.run_id)
            try:
                await self._runs.start(schedule, action)
            except IdTakenError:
                pass  # somebody died after it
            except StartRefusedError as error:
                taken = replace(taken, outcome=ScheduleOutcome.FAILED, detail=str(error))
            done[action.run_id] = taken
        asked = set(schedule.waiting.cancel) if schedule.waiting is not None else set()
        for run_id in asked:
            await self._runs.cancel(run_id, schedule)
        return await self._strike_off(schedule, done, asked)

    async def _strike_off(self, schedule: Schedule, done: Mapping[str, Taken], asked: set[str]) -> Schedule:
        while True:
            left = [action for action in schedule.starting if action.run_id not in done]
            new = [done[action.run_id] for action in schedule.starting if action.run_id in done]
            waiting = schedule.waiting
            if waiting is not None and asked.intersection(waiting.cancel):
                waiting = replace(waiting, cancel=[run_id for run_id in waiting.cancel if run_id not in asked])
            if not new and waiting is schedule.waiting:
                return schedule
            change = replace(schedule, starting=left, waiting=waiting, recent=[*schedule.recent, *new])
            after = await self._write(change, None)
            if after is not None:
                return after
            schedule = await self._schedules.get(schedule.id)

    async def _change(
        self, schedule_id: str, changed: Callable[[Schedule, datetime], Schedule], event: str, by: str
    ) -> Schedule:
        while True:
            schedule, now = await self._schedules.get(schedule_id), self._clock()
            while schedule.next_at is not None and schedule.next_at <= now:
                await self._turn(schedule)
                schedule = await self._schedules.get(schedule_id)
            after = changed(schedule, now)
            if after is schedule:
                return schedule
            written = await self._write(after, event, by=by)
            if written is not None:
                return written

    async def _write(self, schedule: Schedule, event: str | None, **told: object) -> Schedule | None:
        now = self._clock()
        return await self._schedules.change(schedule, _look_at(schedule, now), event, now=now, **told)

    async def _going_on(self, schedule: Schedule) -> list[str]:
        starting = [action.run_id for action in schedule.starting if not action.beside]
        return [*starting, *await self._run_store.going_on(schedule.id, beside=False)]


def _timing(rule: Rule) -> ScheduleTiming:
    return ScheduleTiming(rule.cron, rule.interval, rule.timezone, rule.start_at, rule.end_at)


def _run_id(schedule_id: str, at: datetime) -> str:
    """Return the id of the run for a time. No id that a caller can give holds a capital letter."""
    return f"{schedule_id}-{at:%Y%m%dT%H%M%SZ}"


def _missed(schedule: Schedule, times: Due, now: datetime) -> list[Taken]:
    if times.missed is None:
        return []
    first, until = times.missed
    detail = f"older than the catch-up window of {schedule.rule.catch_up}"
    return [Taken(first, until, now, ScheduleCause.TIME, ScheduleOutcome.MISSED, detail=detail)]


def _settled(
    schedule: Schedule,
    policy: Overlap,
    settled: OverlapDecision[ScheduleAction],
    going_on: Sequence[str],
    now: datetime,
    missed: Sequence[Taken] = (),
) -> Schedule:
    """Return the schedule as it is once the overlap policy has decided."""
    waiting = settled.waiting
    if waiting is not None and settled.cancel_old and waiting is not schedule.waiting:
        waiting = replace(waiting, cancel=list(going_on))
    beside = policy is Overlap.ALLOW
    return replace(
        schedule,
        starting=[*schedule.starting, *(replace(action, beside=beside) for action in settled.start)],
        waiting=waiting,
        recent=[*schedule.recent, *missed, *_skipped(settled.skipped, now)],
    )


def _skipped(skipped: Sequence[tuple[ScheduleAction, str]], now: datetime) -> list[Taken]:
    """Return what is remembered of actions that were skipped: one entry for many with the same reason."""
    found: list[Taken] = []
    for action, why in skipped:
        if found and found[-1].detail == why and found[-1].cause is action.cause:
            found[-1] = replace(found[-1], until=action.at)
        else:
            found.append(Taken(action.at, None, now, action.cause, ScheduleOutcome.SKIPPED, action.run_id, why))
    return found


def _backfilled(schedule: Schedule, timing: ScheduleTiming, *, busy: bool) -> Schedule:
    """Return the schedule with the next times of its first backfill taken."""
    backfill, *later = schedule.backfills
    most = MOST_RUNS if backfill.overlap == Overlap.ALLOW else int(not busy)
    if most == 0:
        return schedule
    times = list(islice(times_between(timing, backfill.next_at, backfill.until), most + 1))
    beside = backfill.overlap == Overlap.ALLOW
    actions = [
        ScheduleAction(f"{_run_id(schedule.id, at)}-B{backfill.id}", at, ScheduleCause.BACKFILL, beside=beside)
        for at in times[:most]
    ]
    left = [replace(backfill, next_at=times[most])] if len(times) > most else []
    return replace(schedule, starting=[*schedule.starting, *actions], backfills=[*left, *later])


def _decided(schedule: Schedule, run_id: str) -> bool:
    """Whether a trigger was decided on already, by a call whose answer was lost."""
    open_ = [*schedule.starting, *([schedule.waiting] if schedule.waiting is not None else [])]
    return any(action.run_id == run_id for action in open_) or _taken(schedule, run_id) is not None


def _taken(schedule: Schedule, run_id: str) -> Taken | None:
    return next((taken for taken in schedule.recent if taken.run_id == run_id), None)


def _undone(schedule: Schedule) -> bool:
    """Whether there is something that was decided on and may not have been done."""
    return bool(schedule.starting) or (schedule.waiting is not None and bool(schedule.waiting.cancel))


def _waits(schedule: Schedule) -> bool:
    """Whether it waits for the end of a run."""
    return schedule.waiting is not None or bool(schedule.backfills)


def _look_at(schedule: Schedule, now: datetime) -> datetime | None:
    """Return when the schedule has something to do next, None if never."""
    if _undone(schedule):
        return now + UNDONE_AFTER
    moments = [schedule.next_at] if schedule.next_at is not None else []
    if schedule.backfills and schedule.backfills[0].overlap == Overlap.ALLOW:
        moments.append(now)
    elif _waits(schedule):
        moments.append(now + LOOK_AGAIN)
    return min(moments, default=None)
