"""The log is complete: after every step of a run's life, what is stored can be rebuilt from its events alone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from njangi_agent.protocol import Outcome
from njangi_flows.runs.comparison import run_differences, subtask_differences
from njangi_flows.runs.history import RULES, ReplayedRun, apply, rebuild

from api.live.event_json import event_json
from coordinator.decisions.failures import group_id
from coordinator.decisions.reopening import retry_steps
from coordinator.prefect.mirror import Mirror
from stack.mongod import mongodb
from storage.database import open_database
from storage.errors import NjangiError
from storage.ledger import Transaction
from storage.runs.models import ENDED as RUN_ENDED
from storage.runs.models import FlowRunState, NewRun, Tell
from storage.runs.parts import Parts, together
from storage.runs.tasks import ENDED, NewTask, TaskStatus, TaskUpdate
from storage.stores import Stores
from storage.subtasks.models import MAX_LOSSES, Leased, TaskKey
from tests.conftest import NOON, many
from tests.integration.storage.leasing import MINUTE, counts_of, ended, lease, queue, report, returned

ERRORS = [[], ["NonZeroExit"], ["Lost", "ScheduleToStartTimedOut"]]
CAUSES = [("NonZeroExit", "boom"), ("Lost", "lost by 5 volunteers; last: boom")]
TASKS = ("first", "second")
BATCH = 3
STEPS_BEFORE_THE_END = 15
VOLUNTEERS = st.sampled_from(["ada", "bih"])
OUTCOMES = st.lists(st.sampled_from([None, *Outcome]), min_size=1, max_size=3)


class RunLife(RuleBasedStateMachine):
    """What can happen to a run that is under way, in any order, whether it makes sense or not; later also its end."""

    loop: asyncio.AbstractEventLoop
    stores: Stores
    numbers = itertools.count()
    told: set[str]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.steps = 0
        self.rebuilt: ReplayedRun | None = None
        self.mirror = Mirror(None, self.stores, lambda _: None, lambda: self.now)  # type: ignore[arg-type]
        self.flow_run_id = f"p{next(self.numbers)}"
        self.leased: list[Leased] = []
        self.tries: Counter[str] = Counter()
        new = NewRun("w1", "life", 1, "ada", 50, {}, {}, {}, deadline=5 * MINUTE)
        tasks = [self.stores.tasks.pending("w1", NewTask(TASKS[0], ["true"], {}, [], {}), now=self.now)]
        self.run_id: str = self.wait(self.stores.runs.add(new, tasks, now=self.now)).id
        self.wait(self.stores.run_recovery.set_flow_run(self.run_id, self.flow_run_id, now=self.now))
        self.token: str = self.wait(self.stores.run_leases.hold(self.run_id, "one", now=self.now))[1]
        for task in TASKS:
            self.change_task(task, TaskStatus.RUNNING, None)
            self.the_flow_queues(task, 2)

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do what may be refused."""
        with contextlib.suppress(NjangiError):
            return self.wait(work)
        return None

    def key(self, task: str) -> TaskKey:
        limits = {"schedule_to_start": 120.0, "schedule_to_close": 400.0} if task == TASKS[1] else {}
        return TaskKey(self.run_id, "w1", task, priority=50, cpu=1.0, memory=1, storage=1, **limits)

    def change_task(self, task: str, status: TaskStatus, error: str | None) -> None:
        change = TaskUpdate(status, error=error)
        self.attempt(self.stores.tasks.change(self.run_id, self.token, task, change, now=self.now))

    # Subtasks

    @rule(seconds=st.integers(1, 90))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.wait(self.stores.subtasks.expire(now=self.now))
        self.wait(self.stores.deadlines.expire(now=self.now))

    @rule(task=st.sampled_from(TASKS), batch=st.integers(0, 1), volunteer=VOLUNTEERS, outcomes=OUTCOMES)
    def a_volunteer_works(self, task: str, batch: int, volunteer: str, outcomes: list[Outcome | None]) -> None:
        """Lease a subtask for each outcome and report it; None: keep it."""
        key, longest = self.key(task), MINUTE * (1 if volunteer == "bih" else 60)
        items = self.wait(
            lease(self.stores, volunteer, len(outcomes), self.now, batch=batch, task=key, longest=longest)
        )
        self.report([(item, outcome) for item, outcome in zip(items, outcomes, strict=False) if outcome])
        self.leased += items

    @rule(task=st.sampled_from(TASKS), batch=st.integers(0, 1), volunteer=VOLUNTEERS)
    def a_volunteer_vanishes(self, task: str, batch: int, volunteer: str) -> None:
        self.a_volunteer_works(task, batch, volunteer, [None])
        self.time_passes(61)

    @rule(picked=st.lists(st.integers(0, 5), min_size=1), outcome=st.sampled_from(Outcome))
    def volunteers_report_late_or_again(self, picked: list[int], outcome: Outcome) -> None:
        self.report([(self.leased[-1 - place], outcome) for place in picked if place < len(self.leased)])

    def report(self, ends: list[tuple[Leased, Outcome]]) -> None:
        reports = [returned(item) if end is Outcome.RETURNED else ended(item, end) for item, end in ends]
        self.wait(report(self.stores, reports, self.now))

    @rule(task=st.sampled_from(TASKS), batch=st.integers(0, 1), repeated=st.booleans(), but=st.sampled_from(ERRORS))
    def a_batch_is_tried_again(self, task: str, batch: int, repeated: bool, but: list[str]) -> None:
        id_ = f"{self.run_id}/{task}/b{batch}"
        self.tries[id_] += not repeated
        again = self.stores.queue.requeue(id_, try_=1 + self.tries[id_], token=self.token, now=self.now, but=but)
        self.attempt(again)

    @rule(task=st.sampled_from(TASKS))
    def nobody_takes_what_waits(self, task: str) -> None:
        self.wait(self.stores.refusals.give_up(f"{self.run_id}/{task}", None, now=self.now))

    @rule(task=st.sampled_from(TASKS), count=st.integers(1, 4))
    def the_flow_queues_more(self, task: str, count: int) -> None:
        self.the_flow_queues(task, count)

    def the_flow_queues(self, task: str, batches: int) -> None:
        key, count = self.key(task), batches * BATCH
        self.attempt(queue(self.stores, count, self.now, batch_size=BATCH, task=key, token=self.token))

    # The run and its tasks

    @rule(task=st.sampled_from(TASKS), status=st.sampled_from(TaskStatus), error=st.sampled_from([None, "no"]))
    def the_flow_tells_of_a_task(self, task: str, status: TaskStatus, error: str | None) -> None:
        self.change_task(task, status, error)

    @rule(holder=st.sampled_from(["one", "other"]))
    def a_flow_holds_it(self, holder: str) -> None:
        held = self.attempt(self.stores.run_leases.hold(self.run_id, holder, now=self.now))
        self.token = held[1] if held else self.token

    @rule(error=st.sampled_from([None, "it broke"]))
    def the_flow_gives_it_back(self, error: str | None) -> None:
        self.attempt(self.stores.run_leases.release(self.run_id, self.token, error, now=self.now))

    @rule(type_=st.sampled_from(["SCHEDULED", "PENDING", "RUNNING", "PAUSED"]))
    def prefect_tells_a_state(self, type_: str) -> None:
        self.wait(self.mirror.take(FlowRunState(self.flow_run_id, type_, type_.title(), None, self.now)))

    @rule(state=st.sampled_from(["RUNNING", "CRASHED"]), recoveries=st.integers(1, 10))
    def its_flow_worker_is_lost(self, state: str, recoveries: int) -> None:
        progress = self.wait(self.stores.run_recovery.progress(self.run_id))
        count = self.stores.run_recovery.count_recovery(
            self.run_id, state, recoveries, progress=progress, holds=recoveries, now=self.now
        )
        self.wait(count)

    @rule()
    def prefect_forgets_the_flow_run(self) -> None:
        self.wait(self.stores.run_recovery.forget_flow_run(self.run_id, self.flow_run_id, now=self.now))
        self.flow_run_id = f"p{next(self.numbers)}"
        self.wait(self.stores.run_recovery.set_flow_run(self.run_id, self.flow_run_id, now=self.now))

    @rule(successor=st.sampled_from(["r-next", "r-last"]))
    def another_run_takes_its_id(self, successor: str) -> None:
        runs = self.stores.runs
        self.wait(self.stores.ledger.write(lambda tx: runs.replace(tx, self.run_id, "w1", successor, now=self.now)))

    @precondition(lambda self: self.steps > STEPS_BEFORE_THE_END)
    @rule()
    def somebody_cancels(self) -> None:
        async def request(tx: Transaction) -> None:
            await self.stores.runs.request_cancel(tx, self.run_id, by="ada", now=self.now)
            await self.stores.stopping.cancel(tx, self.run_id, now=self.now)

        self.attempt(self.stores.ledger.write(request))

    @precondition(lambda self: self.steps > STEPS_BEFORE_THE_END)
    @rule(type_=st.sampled_from(["COMPLETED", "FAILED", "CANCELLED"]))
    def prefect_ends_it(self, type_: str) -> None:
        self.wait(self.mirror.take(FlowRunState(self.flow_run_id, type_, type_.title(), "as Prefect says", self.now)))

    # What holds it back, ends it or sets it going again

    def control(self, name: str, *arguments: Any, **named: Any) -> None:
        store = self.stores.reopening if name == "reopen" else self.stores.controls
        method = getattr(store, name)
        self.attempt(
            self.stores.ledger.write(lambda tx: method(tx, self.run_id, *arguments, **named, by="ada", now=self.now))
        )

    @rule(what=st.sampled_from(["pause", "resume", "pause_task", "resume_task"]), task=st.sampled_from(TASKS))
    def somebody_holds_it_back_or_does_not(self, what: str, task: str) -> None:
        self.control(what, *([task] if what.endswith("task") else []))

    @rule(task=st.sampled_from(TASKS), batch=st.integers(0, 1), volunteer=VOLUNTEERS)
    def somebody_calls_back_who_works(self, task: str, batch: int, volunteer: str) -> None:
        self.a_volunteer_works(task, batch, volunteer, [None, None])
        self.control("pause", call_back=True)
        self.control("resume")

    @precondition(lambda self: self.steps > STEPS_BEFORE_THE_END)
    @rule()
    def it_misses_its_deadline_if_that_is_past(self) -> None:
        self.wait(self.stores.controls.miss_deadline(self.run_id, now=self.now))

    @rule(steps=st.dictionaries(st.sampled_from(TASKS), st.sampled_from(["retry", "reset"]), min_size=1))
    def somebody_begins_it_again(self, steps: dict[str, str]) -> None:
        self.begin_again(steps, None)

    @rule(cause=st.sampled_from(CAUSES))
    def somebody_tries_one_cause_again(self, cause: tuple[str, str]) -> None:
        self.begin_again(dict.fromkeys(TASKS, "retry"), group_id(*cause))

    def begin_again(self, steps: dict[str, str], error_group: str | None) -> None:
        self.control("reopen", steps, error_group=error_group)
        self.wait(self.stores.reopening.set_back(self.run_id, retry_steps, group_id, now=self.now))
        run = self.wait(self.stores.runs.get(self.run_id))
        if run.to_tell is Tell.REOPEN:
            state = FlowRunState(self.flow_run_id, "SCHEDULED", "AwaitingRetry", None, self.now)
            self.wait(self.stores.controls.told(run, state, held=False, now=self.now))
            self.a_flow_holds_it("one")
            self.tries.clear()

    @invariant()
    def what_is_stored_is_what_was_told(self) -> None:
        self.steps += 1
        after = self.rebuilt.seq if self.rebuilt is not None else 0
        events = self.wait(log(self.stores, self.run_id, after))
        if self.rebuilt is None:
            self.rebuilt = rebuild(events)
        else:
            for event in events:
                apply(self.rebuilt, event)
        assert self.wait(differences(self.stores, self.rebuilt)) == []
        self.told.update(event["type"] for event in events)


