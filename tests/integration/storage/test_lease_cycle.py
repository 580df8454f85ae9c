"""The lease cycle as a state machine: nothing is held twice, nothing forgotten, counters never drift.

Neither by volunteers who lease, report and overstay, nor by the run being paused, resumed and begun again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from njangi_agent.protocol import Outcome, Verdict

from coordinator.decisions.failures import group_id
from coordinator.decisions.reopening import retry_steps
from stack.mongod import mongodb
from storage.database import open_database
from storage.errors import RunHeldError
from storage.ledger import Transaction
from storage.runs.models import RunStatus
from storage.stores import Stores
from storage.subtasks.models import Leased, NewBatch, NewSubtask, SubtaskStatus
from tests.conftest import NOON, many
from tests.integration.storage.leasing import MINUTE, TASK, TOKEN, a_held_run, counts_of, ended, lease, report, returned

LIMITED = replace(TASK, schedule_to_start=90.0, schedule_to_close=150.0)
VOLUNTEERS = st.sampled_from(["ada", "bih", "che"])


class LeaseCycle(RuleBasedStateMachine):
    """Volunteers lease, report, overstay and repeat themselves, time runs out; a model keeps who holds what."""

    loop: asyncio.AbstractEventLoop
    stores: Stores

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.holders: dict[str, tuple[Leased, Any]] = {}
        self.completed: dict[str, str] = {}
        self.old: list[Leased] = []
        self.token = TOKEN
        self.paused = False
        self.generation = 0
        for name in ("tasks", "batches", "runs"):
            self.wait(self.stores.database[name].delete_many({}))
        self.close_by = NOON + timedelta(seconds=150)
        self.wait(a_held_run(self.stores, self.now))
        self.puts()

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @rule()
    def puts(self) -> None:
        subtasks = [NewSubtask(index, str(self.generation)) for index in range(12)]
        put = self.stores.queue.put(LIMITED, [NewBatch(0, subtasks)], token=self.token, now=self.now)
        self.wait(put)

    def control(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        async def write(tx: Transaction) -> None:
            await method(tx, *arguments, **named, now=self.now)

        self.wait(self.stores.ledger.write(write))

    @rule(call_back=st.booleans())
    def pauses(self, call_back: bool) -> None:
        self.control(self.stores.controls.pause, "r1", call_back=call_back, by="ada")
        self.paused = True
        if call_back:
            self.all_become_stale()

    @rule()
    def resumes(self) -> None:
        self.control(self.stores.controls.resume, "r1", by="ada")
        self.paused = False

    def all_become_stale(self) -> None:
        for item, _ in self.holders.values():
            assert self.wait(report(self.stores, [returned(item, '"late"')], self.now)) == [Verdict.STALE]
        self.holders.clear()

    @rule(how=st.sampled_from(["retry", "reset"]))
    def ends_and_begins_again(self, how: str) -> None:
        failed = {"$set": {"status": RunStatus.FAILED, "hold": None, "paused": False}}
        self.wait(self.stores.database["runs"].update_one({"_id": "r1"}, failed))
        self.control(self.stores.stopping.cancel, "r1")
        self.control(self.stores.controls.close, self.wait(self.stores.runs.get("r1")))
        self.all_become_stale()
        self.control(self.stores.reopening.reopen, "r1", {"factor": how}, by="ada")
        with pytest.raises(RunHeldError):
            self.wait(self.stores.run_leases.hold("r1", "flow", now=self.now))
        self.wait(self.stores.reopening.set_back("r1", retry_steps, group_id, now=self.now))
        _, self.token = self.wait(self.stores.run_leases.hold("r1", "flow", now=self.now))
        self.paused = False
        if how == "reset":
            self.completed.clear()
            self.generation += 1
        if len(self.completed) < 12:
            self.close_by = self.now + timedelta(seconds=150)
        self.puts()

    @rule(volunteer=VOLUNTEERS, count=st.integers(1, 5))
    def leases(self, volunteer: str, count: int) -> None:
        items = self.wait(lease(self.stores, volunteer, count, self.now))
        assert not (self.paused and items), "lent while paused"
        for item in items:
            assert item.parameters == str(self.generation), "of an earlier generation"
            assert item.subtask_id not in self.holders, "held twice"
            assert item.subtask_id not in self.completed, "lent again after it was accepted"
            self.holders[item.subtask_id] = (item, self.now + MINUTE)

    @rule(data=st.data())
    def reports(self, data: st.DataObject) -> None:
        if self.holders:
            item, _ = self.holders.pop(data.draw(st.sampled_from(sorted(self.holders))))
            answer = f'"{item.token}"'
            assert self.wait(report(self.stores, [returned(item, answer)], self.now)) == [Verdict.ACCEPTED]
            self.completed[item.subtask_id] = answer
            self.old.append(item)

    @rule(data=st.data(), outcome=st.sampled_from([Outcome.FAILED, Outcome.HANDED_BACK]))
    def ends_otherwise(self, data: st.DataObject, outcome: Outcome) -> None:
        if self.holders:
            item, _ = self.holders.pop(data.draw(st.sampled_from(sorted(self.holders))))
            assert self.wait(report(self.stores, [ended(item, outcome)], self.now)) == [Verdict.ACCEPTED]

    @rule(data=st.data())
    def says_it_again_with_another_answer(self, data: st.DataObject) -> None:
        if self.old:
            item = data.draw(st.sampled_from(self.old))
            self.wait(report(self.stores, [returned(item, '"changed"')], self.now))

    @rule(seconds=st.integers(1, 50))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.wait(self.stores.subtasks.expire(now=self.now))
        self.wait(self.stores.deadlines.expire(now=self.now))
        for id_, (item, until) in list(self.holders.items()):
            if min(until, self.close_by) < self.now:
                del self.holders[id_]
                assert self.wait(report(self.stores, [returned(item)], self.now)) == [Verdict.STALE]

    @rule()
    def tries_again(self) -> None:
        [batch] = self.wait(self.stores.database["batches"].find().to_list())
        again = self.stores.queue.requeue(f"{TASK.task_id}/b0", try_=batch["tries"] + 1, token=self.token, now=self.now)
        self.wait(again)

    @invariant()
    def what_is_stored_is_what_happened(self) -> None:
        subtasks = self.wait(self.stores.results.page(TASK.task_id, after=-1, limit=100))
        assert len(subtasks) == 12
        status = Counter(item.status.lower() for item in subtasks)
        counts = self.wait(counts_of(self.stores, "r1"))["factor"]
        assert {name: count for name, count in counts.items() if count and name != "total"} == dict(status)
        leased = {item.id for item in subtasks if item.status is SubtaskStatus.LEASED}
        assert leased == set(self.holders)
        accepted = {item.id: item.result for item in subtasks if item.status is SubtaskStatus.COMPLETED}
        assert accepted == self.completed
        settled = bool(self.wait(self.stores.results.settled([f"{TASK.task_id}/b0"])))
        assert settled == all(item.status not in (SubtaskStatus.QUEUED, SubtaskStatus.LEASED) for item in subtasks)


def test_the_lease_cycle_keeps_its_promises(tmp_path_factory: pytest.TempPathFactory) -> None:
    loop = asyncio.new_event_loop()

    async def opened() -> tuple[Any, Any, Stores]:
        mongo = mongodb(tmp_path_factory.mktemp("cycle"))
        database = open_database(await mongo.__aenter__(), "lease_cycle")
        stores = Stores(await database.__aenter__())
        await stores.prepare()
        return mongo, database, stores

    mongo, database, stores = loop.run_until_complete(opened())
    try:
        machine = type("Machine", (LeaseCycle,), {"loop": loop, "stores": stores})
        few = settings(
            max_examples=many(10), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        )
        run_state_machine_as_test(machine, settings=few)
    finally:
        loop.run_until_complete(database.__aexit__(None, None, None))
        loop.run_until_complete(mongo.__aexit__(None, None, None))
        loop.close()
