"""Schedules against a real MongoDB, with several replicas at once and with deaths in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from coordinator.decisions.schedules import Overlap
from coordinator.scheduler import LOOK_AGAIN, MOST_RUNS, UNDONE_AFTER, BackfillError, Scheduler, StartRefusedError
from storage.errors import IdTakenError, NotFoundError
from storage.ledger import Transaction
from storage.listing import Filter, Page, Sort
from storage.runs.models import FlowRunState, NewRun, OfSchedule, Run, RunStatus
from storage.stores import Stores
from storage.workflows.schedules import Rule, Schedule, ScheduleAction, ScheduleCause, ScheduleOutcome, Taken
from tests.conftest import NOON

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The process dies here."""


class Runs:
    """Writes runs as the service does. `dies` names the moment at which its process is killed, once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.dies: str | None = None
        self.refuses: str | None = None

    async def start(self, schedule: Schedule, action: ScheduleAction) -> None:
        if self.refuses is not None:
            raise StartRefusedError(self.refuses)
        self._die("before the run is written")
        new = NewRun(
            *("w1", "run", 1, "ama", 50, {}, {}, {}),
            id=action.run_id,
            schedule=OfSchedule(schedule.id, action.at, action.beside),
        )
        await self._world.stores.runs.add(new, [], now=self._world.now)
        self._die("after the run is written")

    async def cancel(self, run_id: str, schedule: Schedule) -> None:
        self._die("before the cancelling")

        async def request(tx: Transaction) -> None:
            if await self._world.stores.runs.is_open(tx, run_id):
                await self._world.stores.runs.request_cancel(tx, run_id, by=schedule.id, now=self._world.now)

        await self._world.stores.ledger.write(request)

    def _die(self, moment: str) -> None:
        if self.dies == moment:
            self.dies = None
            raise Killed


class World:
    """Some replicas and the time."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.now = NOON
        self.runs = Runs(self)
        self.one, self.two = self.replica(), self.replica()

    def replica(self) -> Scheduler:
        return Scheduler(self.stores.schedules, self.stores.runs, self.runs, lambda: self.now)

    async def schedule(self, overlap: Overlap = Overlap.SKIP, catch_up: timedelta = 10 * MINUTE) -> Schedule:
        """Create a schedule that is due each minute; the first time is a minute from now."""
        rule = Rule("w1", {}, None, MINUTE, "UTC", None, None, overlap, catch_up)
        return await self.one.create("s1", rule, owner="ama", paused=False, note="")

    async def later(self, passed: timedelta) -> None:
        """Let time pass, then give each replica its tick, at the same time."""
        self.now += passed
        await asyncio.gather(self.one.tick(), self.two.tick())

    async def all_runs(self) -> list[Run]:
        runs, _ = await self.stores.runs.page(Filter(), Sort("created_at", True), Page(500))
        return runs

    async def ids(self) -> list[str]:
        return sorted(run.id for run in await self.all_runs())

    async def end(self, run_id: str, *, heard: bool = True) -> None:
        """Have a run end, as Prefect would tell, and the replicas hear of it."""
        await self.stores.run_recovery.set_flow_run(run_id, f"flow-{run_id}", now=self.now)
        state = FlowRunState(f"flow-{run_id}", "COMPLETED", "Completed", None, self.now)
        await self.stores.ledger.write(lambda tx: self.stores.runs.follow(tx, state, RunStatus.COMPLETED, now=self.now))
        if heard:
            self.one.run_ended(run_id)
            self.two.run_ended(run_id)

    async def recent(self) -> list[Taken]:
        return list((await self.stores.schedules.get("s1")).recent)

    async def outcomes(self) -> list[ScheduleOutcome]:
        return [taken.outcome for taken in await self.recent()]


@pytest.fixture
def world(stores: Stores) -> World:
    return World(stores)


def at(minutes: int) -> str:
    return f"s1-{NOON + minutes * MINUTE:%Y%m%dT%H%M%SZ}"


