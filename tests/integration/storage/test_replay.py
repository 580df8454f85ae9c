"""The log is complete: after every step of a run's life, what is stored can be rebuilt from its events alone."""

from __future__ import annotations

import asyncio
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
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from njangi_agent.protocol import Outcome
from njangi_flows.comparison import run_differences, subtask_differences
from njangi_flows.history import rebuild

from api.followers import event_json
from api.mirror import Mirror
from storage.database import open_database
from storage.errors import NjangiError
from storage.mongod import mongodb
from storage.runs import FlowRunState, NewRun
from storage.stores import Stores
from storage.subtask_models import Leased, TaskKey
from storage.tasks import NewTask, TaskChange, TaskStatus
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE, ended, lease, queue, report, returned

TASKS = ("first", "second")
SUBTASKS = 6
BATCH = 3


class RunLife(RuleBasedStateMachine):
    """Everything that happens to a run, in any order, whether it makes sense or not."""

    loop: asyncio.AbstractEventLoop
    stores: Stores
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.mirror = Mirror(None, self.stores, lambda: self.now)  # type: ignore[arg-type]
        self.flow_run_id = f"p{next(self.numbers)}"
        self.token = ""
        self.leased: list[Leased] = []
        new = NewRun("w1", "life", 1, "ada", 50, {}, {}, {})
        tasks = [self.stores.tasks.pending("w1", NewTask(TASKS[0], ["true"], {}, [], {}), now=self.now)]
        self.run_id: str = self.wait(self.stores.runs.add(new, tasks, now=self.now)).id

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do what may be refused."""
        try:
            return self.wait(work)
        except NjangiError:
            return None

    def key(self, task: str) -> TaskKey:
        return TaskKey(self.run_id, "w1", task, priority=50, cpu=1.0, memory=1, storage=1)

    @rule(seconds=st.integers(1, 50))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.wait(self.stores.subtasks.expire(now=self.now))

    @rule()
    def a_flow_run_is_made(self) -> None:
        self.wait(self.stores.runs.set_flow_run(self.run_id, self.flow_run_id, now=self.now))

    @rule()
    def prefect_forgets_the_flow_run(self) -> None:
        self.wait(self.stores.runs.forget_flow_run(self.run_id, self.flow_run_id, now=self.now))
        self.flow_run_id = f"p{next(self.numbers)}"

    @rule(type_=st.sampled_from(["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"]))
    def prefect_tells_a_state(self, type_: str) -> None:
        state = FlowRunState(self.flow_run_id, type_, "as Prefect says", self.now)
        self.wait(self.mirror.take(state))

    @rule()
    def its_flow_worker_is_lost(self) -> None:
        self.wait(self.stores.runs.count_recovery(self.run_id, "CRASHED", now=self.now))

    @rule(holder=st.sampled_from(["one", "other"]))
    def a_flow_holds_it(self, holder: str) -> None:
        held = self.attempt(self.stores.runs.hold(self.run_id, holder, now=self.now))
        self.token = held[1] if held else self.token

    @rule(error=st.sampled_from([None, "it broke"]))
    def the_flow_gives_it_back(self, error: str | None) -> None:
        self.attempt(self.stores.runs.release(self.run_id, self.token, error, now=self.now))

    @rule(task=st.sampled_from(TASKS), status=st.sampled_from(TaskStatus), error=st.sampled_from([None, "no"]))
    def the_flow_tells_of_a_task(self, task: str, status: TaskStatus, error: str | None) -> None:
        change = TaskChange(status, error=error)
        self.attempt(self.stores.tasks.change(self.run_id, self.token, task, change, now=self.now))

    @rule(task=st.sampled_from(TASKS))
    def the_flow_queues_subtasks(self, task: str) -> None:
        change = TaskChange(TaskStatus.RUNNING)
        if self.attempt(self.stores.tasks.change(self.run_id, self.token, task, change, now=self.now)):
            self.wait(queue(self.stores, SUBTASKS, self.now, batch_size=BATCH, task=self.key(task)))

    @rule(task=st.sampled_from(TASKS), batch=st.integers(0, 1), volunteer=st.sampled_from(["ada", "bih"]))
    def a_volunteer_leases(self, task: str, batch: int, volunteer: str) -> None:
        self.leased += self.wait(lease(self.stores, volunteer, 2, self.now, batch=batch, task=self.key(task)))

    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def volunteers_report(self, data: st.DataObject, outcome: Outcome) -> None:
        if self.leased:
            items = data.draw(st.lists(st.sampled_from(self.leased), min_size=1, max_size=3))
            reports = [returned(item) if outcome is Outcome.RETURNED else ended(item, outcome) for item in items]
            self.wait(report(self.stores, reports, self.now))

    @rule(task=st.sampled_from(TASKS), batch=st.integers(0, 1), try_=st.integers(2, 4))
    def a_batch_is_tried_again(self, task: str, batch: int, try_: int) -> None:
        self.wait(self.stores.subtasks.requeue(f"{self.run_id}/{task}/b{batch}", try_=try_, now=self.now))

    @rule()
    def somebody_cancels(self) -> None:
        async def request(turn: Any) -> None:
            await self.stores.runs.request_cancel(turn, self.run_id, by="ada", now=self.now)
            await self.stores.subtasks.cancel(turn, self.run_id, now=self.now)

        self.attempt(self.stores.ledger.write(request))

    @invariant()
    def what_is_stored_is_what_was_told(self) -> None:
        assert self.wait(self.differences()) == []

    async def differences(self) -> list[str]:
        events = [event async for page in self.stores.ledger.history(self.run_id) for event in page]
        rebuilt = rebuild(json.loads(event_json(event)) for event in events)
        assert not rebuilt.unknown
        run = await self.stores.runs.get(self.run_id)
        counts = await self.stores.subtasks.counts(self.run_id)
        tasks = []
        for task in await self.stores.tasks.of_run(self.run_id):
            count = counts.get(task.name, Counter())
            failed = count["failed"] + count["dead"]
            tasks.append({"name": task.name, "status": task.status, "error": task.error, **count, "failed": failed})
            for name in ("total", "queued", "leased", "completed"):
                tasks[-1].setdefault(name, 0)
        times = {name: at.isoformat() if at else None for name, at in asdict(run).items() if name.endswith("_at")}
        found = list(run_differences(rebuilt, {**asdict(run), **times, "tasks": tasks}))
        if rebuilt.recoveries != run.recoveries:
            found.append("recoveries")
        for task in await self.stores.tasks.of_run(self.run_id):
            rows = await self.stores.subtasks.page(task.id, after=-1, limit=100)
            found += subtask_differences(rebuilt, task.name, map(asdict, rows))
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
        machine = type("Machine", (RunLife,), {"loop": loop, "stores": stores})
        few = settings(max_examples=20, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
        run_state_machine_as_test(machine, settings=few)
    finally:
        loop.run_until_complete(database.__aexit__(None, None, None))
        loop.run_until_complete(mongo.__aexit__(None, None, None))
        loop.close()


async def test_the_log_of_a_large_fan_out_stays_small(stores: Stores) -> None:
    key = TaskKey("r1", "w1", "factor", priority=50, cpu=1.0, memory=1, storage=1)
    await queue(stores, 4000, NOON, batch_size=1000, task=key)
    mine = await lease(stores, "ada", 64, NOON, task=key)
    await report(stores, [returned(item) for item in mine], NOON)
    await stores.ledger.write(lambda turn: stores.subtasks.cancel(turn, "r1", now=NOON + MINUTE))
    events = await stores.ledger.events(run_id="r1")
    assert [event.type for event in events] == [
        f"subtasks.{what}" for what in ("queued", "leased", "completed", "cancelled")
    ]
    assert sum(len(event_json(event)) for event in events) < 6000
