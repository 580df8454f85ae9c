"""What the reconciler makes of runs that a crash left behind. Prefect is played by a dictionary of states."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from coordinator.decisions.recovery import MOST_RECOVERIES
from coordinator.reconciler import Reconciler
from storage.errors import NjangiError
from storage.leaders import LEADER_LEASE
from storage.runs.models import RUN_LEASE, FlowRunState, NewRun, Run, RunStatus
from storage.runs.tasks import TaskStatus, TaskUpdate
from storage.stores import Stores
from storage.subtasks.models import NewBatch, NewSubtask, TaskKey
from tests.conftest import NOON
from tests.integration.storage.leasing import lease, report, returned

SECOND = timedelta(seconds=1)


class RefusedError(NjangiError):
    """Prefect does not take this flow run."""


@dataclass
class PrefectStates:
    """The states of flow runs, as Prefect would keep them."""

    now: datetime
    states: dict[str, FlowRunState] = field(default_factory=dict)
    made: int = 0
    busy: asyncio.Event | None = None
    """What making a flow run waits for, if anything."""
    refused: set[str] = field(default_factory=set)

    async def create_flow_run(self, run_id: str, name: str, tags: Sequence[str]) -> str:
        if run_id in self.refused:
            raise RefusedError(run_id)
        if self.busy is not None:
            await self.busy.wait()
        self.made += 1
        flow_run_id = f"flow-run-{run_id}-{self.made}"
        await self.set_state(flow_run_id, "SCHEDULED", "Submitted to Njangi")
        return flow_run_id

    async def flow_run_states(self, flow_run_ids: Sequence[str]) -> list[FlowRunState]:
        return [self.states[id_] for id_ in flow_run_ids if id_ in self.states]

    async def crashed_flow_runs(self, since: datetime, limit: int) -> list[FlowRunState]:
        return [state for state in self.states.values() if state.type == "CRASHED" and state.at > since][:limit]

    async def set_state(self, flow_run_id: str, type_: str, message: str, *, name: str | None = None) -> None:
        self.states[flow_run_id] = FlowRunState(flow_run_id, type_, type_.title(), message, self.now)


class World:
    """A reconciler that leads, its clock, and a run."""

    def __init__(self, stores: Stores, now: datetime = NOON) -> None:
        self.stores = stores
        self.now = now
        self.prefect = PrefectStates(now)
        self.scheduled = 0
        self.reconciler = self.replica("one")

    def replica(self, holder: str) -> Reconciler:
        return Reconciler(self.stores, self.prefect, lambda: self.now, holder, self._count)

    def _count(self) -> None:
        self.scheduled += 1

    async def later(self, seconds: float, every: int = 1) -> None:
        """Let time pass, ticking once a second, or `every` so many."""
        for _ in range(0, int(seconds), every):
            self.now += every * SECOND
            self.prefect.now = self.now
            await self.reconciler.tick()

    async def run(self) -> Run:
        """Write a run as the service does, up to the point where it would turn to Prefect."""
        new = NewRun("w1", "a run", 1, "somebody", 50, {"name": "a run"}, {}, {})
        return await self.stores.runs.add(new, [], now=self.now)

    async def state(self, run_id: str) -> str:
        found = await self.stores.runs.get(run_id)
        return self.prefect.states[found.prefect_flow_run_id or ""].type

    async def carried(self) -> str:
        """Return a run that a flow worker has begun to carry."""
        run = await self.run()
        await self.reconciler.submit(run)
        flow_run_id = (await self.stores.runs.get(run.id)).prefect_flow_run_id
        assert flow_run_id is not None
        await self.prefect.set_state(flow_run_id, "RUNNING", "")
        await self.stores.run_leases.hold(run.id, "worker", now=self.now)
        return run.id


@pytest.fixture
def world(stores: Stores) -> World:
    return World(stores)


async def test_a_run_whose_request_died_before_prefect_heard_of_it_is_submitted(world: World) -> None:
    run = await world.run()
    await world.later(3)
    assert world.prefect.states == {}, "its own request may still be at it"
    await world.later(1)
    assert await world.state(run.id) == "SCHEDULED"
    assert (world.prefect.made, world.scheduled) == (1, 1)
    await world.later(5)
    assert world.prefect.made == 1


async def test_a_run_whose_own_request_is_still_at_it_is_not_submitted_beside(world: World) -> None:
    run = await world.run()
    world.prefect.busy = asyncio.Event()
    request = asyncio.create_task(world.reconciler.submit(run))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await world.later(6)
    world.prefect.busy.set()
    await request
    await world.later(1)
    assert world.prefect.made == 1


async def test_a_run_that_goes_on_though_its_flow_run_was_never_written_down_gets_to_know_it(world: World) -> None:
    """The service was killed between Prefect's answer and its own record; a worker has taken the run up since."""
    run = await world.run()
    await world.stores.run_leases.hold(run.id, "worker", now=world.now)
    await world.stores.ledger.write(lambda tx: world.stores.runs.move(tx, run.id, RunStatus.RUNNING, now=world.now))
    await world.later(4)
    assert (await world.stores.runs.get(run.id)).prefect_flow_run_id is not None


