"""Child runs against a real MongoDB: one a task, found by their parent, left behind when it ends."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import NotFoundError
from storage.run_models import FlowRunState, NewRun, Parent, Run, RunStatus
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


async def test_a_child_that_ended_can_be_let_go_once_for_another(stores: Stores) -> None:
    parent = await a_run(stores)
    first = await a_run(stores, "c", below(parent, "t"))
    await stores.children.detach(parent.id, "t", first.id, now=NOON)
    assert (await stores.runs.child(parent.id, "t")).id == first.id, "it has not ended"
    await stores.run_recovery.set_flow_run(first.id, "f1", now=NOON)
    await stores.ledger.write(
        lambda turn: stores.runs.follow(
            turn, FlowRunState("f1", "FAILED", "Failed", "why", NOON), RunStatus.FAILED, now=NOON
        )
    )
    await stores.children.detach(parent.id, "t", first.id, now=NOON)
    second = await a_run(stores, "c", below(parent, "t"))
    await stores.children.detach(parent.id, "t", first.id, now=NOON)
    assert second.id != first.id
    assert (await stores.runs.child(parent.id, "t")).id == second.id
    assert (await stores.runs.get(first.id)).parent is None
    types = [event.type for event in await stores.ledger.events(run_id=first.id)]
    assert types.count("run.detached") == 1


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
        lambda turn: stores.runs.follow(
            turn, FlowRunState("f-ended", "FAILED", "Failed", "why", NOON), RunStatus.FAILED, now=NOON
        )
    )
    await stores.ledger.write(lambda turn: stores.runs.request_cancel(turn, cancelled.id, by="ana", now=NOON))
    assert sorted(await stores.children.left_behind(limit=10)) == sorted([orphan.id, called_off.id])
    assert await stores.children.to_cancel(ended.id) == [orphan.id]
    await stores.ledger.write(lambda turn: stores.runs.request_cancel(turn, orphan.id, by="its parent", now=NOON))
    assert await stores.children.left_behind(limit=10) == [called_off.id]
    assert await stores.children.to_cancel(ended.id) == []