async def test_of_two_replicas_that_tick_at_once_one_starts_the_run(world: World) -> None:
    await world.schedule(Overlap.ALLOW)
    await world.later(59 * SECOND)
    assert await world.ids() == []
    for minute in range(1, 11):
        await world.later(SECOND if minute == 1 else MINUTE)
        assert await world.ids() == [at(n) for n in range(1, minute + 1)]
    run = await world.stores.runs.get(at(3))
    assert run.schedule == OfSchedule("s1", NOON + 3 * MINUTE, beside=True)
    assert await world.outcomes() == [ScheduleOutcome.STARTED] * 10
    told = Counter(event.type for event in await world.stores.ledger.events())
    assert told["schedule.due"] == told["run.submitted"] == 10


async def test_many_replicas_and_many_schedules_double_nothing(world: World) -> None:
    rule = Rule("w1", {}, None, MINUTE, "UTC", None, None, Overlap.ALLOW, 10 * MINUTE)
    for number in range(12):
        await world.one.create(f"s-{number}", rule, owner="ama", paused=False, note="")
    world.now += 3 * MINUTE
    await asyncio.gather(*(world.replica().tick() for _ in range(4)))
    runs = await world.all_runs()
    assert Counter(run.schedule.id for run in runs if run.schedule) == {f"s-{number}": 3 for number in range(12)}


@pytest.mark.parametrize("moment", ["before the run is written", "after the run is written"])
async def test_a_death_in_a_turn_neither_loses_nor_doubles_a_run(world: World, moment: str) -> None:
    await world.schedule()
    world.now += MINUTE
    world.runs.dies = moment
    with pytest.raises(Killed):
        await world.one.tick()
    await world.two.tick()
    assert len(await world.ids()) == (moment == "after the run is written"), "the first may still be at it"
    await world.later(UNDONE_AFTER)
    assert await world.ids() == [at(1)]
    assert await world.outcomes() == [ScheduleOutcome.STARTED]
    assert (await world.stores.schedules.get("s1")).starting == []
    await world.end(at(1))
    await world.later(MINUTE)
    assert await world.ids() == [at(1), at(2)]


async def test_a_death_after_the_decision_keeps_it_even_if_the_world_has_changed(world: World) -> None:
    await world.schedule(Overlap.CANCEL_OLD)
    await world.later(MINUTE)
    world.now += MINUTE
    world.runs.dies = "before the cancelling"
    with pytest.raises(Killed):
        await world.one.tick()
    await world.end(at(1))
    await world.later(UNDONE_AFTER)
    assert await world.ids() == [at(1), at(2)]
    assert not (await world.stores.runs.get(at(1))).cancel_requested, "it had ended by itself"


async def test_a_replica_that_wakes_from_a_long_sleep_starts_nothing_again(world: World) -> None:
    schedule = await world.schedule()
    await world.later(MINUTE)
    await world.end(at(1))
    [stale] = await world.stores.schedules.to_look_at(now=world.now + MINUTE, limit=10)
    overslept = replace(stale, next_at=schedule.next_at, revision=schedule.revision)
    assert await world.stores.schedules.change(overslept, None, None, now=world.now) is None
    await world.later(SECOND)
    assert await world.ids() == [at(1)]


async def test_skip_starts_no_run_while_one_goes_on(world: World) -> None:
    await world.schedule(Overlap.SKIP)
    await world.later(MINUTE)
    await world.later(MINUTE)
    assert await world.ids() == [at(1)]
    await world.end(at(1))
    await world.later(MINUTE)
    assert await world.ids() == [at(1), at(3)]
    assert await world.outcomes() == [ScheduleOutcome.STARTED, ScheduleOutcome.SKIPPED, ScheduleOutcome.STARTED]


async def test_queue_lets_one_wait_and_starts_it_when_the_other_has_ended(world: World) -> None:
    await world.schedule(Overlap.QUEUE)
    await world.later(MINUTE)
    await world.later(MINUTE)
    await world.later(MINUTE)
    assert await world.ids() == [at(1)]
    waiting = (await world.stores.schedules.get("s1")).waiting
    assert waiting is not None and waiting.run_id == at(2)
    await world.end(at(1))
    await world.later(2 * SECOND)
    assert await world.ids() == [at(1), at(2)]
    assert await world.outcomes() == [ScheduleOutcome.STARTED, ScheduleOutcome.SKIPPED, ScheduleOutcome.STARTED]