async def test_a_run_that_was_cancelled_before_prefect_heard_of_it_ends(world: World) -> None:
    run = await world.run()
    await world.stores.ledger.write(
        lambda tx: world.stores.runs.request_cancel(tx, run.id, by="somebody", now=world.now)
    )
    await world.later(RUN_LEASE.total_seconds() + 5)
    assert await world.state(run.id) == "CANCELLED"


async def test_a_replica_that_is_started_again_leads_on_but_gives_workers_time(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run_id = await world.carried()
    world.now += SECOND
    world.reconciler = world.replica("one")
    unsubmitted = await world.run()
    await world.later(4)
    assert await world.state(unsubmitted.id) == "SCHEDULED"
    await world.later(RUN_LEASE.total_seconds() - 5)
    assert await world.state(run_id) == "RUNNING"
    await world.later(2)
    assert await world.state(run_id) == "SCHEDULED"


async def test_a_run_whose_worker_died_is_scheduled_again_once_its_lease_has_ended(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run_id = await world.carried()
    await world.later(RUN_LEASE.total_seconds())
    assert await world.state(run_id) == "RUNNING"
    await world.later(1)
    assert await world.state(run_id) == "SCHEDULED"
    assert (await world.stores.runs.get(run_id)).recoveries == 1
    told = [event for event in await world.stores.ledger.events(run_id=run_id) if event.type == "run.recovered"]
    assert [event.data["recoveries"] for event in told] == [1]


async def test_a_run_that_is_beaten_for_is_left_alone(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run = await world.run()
    await world.reconciler.submit(run)
    _, token = await world.stores.run_leases.hold(run.id, "worker", now=world.now)
    flow_run_id = (await world.stores.runs.get(run.id)).prefect_flow_run_id or ""
    await world.prefect.set_state(flow_run_id, "RUNNING", "")
    for _ in range(20):
        await world.later(3)
        await world.stores.run_leases.beat([(run.id, token)], now=world.now)
    assert await world.state(run.id) == "RUNNING"


async def test_after_an_outage_of_the_service_workers_get_the_time_of_a_lease_to_beat(world: World) -> None:
    run_id = await world.carried()
    world.now += timedelta(minutes=5)
    await world.reconciler.tick()
    await world.later(RUN_LEASE.total_seconds() - 1)
    assert await world.state(run_id) == "RUNNING"
    await world.later(1)
    assert await world.state(run_id) == "SCHEDULED"


async def test_a_run_that_loses_every_worker_is_given_up(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run_id = await world.carried()
    flow_run_id = (await world.stores.runs.get(run_id)).prefect_flow_run_id or ""
    for _ in range(MOST_RECOVERIES):
        await world.later(RUN_LEASE.total_seconds() + 1)
        assert await world.state(run_id) == "SCHEDULED"
        await world.prefect.set_state(flow_run_id, "RUNNING", "")
        await world.stores.run_leases.hold(run_id, "worker", now=world.now)
    await world.later(RUN_LEASE.total_seconds() + 1)
    assert world.prefect.states[flow_run_id].type == "FAILED"
    assert world.prefect.states[flow_run_id].message == (
        "the run was given up: its flow worker was lost 11 times in a row, and between them no subtask was accepted and"
        " no task completed"
    )


async def test_a_run_that_a_living_flow_worker_has_taken_up_waits_its_turn_however_long(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run = await world.run()
    await world.reconciler.submit(run)
    flow_run_id = (await world.stores.runs.get(run.id)).prefect_flow_run_id or ""
    for state in ("PENDING", "RUNNING"):
        await world.prefect.set_state(flow_run_id, state, "")
        for _ in range(6):
            await world.stores.flow_workers.beat("worker", [flow_run_id], now=world.now)
            await world.later(3)
        assert await world.state(run.id) == state
    await world.later(RUN_LEASE.total_seconds() + 1)
    assert await world.state(run.id) == "SCHEDULED", "the worker beats no more"


async def test_a_worker_that_beats_keeps_only_what_it_has_taken_up(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run_id = await world.carried()
    for _ in range(4):
        await world.stores.flow_workers.beat("worker", ["another flow run"], now=world.now)
        await world.later(3)
    assert await world.state(run_id) == "SCHEDULED"


async def test_a_run_that_no_flow_has_held_is_never_given_up(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run = await world.run()
    await world.reconciler.submit(run)
    flow_run_id = (await world.stores.runs.get(run.id)).prefect_flow_run_id or ""
    for _ in range(MOST_RECOVERIES + 2):
        await world.prefect.set_state(flow_run_id, "PENDING", "")
        await world.later(2 * RUN_LEASE.total_seconds() + 5, every=5)
        assert await world.state(run.id) == "SCHEDULED"
    assert (await world.stores.runs.get(run.id)).recoveries == 0


async def test_a_run_that_progresses_survives_any_number_of_lost_workers(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run_id = await world.carried()
    flow_run_id = (await world.stores.runs.get(run_id)).prefect_flow_run_id or ""
    for night in range(MOST_RECOVERIES + 5):
        await world.later(RUN_LEASE.total_seconds() + 1)
        assert await world.state(run_id) == "SCHEDULED", f"given up after night {night}"
        _, token = await world.stores.run_leases.hold(run_id, "worker", now=world.now)
        done = TaskUpdate(TaskStatus.COMPLETED)
        await world.stores.tasks.change(run_id, token, f"day-{night}", done, now=world.now)
        await world.prefect.set_state(flow_run_id, "RUNNING", "")
    assert (await world.stores.runs.get(run_id)).recoveries == 1


async def test_accepted_subtasks_are_progress(world: World) -> None:
    run_id = await world.carried()
    _, token = await world.stores.run_leases.hold(run_id, "worker", now=world.now)
    key = TaskKey(run_id, "w1", "t", 50, 1.0, 0, 0)
    await world.stores.queue.put(key, [NewBatch(0, [NewSubtask(0), NewSubtask(1)])], token=token, now=world.now)
    assert await world.stores.run_recovery.progress(run_id) == 0
    [mine] = await lease(world.stores, "a volunteer", 1, world.now, task=key)
    await report(world.stores, [returned(mine)], world.now)
    assert await world.stores.run_recovery.progress(run_id) == 1


async def test_a_run_that_was_to_be_cancelled_when_its_worker_died_is_cancelled(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run_id = await world.carried()
    await world.stores.ledger.write(
        lambda tx: world.stores.runs.request_cancel(tx, run_id, by="somebody", now=world.now)
    )
    await world.later(RUN_LEASE.total_seconds() + 1)
    assert await world.state(run_id) == "CANCELLED"


async def test_a_run_whose_flow_run_prefect_lost_gets_a_new_one(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    run_id = await world.carried()
    world.prefect.states.clear()
    await world.later(RUN_LEASE.total_seconds() + 1 + 4)
    assert await world.state(run_id) == "SCHEDULED"
    assert world.prefect.made == 2


async def test_a_run_of_a_flow_that_another_prefect_started_ends_and_is_not_started_as_a_workflow(world: World) -> None:
    await world.later(RUN_LEASE.total_seconds())
    new = NewRun("flow:f", "f", 1, "somebody", 50, {}, {}, {}, prefect_flow_run_id="unknown")
    run = await world.stores.runs.adopt(new, now=world.now)
    await world.stores.run_leases.hold(run.id, "an engineer's", now=world.now)
    await world.later(RUN_LEASE.total_seconds() + 5)
    ended = await world.stores.runs.get(run.id)
    assert (ended.status, world.prefect.made) == (RunStatus.FAILED, 0)
    assert "does not know flow run unknown" in (ended.error or "")


async def test_one_replica_leads_and_another_takes_over_when_it_dies(world: World) -> None:
    other = world.replica("two")
    await world.reconciler.tick()
    run = await world.run()
    for _ in range(int(LEADER_LEASE.total_seconds()) - 1):
        world.now += SECOND
        await other.tick()
    assert world.prefect.made == 0, "the first one may still live"
    world.now += 2 * SECOND
    await other.tick()
    assert await world.state(run.id) == "SCHEDULED"


async def test_a_flow_that_lives_is_told_apart_from_one_that_does_not(world: World) -> None:
    run_id = await world.carried()
    flow_run_id = (await world.stores.runs.get(run_id)).prefect_flow_run_id or ""
    assert await world.stores.run_leases.is_held(flow_run_id, now=world.now + RUN_LEASE)
    assert not await world.stores.run_leases.is_held(flow_run_id, now=world.now + RUN_LEASE + SECOND)


async def test_a_flow_run_that_crashed_before_it_asked_for_anything_is_scheduled_again_ten_times(
    stores: Stores,
) -> None:
    world = World(stores, datetime.now(UTC))  # MongoDB forgets crashes of long ago by its own clock
    await world.later(RUN_LEASE.total_seconds())
    await world.prefect.set_state("an-engineers", "CRASHED", "its process is gone")
    scheduled = 0
    for _ in range(600):
        world.now += 10 * SECOND
        await world.reconciler.tick()
        if world.prefect.states["an-engineers"].type == "SCHEDULED":
            scheduled += 1
            world.prefect.now = world.now
            await world.prefect.set_state("an-engineers", "CRASHED", "its process is gone")
    assert scheduled == MOST_RECOVERIES


async def test_a_run_that_prefect_refuses_does_not_keep_the_others_waiting(world: World) -> None:
    bad, good = await world.run(), await world.run()
    world.prefect.refused.add(bad.id)
    await world.later(5)
    assert await world.state(good.id) == "SCHEDULED"
