"""Child runs against a real MongoDB: one a task, found by their parent, left behind when it ends."""

from __future__ import annotations

import asyncio

import pytest

from coordinator.decisions.failures import group_id
from coordinator.decisions.reopening import retry_steps
from storage.errors import NotFoundError, RunHeldError
from storage.runs.models import FlowRunState, NewRun, Parent, Run, RunStatus, Tell
from storage.runs.tasks import NewTask, TaskStatus, TaskUpdate
from storage.stores import Stores
from tests.conftest import NOON


async def a_run(stores: Stores, name: str = "w", parent: Parent | None = None) -> Run:
    flow_run = f"f-{name}" if parent is None else None
    new = NewRun("w1", name, 1, "ana", 50, {}, {}, {}, prefect_flow_run_id=flow_run, parent=parent)
    return await stores.runs.add(new, [], now=NOON)


def below(run: Run, task: str, on_parent_cancel: str = "cancel") -> Parent:
    return Parent(run.id, task, [*(run.parent.chain if run.parent else ()), run.name], on_parent_cancel)


async def test_a_task_has_one_child_however_often_and_by_whomever_it_is_started(stores: Stores) -> None:
    parent = await a_run(stores)
    started = await asyncio.gather(*(a_run(stores, "c", below(parent, "t")) for _ in range(4)))
    assert len({run.id for run in started}) == 1
    other = await a_run(stores, "d", below(parent, "u"))
    children = await stores.children.of(parent.id)
    assert {task: child.id for task, child in children.items()} == {"t": started[0].id, "u": other.id}
    assert list(await stores.children.of(parent.id, ["u"])) == ["u"]
    assert (await stores.runs.child(parent.id, "t")).parent == Parent(parent.id, "t", ["w"], "cancel")
    with pytest.raises(NotFoundError):
        await stores.runs.child(parent.id, "nothing")


async def follow(stores: Stores, run: Run, type_: str) -> None:
    """Have Prefect say how a run's flow run is."""
    await stores.run_recovery.set_flow_run(run.id, f"f-{run.id}", now=NOON)
    state = FlowRunState(f"f-{run.id}", type_, type_.title(), "why", NOON)
    await stores.ledger.write(lambda tx: stores.runs.follow(tx, state, RunStatus(type_), now=NOON))


async def begin_again(stores: Stores, run: Run, how: str) -> Run:
    """Reopen a run whose task `t` is set back so, and return the run as it is then."""
    steps = {"t": how}
    await stores.ledger.write(lambda tx: stores.reopening.reopen(tx, run.id, steps, by="ana", now=NOON))
    await stores.reopening.set_back(run.id, retry_steps, group_id, now=NOON)
    return await stores.runs.get(run.id)


async def a_child_with_tasks(stores: Stores, parent: Parent) -> Run:
    new = NewRun("w1", "c", 1, "ana", 50, {}, {}, {}, parent=parent, clean_up="tidy")
    tasks = [NewTask(name, ["true"], {}, (), {}) for name in ("good", "bad", "tidy")]
    child = await stores.runs.add(new, [stores.tasks.pending("w1", task, now=NOON) for task in tasks], now=NOON)
    _, token = await stores.run_leases.hold(child.id, "worker", now=NOON)
    for task, status in (("good", TaskStatus.COMPLETED), ("bad", TaskStatus.FAILED), ("tidy", TaskStatus.SKIPPED)):
        await stores.tasks.change(child.id, token, task, TaskUpdate(status), now=NOON)
    return child


async def test_a_task_that_is_tried_again_begins_its_failed_child_again(stores: Stores) -> None:
    parent = await a_run(stores)
    child = await a_child_with_tasks(stores, below(parent, "t"))
    await follow(stores, child, "FAILED")
    await follow(stores, parent, "FAILED")
    assert not (await begin_again(stores, parent, "retry")).reopening
    again = await stores.runs.child(parent.id, "t")
    assert (again.id, again.status, again.to_tell) == (child.id, RunStatus.SUBMITTED, Tell.REOPEN)
    await stores.reopening.set_back(child.id, retry_steps, group_id, now=NOON)
    statuses = {task.name: task.status.value for task in await stores.tasks.of_run(child.id)}
    assert statuses == {"good": "COMPLETED", "bad": "PENDING", "tidy": "PENDING"}
    assert await stores.children.to_cancel(parent.id) == [], "late news of the parent's former end"