async def test_cancel_old_asks_for_the_end_of_the_earlier_run_and_starts_the_last_time_after_it(world: World) -> None:
    await world.schedule(Overlap.CANCEL_OLD)
    for _ in range(3):
        await world.later(MINUTE)
    assert await world.ids() == [at(1)]
    assert (await world.stores.runs.get(at(1))).cancel_requested
    await world.end(at(1))
    await world.later(timedelta())
    assert await world.ids() == [at(1), at(3)]
    assert not (await world.stores.runs.get(at(3))).cancel_requested
    assert await world.outcomes() == [ScheduleOutcome.STARTED, ScheduleOutcome.SKIPPED, ScheduleOutcome.STARTED]


async def test_a_death_before_the_cancelling_forgets_neither_it_nor_the_run_that_waits(world: World) -> None:
    await world.schedule(Overlap.CANCEL_OLD)
    await world.later(MINUTE)
    world.now += MINUTE
    world.runs.dies = "before the cancelling"
    with pytest.raises(Killed):
        await world.one.tick()
    await world.later(UNDONE_AFTER)
    assert (await world.stores.runs.get(at(1))).cancel_requested
    await world.end(at(1))
    await world.later(timedelta())
    assert await world.ids() == [at(1), at(2)]


@pytest.mark.parametrize("overlap", [Overlap.QUEUE, Overlap.CANCEL_OLD])
async def test_what_waits_starts_with_the_news_of_the_end_and_without_them_a_little_later(
    world: World, overlap: Overlap
) -> None:
    await world.schedule(overlap)
    await world.later(MINUTE)
    await world.later(MINUTE)
    await world.end(at(1), heard=False)
    await world.later(SECOND)
    assert await world.ids() == [at(1)], "nobody looks in vain each second"
    await world.later(LOOK_AGAIN)
    assert await world.ids() == [at(1), at(2)]


async def test_a_run_that_ends_while_it_is_decided_to_wait_for_it_is_not_waited_for(world: World) -> None:
    await world.schedule(Overlap.QUEUE)
    await world.later(MINUTE)
    world.now += MINUTE
    going_on = world.stores.runs.going_on
    ended = False

    async def ends_after_the_look(*arguments: Any, **named: Any) -> list[str]:
        nonlocal ended
        found = await going_on(*arguments, **named)
        if not ended:
            ended = True
            await world.end(at(1))
        return found

    world.stores.runs.going_on = ends_after_the_look  # type: ignore[method-assign]
    await world.one.tick()
    assert ended
    await world.later(timedelta())
    assert await world.ids() == [at(1), at(2)]


async def test_a_trigger_that_waits_does_so_under_whatever_policy_the_schedule_has(world: World) -> None:
    await world.schedule(Overlap.SKIP)
    await world.later(MINUTE)
    assert await world.one.trigger("s1", Overlap.CANCEL_OLD, id_="now", by="ama") is None
    await world.later(MINUTE)
    assert (await world.stores.runs.get(at(1))).cancel_requested
    assert await world.ids() == [at(1)]
    await world.end(at(1))
    await world.later(timedelta())
    assert await world.ids() == sorted([at(1), "s1-Tnow"])


async def test_a_backfill_in_a_line_counts_for_the_overlap_policy_and_one_beside_does_not(world: World) -> None:
    await world.schedule(Overlap.SKIP)
    first, until = NOON - 2 * MINUTE, NOON
    await world.one.backfill("s1", first, until, Overlap.ALLOW, id_="beside", by="ama")
    await world.later(SECOND)
    assert len(await world.ids()) == 2
    await world.later(MINUTE)
    assert at(1) in await world.ids(), "they are in nobody's way"
    await world.one.backfill("s1", first, until, Overlap.QUEUE, id_="line", by="ama")
    await world.end(at(1))
    await world.later(timedelta())
    [second_line] = [id_ for id_ in await world.ids() if id_.endswith("-Bline")]
    await world.later(MINUTE)
    assert at(2) not in await world.ids() and (await world.recent())[-1].outcome is ScheduleOutcome.SKIPPED
    await world.end(second_line)
    await world.later(timedelta())
    assert len([id_ for id_ in await world.ids() if id_.endswith("-Bline")]) == 2, "the next of the line at once"