async def log(stores: Stores, run_id: str, after: int = 0) -> list[dict[str, Any]]:
    """Return a run's events numbered above `after` as they are exported."""
    pages = stores.ledger.history(run_id, after=after)
    return [json.loads(event_json(event)) async for page in pages for event in page]


async def differences(stores: Stores, rebuilt: ReplayedRun) -> list[str]:
    """Return what differs between a rebuilt run and its documents, shown as the service shows them."""
    run = await stores.runs.get(rebuilt.id)
    counts = await counts_of(stores, run.id)
    tasks, every = [], []
    for task in await stores.tasks.of_run(run.id):
        count = counts.get(task.name, Counter())
        shown = {name: count[name] for name in ("total", "queued", "leased", "completed")}
        shown["failed"] = count["failed"] + count["dead"]
        parts = Parts(count["total"], shown["failed"] if task.status in ENDED else 0)
        every.append(parts)
        shown |= {"cancelled": count["cancelled"], **parts.told()}
        tasks.append({"name": task.name, "status": task.status, "error": task.error, **shown})
    shown_run = {**asdict(run), **together(every).told()}
    times = {name: at.isoformat() if at else None for name, at in asdict(run).items() if name.endswith("_at")}
    found = list(run_differences(rebuilt, {**shown_run, **times, "tasks": tasks}))
    for shown in tasks if run.status in RUN_ENDED else ():
        if shown["completed"] + shown["failed"] + shown["cancelled"] != shown["total"]:
            found.append(f"not all subtasks of {shown['name']} have ended with their run: {shown}")
    if run.status in RUN_ENDED and together(every) != Parts(run.parts, run.failed_parts):
        found.append(f"the run has {run.parts} parts of which {run.failed_parts} failed, its tasks {together(every)}")
    if rebuilt.recoveries != run.recoveries:
        found.append(f"recoveries are {rebuilt.recoveries} by the history, {run.recoveries} as stored")
    for name in rebuilt.tasks:
        rows = await stores.results.page(f"{run.id}/{name}", after=-1, limit=100)
        found += subtask_differences(rebuilt, name, map(asdict, rows))
    return found