async def test_a_child_that_completed_is_kept_by_a_task_that_is_tried_again(stores: Stores) -> None:
    parent = await a_run(stores)
    child = await a_run(stores, "c", below(parent, "t"))
    await follow(stores, child, "COMPLETED")
    await follow(stores, parent, "FAILED")
    await begin_again(stores, parent, "retry")
    kept = await stores.runs.child(parent.id, "t")
    assert (kept.id, kept.status) == (child.id, RunStatus.COMPLETED)


async def test_a_task_waits_for_the_end_of_its_cancelled_child_before_it_is_tried_again(stores: Stores) -> None:
    parent = await a_run(stores)
    child = await a_run(stores, "c", below(parent, "t"))
    await follow(stores, parent, "FAILED")
    await stores.ledger.write(lambda tx: stores.runs.request_cancel(tx, child.id, by="its parent", now=NOON))
    assert (await begin_again(stores, parent, "retry")).reopening
    with pytest.raises(RunHeldError):
        await stores.run_leases.hold(parent.id, "worker", now=NOON)
    await follow(stores, child, "CANCELLED")
    await stores.reopening.set_back(parent.id, retry_steps, group_id, now=NOON)
    assert not (await stores.runs.get(parent.id)).reopening
    assert (await stores.runs.child(parent.id, "t")).status is RunStatus.SUBMITTED


async def test_a_task_that_is_reset_lets_its_child_go_for_another(stores: Stores) -> None:
    parent = await a_run(stores)
    first = await a_run(stores, "c", below(parent, "t"))
    await follow(stores, first, "COMPLETED")
    await follow(stores, parent, "FAILED")
    await begin_again(stores, parent, "reset")
    second = await a_run(stores, "c", below(parent, "t"))
    assert second.id != first.id
    assert (await stores.runs.child(parent.id, "t")).id == second.id
    assert (await stores.runs.get(first.id)).parent is None
    types = [event.type for event in await stores.ledger.events(run_id=first.id)]
    assert types.count("run.detached") == 1


@pytest.mark.parametrize("on_parent_cancel", ["cancel", "abandon"])
async def test_a_child_that_is_let_go_before_its_end_still_ends_unless_it_is_abandoned(
    stores: Stores, on_parent_cancel: str
) -> None:
    parent = await a_run(stores)
    child = await a_run(stores, "c", below(parent, "t", on_parent_cancel))
    await follow(stores, parent, "FAILED")
    await begin_again(stores, parent, "reset")
    let_go = await stores.runs.get(child.id)
    assert (let_go.parent, let_go.cancel_requested) == (None, on_parent_cancel == "cancel")


async def test_runs_without_a_parent_are_not_in_each_others_way(stores: Stores) -> None:
    first, second = await a_run(stores, "a"), await a_run(stores, "b")
    assert first.id != second.id and first.parent is None


async def test_children_whose_parent_ended_or_is_cancelled_are_left_behind_but_for_the_abandoned(
    stores: Stores,
) -> None:
    going_on, ended, cancelled = [await a_run(stores, name) for name in ("going-on", "ended", "cancelled")]
    await a_run(stores, "c", below(going_on, "t"))
    orphan = await a_run(stores, "c", below(ended, "t"))
    await a_run(stores, "c", below(ended, "u", "abandon"))
    called_off = await a_run(stores, "c", below(cancelled, "t"))
    assert await stores.children.left_behind(limit=10) == []
    await stores.ledger.write(
        lambda tx: stores.runs.follow(
            tx, FlowRunState("f-ended", "FAILED", "Failed", "why", NOON), RunStatus.FAILED, now=NOON
        )
    )
    await stores.ledger.write(lambda tx: stores.runs.request_cancel(tx, cancelled.id, by="ana", now=NOON))
    assert sorted(await stores.children.left_behind(limit=10)) == sorted([orphan.id, called_off.id])
    assert await stores.children.to_cancel(ended.id) == [orphan.id]
    await stores.ledger.write(lambda tx: stores.runs.request_cancel(tx, orphan.id, by="its parent", now=NOON))
    assert await stores.children.left_behind(limit=10) == [called_off.id]
    assert await stores.children.to_cancel(ended.id) == []