async def test_what_was_missed_in_the_window_is_caught_up_on_and_the_rest_remembered_as_missed(world: World) -> None:
    await world.schedule(Overlap.ALLOW, catch_up=3 * MINUTE)
    await world.later(60 * MINUTE)
    assert await world.ids() == [at(57), at(58), at(59), at(60)]
    missed, *started = await world.recent()
    assert (missed.outcome, missed.at, missed.until) == (ScheduleOutcome.MISSED, NOON + MINUTE, NOON + 57 * MINUTE)
    assert [taken.outcome for taken in started] == [ScheduleOutcome.STARTED] * 4


async def test_more_than_a_turn_takes_is_taken_by_the_next(world: World) -> None:
    await world.schedule(Overlap.ALLOW, catch_up=10 * 60 * MINUTE)
    await world.later((MOST_RUNS + 20) * MINUTE)
    assert len(await world.ids()) == MOST_RUNS
    await world.later(SECOND)
    assert await world.ids() == sorted(at(n) for n in range(1, MOST_RUNS + 21))
    assert len(await world.recent()) == 20, "what is remembered is bounded"


async def test_a_paused_schedule_starts_nothing_and_resumes_from_then_on(world: World) -> None:
    await world.schedule(Overlap.QUEUE)
    await world.later(MINUTE)
    await world.later(MINUTE)
    paused = await world.two.pause("s1", "the hall is closed", by="kofi")
    assert (paused.paused, paused.note, paused.next_at, paused.waiting) == (True, "the hall is closed", None, None)
    assert paused.recent[-1].detail == "the schedule was paused"
    await world.end(at(1))
    await world.later(5 * MINUTE)
    assert await world.ids() == [at(1)]
    resumed = await world.one.resume("s1", "", by="kofi")
    assert resumed.next_at == NOON + 8 * MINUTE
    await world.later(MINUTE)
    assert await world.ids() == [at(1), at(8)]


async def test_a_trigger_starts_a_run_now_even_while_paused_and_repeating_it_finds_that_run(world: World) -> None:
    await world.schedule()
    await world.one.pause("s1", "", by="kofi")
    first = await world.one.trigger("s1", None, id_="abc", by="kofi")
    again = await world.two.trigger("s1", None, id_="abc", by="kofi")
    assert first is not None and again is not None
    assert (first.outcome, first.cause, first.run_id) == (ScheduleOutcome.STARTED, ScheduleCause.TRIGGER, "s1-Tabc")
    assert again == first
    skipped = await world.one.trigger("s1", None, id_="def", by="kofi")
    assert skipped is not None and skipped.outcome is ScheduleOutcome.SKIPPED
    beside = await world.one.trigger("s1", Overlap.ALLOW, id_="ghi", by="kofi")
    assert beside is not None and beside.outcome is ScheduleOutcome.STARTED
    assert await world.one.trigger("s1", Overlap.QUEUE, id_="jkl", by="kofi") is None
    assert await world.ids() == ["s1-Tabc", "s1-Tghi"]


async def test_a_trigger_whose_process_died_is_finished_by_another_call(world: World) -> None:
    await world.schedule()
    world.runs.dies = "after the run is written"
    with pytest.raises(Killed):
        await world.one.trigger("s1", None, id_="abc", by="kofi")
    again = await world.two.trigger("s1", None, id_="abc", by="kofi")
    assert again is not None and again.outcome is ScheduleOutcome.STARTED
    assert await world.ids() == ["s1-Tabc"]


async def test_a_backfill_runs_every_time_of_a_range_one_after_the_other(world: World) -> None:
    await world.schedule()
    await world.one.pause("s1", "", by="kofi")
    first = NOON - 5 * MINUTE
    await world.one.backfill("s1", first, NOON - 2 * MINUTE, Overlap.QUEUE, id_="b", by="kofi")
    await world.one.backfill("s1", first, NOON - 2 * MINUTE, Overlap.QUEUE, id_="b", by="kofi")
    expected = [f"{at(n)}-Bb" for n in (-5, -4, -3)]
    for count in (1, 2, 3):
        await world.later(2 * SECOND)
        assert await world.ids() == expected[:count]
        await world.later(2 * SECOND)
        assert await world.ids() == expected[:count], "the earlier run goes on"
        await world.end(expected[count - 1])
    assert [taken.cause for taken in await world.recent()] == [ScheduleCause.BACKFILL] * 3
    assert (await world.stores.schedules.get("s1")).backfills == []