def test_a_run_can_be_rebuilt_from_its_events_after_every_step(tmp_path_factory: pytest.TempPathFactory) -> None:
    loop = asyncio.new_event_loop()

    async def opened() -> tuple[Any, Any, Stores]:
        mongo = mongodb(tmp_path_factory.mktemp("replay"))
        database = open_database(await mongo.__aenter__(), "replay")
        stores = Stores(await database.__aenter__())
        await stores.prepare()
        return mongo, database, stores

    mongo, database, stores = loop.run_until_complete(opened())
    try:
        told: set[str] = set()
        machine = type("Machine", (RunLife,), {"loop": loop, "stores": stores, "told": told})
        few = settings(
            max_examples=many(50),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        run_state_machine_as_test(machine, settings=few)
        assert told >= {type_ for type_ in RULES if type_.startswith("subtasks.")}, "all of it was lived through"
    finally:
        loop.run_until_complete(database.__aexit__(None, None, None))
        loop.run_until_complete(mongo.__aexit__(None, None, None))
        loop.close()


async def test_what_every_volunteer_loses_is_dead_in_the_log_too_and_back_for_the_next_try(stores: Stores) -> None:
    new = NewRun("w1", "life", 1, "ada", 50, {}, {}, {})
    tasks = [stores.tasks.pending("w1", NewTask("t", ["true"], {}, [], {}), now=NOON)]
    run_id = (await stores.runs.add(new, tasks, now=NOON)).id
    key = TaskKey(run_id, "w1", "t", priority=50, cpu=1.0, memory=1, storage=1)
    _, token = await stores.run_leases.hold(run_id, "one", now=NOON)
    await queue(stores, 2, NOON, task=key, token=token)
    for round_ in range(MAX_LOSSES):
        vanished, refused = await lease(stores, f"v{round_}", 2, NOON + 3 * round_ * MINUTE, task=key)
        await report(stores, [ended(refused, Outcome.REFUSED)], NOON + 3 * round_ * MINUTE)
        await stores.subtasks.expire(now=NOON + (3 * round_ + 2) * MINUTE)
        assert vanished.subtask_id != refused.subtask_id
        assert await differences(stores, rebuild(await log(stores, run_id))) == []
    assert (rebuild(await log(stores, run_id))).tasks["t"].counts() == {"DEAD": 2}
    await stores.queue.requeue(f"{key.task_id}/b0", try_=2, token=token, now=NOON)
    rebuilt = rebuild(await log(stores, run_id))
    assert rebuilt.tasks["t"].counts() == {"QUEUED": 2}
    assert await differences(stores, rebuilt) == []


async def test_the_log_of_a_large_fan_out_stays_small(stores: Stores) -> None:
    key = TaskKey("r1", "w1", "factor", priority=50, cpu=1.0, memory=1, storage=1)
    await queue(stores, 4000, NOON, batch_size=1000, task=key)
    mine = await lease(stores, "ada", 64, NOON, task=key)
    await report(stores, [returned(item) for item in mine], NOON)
    await stores.ledger.write(lambda tx: stores.stopping.cancel(tx, "r1", now=NOON + MINUTE))
    events = await stores.ledger.events(run_id="r1")
    assert [event.type for event in events] == [
        f"subtasks.{what}" for what in ("queued", "leased", "completed", "cancelled")
    ]
    assert sum(len(event_json(event)) for event in events) < 6000
