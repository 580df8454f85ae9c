"""Setting back many subtasks, against a real MongoDB: no transaction is long, and a kill between two loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator.decisions.failures import group_id
from coordinator.decisions.reopening import retry_steps
from storage.errors import StorageUnavailableError
from storage.runs.models import FlowRunState, NewRun, RunStatus
from storage.runs.tasks import NewTask, TaskStatus, TaskUpdate
from storage.stores import Stores
from storage.subtasks.models import NewBatch, NewSubtask, SubtaskStatus, TaskKey
from storage.subtasks.transaction_sizes import SUBTASKS_A_PIECE
from tests.conftest import NOON
from tests.integration.storage.leasing import counts_of
from tests.integration.storage.pieces import measured, rebuilt

PIECES = 4
SIZES = {
    "one a batch": (1, SUBTASKS_A_PIECE // 4),
    "as many as a call puts": (SUBTASKS_A_PIECE, SUBTASKS_A_PIECE * PIECES),
    "some of them": (SUBTASKS_A_PIECE // 3, SUBTASKS_A_PIECE // 3 * 3 * PIECES),
}
STRAYS = SUBTASKS_A_PIECE + 10


async def cancelled_run(stores: Stores, batch: int, count: int) -> str:
    """Return a run with so many subtasks in batches of that size, cancelled before any was lent."""
    documents = [stores.tasks.pending("w1", NewTask("a", ["true"], {}, (), {}), now=NOON)]
    run = await stores.runs.add(NewRun("w1", "w", 1, "ada", 50, {"name": "w"}, {}, {}), documents, now=NOON)
    await stores.run_recovery.set_flow_run(run.id, "f", now=NOON)
    _, token = await stores.run_leases.hold(run.id, "worker", now=NOON)
    key = TaskKey(run.id, "w1", "a", priority=50, cpu=1.0, memory=1, storage=1)
    made = [NewBatch(at // batch, [NewSubtask(i) for i in range(at, at + batch)]) for at in range(0, count, batch)]
    for at in range(0, len(made), max(1, SUBTASKS_A_PIECE // batch)):
        part = made[at : at + max(1, SUBTASKS_A_PIECE // batch)]
        await stores.queue.put(key, part, token=token, now=NOON)
    await stores.tasks.change(run.id, token, "a", TaskUpdate(TaskStatus.RUNNING), now=NOON)
    state = FlowRunState("f", "CANCELLED", "Cancelled", None, NOON)

    async def end(tx: Any) -> None:
        ended = await stores.runs.follow(tx, state, RunStatus.CANCELLED, now=NOON)
        assert ended is not None
        if not ended.ending:
            await stores.controls.close(tx, ended, now=NOON)

    await stores.ledger.write(end)
    while await stores.controls.stop_on(run.id, now=NOON):
        pass
    assert (await stores.runs.get(run.id)).status is RunStatus.CANCELLED
    return run.id


async def reopen(stores: Stores, run_id: str, how: str) -> None:
    await stores.ledger.write(lambda tx: stores.reopening.reopen(tx, run_id, {"a": how}, by="ada", now=NOON))


@pytest.mark.parametrize(("batch", "count"), SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("how", ["reset", "retry"])
async def test_no_transaction_sets_back_more_than_a_piece(stores: Stores, how: str, batch: int, count: int) -> None:
    run_id = await cancelled_run(stores, batch, count)
    tasks = stores.database["tasks"]
    still = {"parent_task_id": f"{run_id}/a"} | ({"status": SubtaskStatus.CANCELLED} if how == "retry" else {})
    await reopen(stores, run_id, how)
    dying = Stores(stores.database)
    before = measured(dying, lambda: tasks.count_documents(still), dies_after=1)
    with pytest.raises(StorageUnavailableError):
        await dying.reopening.set_back(run_id, retry_steps, group_id, now=NOON)
    stored = {item["index"]: item["status"] async for item in tasks.find({"parent_task_id": f"{run_id}/a"})}
    told = await rebuilt(stores, run_id)
    assert {index: subtask.status for index, subtask in told.tasks["a"].subtasks.items()} == stored, "at any time"
    after = measured(stores, lambda: tasks.count_documents(still))
    await stores.reopening.set_back(run_id, retry_steps, group_id, now=NOON)
    assert 0 < max(before + after) <= SUBTASKS_A_PIECE
    assert sum(before + after) == count
    counts = await counts_of(stores, run_id)
    assert (counts["a"]["queued"], counts["a"]["total"]) == (count, count) if how == "retry" else counts == {}
    [task] = await stores.tasks.of_run(run_id)
    assert task.status is TaskStatus.PENDING
    assert not (await stores.runs.get(run_id)).reopening


async def test_subtasks_that_nobody_published_go_in_pieces_too(stores: Stores) -> None:
    run_id = await cancelled_run(stores, 1, 1)
    tasks = stores.database["tasks"]
    task_id = f"{run_id}/a"
    await tasks.insert_many(
        [{"parent_task_id": task_id, "index": at, "batch": f"{task_id}/b{at}"} for at in range(1, STRAYS)]
    )
    await reopen(stores, run_id, "reset")
    changed = measured(stores, lambda: tasks.count_documents({"parent_task_id": task_id}))
    await stores.reopening.set_back(run_id, retry_steps, group_id, now=NOON)
    assert (max(changed), sum(changed)) == (SUBTASKS_A_PIECE, STRAYS)


async def test_what_fails_again_while_the_rest_is_set_back_is_not_set_back_twice(stores: Stores) -> None:
    run_id = await cancelled_run(stores, SUBTASKS_A_PIECE, 2 * SUBTASKS_A_PIECE)
    await reopen(stores, run_id, "retry")
    dying = Stores(stores.database)
    measured(dying, lambda: stores.database["tasks"].count_documents({"parent_task_id": "none"}), dies_after=1)
    with pytest.raises(StorageUnavailableError):
        await dying.reopening.set_back(run_id, retry_steps, group_id, now=NOON)
    failed = {"parent_task_id": f"{run_id}/a", "index": 0}
    await stores.database["tasks"].update_one(failed, {"$set": {"status": SubtaskStatus.FAILED}})
    await stores.database["batches"].update_one({"_id": f"{run_id}/a/b0"}, {"$inc": {"queued": -1, "failed": 1}})
    await stores.reopening.set_back(run_id, retry_steps, group_id, now=NOON)
    counts = (await counts_of(stores, run_id))["a"]
    assert (counts["queued"], counts["failed"]) == (2 * SUBTASKS_A_PIECE - 1, 1)


async def test_a_deadline_waits_until_the_run_is_set_back(stores: Stores) -> None:
    run_id = await cancelled_run(stores, 1, 1)
    await stores.database["runs"].update_one({"_id": run_id}, {"$set": {"deadline_seconds": -1.0}})
    await reopen(stores, run_id, "reset")
    assert await stores.controls.overdue(now=NOON) == []
    await stores.controls.miss_deadline(run_id, now=NOON)
    assert (await stores.runs.get(run_id)).reopening
    await stores.reopening.set_back(run_id, retry_steps, group_id, now=NOON)
    assert await stores.controls.overdue(now=NOON) == [run_id]