async def test_a_backfill_may_run_all_at_once_and_the_same_range_again(world: World) -> None:
    await world.schedule()
    first = NOON - 150 * MINUTE
    for id_ in ("b", "c"):
        await world.one.backfill("s1", first, NOON, Overlap.ALLOW, id_=id_, by="kofi")
        for _ in range(2):
            await world.later(SECOND)
    assert await world.ids() == sorted(f"{at(n)}-B{id_}" for n in range(-150, 0) for id_ in "bc")


@pytest.mark.parametrize(
    ("first", "until", "overlap", "told"),
    [
        pytest.param(NOON, NOON - MINUTE, Overlap.QUEUE, "before", id="back to front"),
        pytest.param(NOON, NOON + MINUTE, Overlap.QUEUE, "future", id="the future"),
        pytest.param(NOON - SECOND, NOON, Overlap.QUEUE, "no time", id="nothing in it"),
        pytest.param(NOON - 2000 * MINUTE, NOON, Overlap.QUEUE, "at most 1000", id="too much"),
        pytest.param(NOON - MINUTE, NOON, Overlap.SKIP, "'queue' or 'allow'", id="a policy that leaves out"),
    ],
)
async def test_a_range_that_cannot_be_backfilled_is_refused(
    world: World, first: datetime, until: datetime, overlap: Overlap, told: str
) -> None:
    await world.schedule()
    with pytest.raises(BackfillError, match=told):
        await world.one.backfill("s1", first, until, overlap, id_="b", by="kofi")


async def test_an_edit_takes_what_was_due_by_the_old_rule_first(world: World) -> None:
    schedule = await world.schedule(Overlap.ALLOW)
    world.now += 2 * MINUTE + SECOND
    hourly = replace(schedule.rule, interval=60 * MINUTE)
    edited = await world.two.edit("s1", hourly, by="kofi")
    assert await world.ids() == [at(1), at(2)]
    assert edited.next_at == NOON + 60 * MINUTE
    await world.later(58 * MINUTE)
    assert await world.ids() == [at(1), at(2), at(60)]


async def test_a_run_that_cannot_be_made_is_remembered_with_the_reason(world: World) -> None:
    await world.schedule()
    world.runs.refuses = "there is no workflow 'w1'"
    await world.later(MINUTE)
    [taken] = await world.recent()
    assert (taken.outcome, taken.detail) == (ScheduleOutcome.FAILED, "there is no workflow 'w1'")
    world.runs.refuses = None
    await world.later(MINUTE)
    assert await world.ids() == [at(2)]


async def test_a_schedule_that_can_no_longer_be_read_is_paused_and_the_others_go_on(world: World) -> None:
    schedule = await world.schedule()
    gone = replace(schedule.rule, cron="0 * * * *", interval=None, timezone="Europe/Nowhere")
    await world.stores.schedules.change(replace(schedule, rule=gone), NOON, None, now=NOON)
    await world.one.create("s2", schedule.rule, owner="ama", paused=False, note="")
    await world.later(2 * MINUTE)
    paused = await world.stores.schedules.get("s1")
    assert paused.paused and "Europe/Nowhere" in paused.note
    assert [run.schedule.id for run in await world.all_runs() if run.schedule] == ["s2"]


async def test_an_end_comes_and_nothing_is_looked_at_any_more(world: World) -> None:
    rule = Rule("w1", {}, None, MINUTE, "UTC", None, NOON + 2 * MINUTE, Overlap.ALLOW, 10 * MINUTE)
    await world.one.create("s1", rule, owner="ama", paused=False, note="")
    await world.later(5 * MINUTE)
    assert await world.ids() == [at(1)]
    assert await world.stores.schedules.to_look_at(now=NOON + timedelta(days=999), limit=5) == []


async def test_an_id_is_given_once_and_a_deleted_schedule_starts_nothing(world: World) -> None:
    schedule = await world.schedule()
    with pytest.raises(IdTakenError):
        await world.two.create("s1", schedule.rule, owner="ama", paused=False, note="")
    await world.stores.schedules.delete("s1", by="kofi", now=world.now)
    await world.later(MINUTE)
    assert await world.ids() == []
    with pytest.raises(NotFoundError):
        await world.stores.schedules.delete("s1", by="kofi", now=world.now)
