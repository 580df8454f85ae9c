"""A task that falls into subtasks: its changes of state and its subtasks are there together, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storage.errors import RunLeaseLostError
from storage.runs.models import RunStatus
from storage.runs.tasks import TaskStatus, TaskUpdate
from storage.stores import Stores, open_stores
from storage.subtasks import documents
from storage.subtasks.models import NewBatch, NewSubtask
from storage.subtasks.queue import AT_ONCE
from tests.conftest import NOON
from tests.integration.storage.leasing import TASK, TOKEN, a_held_run, counts_of, lease, report, returned

BEGIN = TaskUpdate(TaskStatus.SPLITTING, {"name": "factor", "files": []}, {"subtasks": 3})


def batch(index: int, *subtasks: int) -> NewBatch:
    return NewBatch(index, [NewSubtask(subtask, f'{{"x":{subtask}}}') for subtask in subtasks])


async def split(stores: Stores, *batches: NewBatch, token: str = TOKEN, **told: Any) -> None:
    await stores.splitting.put(TASK, batches, token=token, now=NOON, **({"begin": BEGIN, "last": True} | told))


async def told(stores: Stores, after: int = 0) -> list[str]:
    return [event.type for event in await stores.ledger.events(after=after)]


async def test_one_call_splits_a_task_in_one_transaction_and_tells_of_each_step(stores: Stores) -> None:
    await a_held_run(stores, NOON)
    before = await commits(stores)
    await split(stores, batch(0, 0, 1), batch(1, 2))
    assert await commits(stores) == before + 1
    assert await told(stores) == [
        "task.splitting",
        "run.splitting",
        "subtasks.queued",
        "task.running",
        "run.running",
    ]
    task = await stores.tasks.get(TASK.task_id)
    assert (task.status, task.definition, task.plan) == (TaskStatus.RUNNING, BEGIN.definition, BEGIN.plan)
    assert (await counts_of(stores, "r1"))["factor"]["queued"] == 3
    assert len(await lease(stores, "a", 3, NOON)) == 2
    assert await stores.runs.status("r1") is RunStatus.RUNNING


async def commits(stores: Stores) -> int:
    status = await stores.database.mongo.client.admin.command("serverStatus")
    return int(status["transactions"]["totalCommitted"])


async def test_a_run_that_has_subtasks_stays_running_while_another_task_splits(stores: Stores) -> None:
    await a_held_run(stores, NOON)
    await split(stores, batch(0, 0))
    seq = await stores.ledger.last_seq()
    await stores.splitting.put(
        type(TASK)(**{**_fields(TASK), "name": "other"}),
        [batch(0, 0)],
        token=TOKEN,
        now=NOON,
        begin=BEGIN,
        last=True,
    )
    assert await told(stores, seq) == ["task.splitting", "subtasks.queued", "task.running"]
    assert await stores.runs.status("r1") is RunStatus.RUNNING


def _fields(key: Any) -> dict[str, Any]:
    return {name: getattr(key, name) for name in type(key).__dataclass_fields__}


async def test_a_second_start_that_puts_the_same_finds_it_there(stores: Stores) -> None:
    await a_held_run(stores, NOON)
    await split(stores, batch(0, 0))
    [mine] = await lease(stores, "a", 1, NOON)
    seq = await stores.ledger.last_seq()
    await split(stores, batch(0, 0), batch(1, 1))
    assert await told(stores, seq) == ["task.splitting", "subtasks.queued", "task.running"], "batch 1 alone is queued"
    await report(stores, [returned(mine)], NOON)
    counts = (await counts_of(stores, "r1"))["factor"]
    assert (counts["completed"], counts["queued"], counts["total"]) == (1, 1, 2)


@pytest.mark.parametrize("many", [1, AT_ONCE + 1])
async def test_subtasks_that_a_killed_start_left_behind_are_taken_over(stores: Stores, many: int) -> None:
    await a_held_run(stores, NOON)
    whole = batch(0, *range(many))
    left = documents.queued(TASK, whole, whole.subtasks[0], NOON, 0)
    await stores.database["tasks"].insert_one(left)
    await split(stores, whole)
    assert (await counts_of(stores, "r1"))["factor"]["queued"] == many
    assert await stores.database["tasks"].count_documents({"parent_task_id": TASK.task_id}) == many
    assert (await told(stores)).count("subtasks.queued") == 1


@pytest.mark.parametrize("many", [1, AT_ONCE + 1])
async def test_a_flow_that_has_lost_its_run_splits_nothing(stores: Stores, many: int) -> None:
    await a_held_run(stores, NOON)
    with pytest.raises(RunLeaseLostError):
        await split(stores, batch(0, *range(many)), token="stale")
    assert await told(stores) == []
    assert await stores.database["tasks"].count_documents({}) == 0


async def test_many_subtasks_are_put_call_by_call_and_run_after_the_last(stores: Stores) -> None:
    await a_held_run(stores, NOON)
    half = AT_ONCE + 10
    await split(stores, batch(0, *range(half)), last=False)
    assert (await stores.tasks.get(TASK.task_id)).status is TaskStatus.SPLITTING
    await split(stores, batch(1, *range(half, 2 * half)), begin=None)
    assert (await stores.tasks.get(TASK.task_id)).status is TaskStatus.RUNNING
    assert (await counts_of(stores, "r1"))["factor"]["queued"] == 2 * half


@pytest.mark.parametrize("many", [2, AT_ONCE + 2])
async def test_two_that_put_the_same_at_once_through_two_processes_queue_it_once(
    stores: Stores, mongodb_uri: str, many: int
) -> None:
    await a_held_run(stores, NOON)
    async with open_stores(mongodb_uri, stores.database.mongo.name) as other:
        await asyncio.gather(*(split(each, batch(0, *range(many))) for each in (stores, other, stores, other)))
    assert (await told(stores)).count("subtasks.queued") == 1
    assert (await counts_of(stores, "r1"))["factor"]["queued"] == many


async def test_the_results_of_single_subtasks_are_read_together(stores: Stores) -> None:
    await a_held_run(stores, NOON)
    await split(stores, batch(0, 0), batch(1, 1), batch(2, 2, 3))
    for index in range(3):
        items = await lease(stores, "a", 2, NOON, batch=index)
        await report(stores, [returned(item, f'"{item.subtask_id[-1]}"') for item in items], NOON)
    settled = await stores.results.settled([f"{TASK.task_id}/b{index}" for index in range(3)])
    found = await stores.results.only_results(settled)
    assert {id_: item.result for id_, item in found.items()} == {
        f"{TASK.task_id}/b0": '"0"',
        f"{TASK.task_id}/b1": '"1"',
    }
