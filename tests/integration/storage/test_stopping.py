"""Stopping many subtasks, against a real MongoDB: it goes in pieces, and a kill between two loses nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from njangi_agent.protocol import Verdict

from storage.errors import RunEndedError, RunHeldError, RunUnderWayError, StorageUnavailableError
from storage.runs.models import FlowRunState, NewRun, RunStatus
from storage.runs.tasks import NewTask, TaskStatus, TaskUpdate
from storage.stores import Stores
from storage.subtasks.models import NewBatch, NewSubtask, SubtaskStatus, TaskKey
from storage.subtasks.transaction_sizes import SUBTASKS_A_PIECE
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE, counts_of, lease, report, returned
from tests.integration.storage.pieces import measured, rebuilt

BATCH = 1500
BATCHES = 4
COUNT = BATCH * BATCHES
SECOND = timedelta(seconds=1)
OPEN = [SubtaskStatus.QUEUED, SubtaskStatus.LEASED]


class LargeRun:
    """A run with more subtasks than a transaction takes, and the ways it can be stopped."""

    def __init__(self, stores: Stores, run_id: str, token: str) -> None:
        self.stores = stores
        self.id = run_id
        self.token = token
        self.key = TaskKey(run_id, "w1", "a", priority=50, cpu=1.0, memory=1, storage=1)

    async def cancel(self, stores: Stores) -> None:
        async def both(tx: Any) -> None:
            await stores.runs.request_cancel(tx, self.id, by="ada", now=NOON)
            await stores.stopping.cancel(tx, self.id, now=NOON)

        await stores.ledger.write(both)

    async def end_as_prefect_says(self, stores: Stores, type_: str = "FAILED") -> None:
        state = FlowRunState("f", type_, type_.title(), "as Prefect says", NOON + SECOND)

        async def end(tx: Any) -> None:
            run = await stores.runs.follow(tx, state, RunStatus(type_), now=NOON)
            assert run is not None and run.ending and run.status is RunStatus.RUNNING

        await stores.ledger.write(end)

    async def miss_deadline(self, stores: Stores) -> None:
        await stores.controls.miss_deadline(self.id, now=NOON + 2 * MINUTE)

    async def fail_task(self, stores: Stores) -> None:
        change = TaskUpdate(TaskStatus.FAILED, error="too many failed")
        await stores.tasks.change(self.id, self.token, "a", change, now=NOON)

    async def call_back(self, stores: Stores) -> None:
        await stores.ledger.write(lambda tx: stores.controls.pause(tx, self.id, call_back=True, by="ada", now=NOON))

    async def count(self, *statuses: SubtaskStatus) -> int:
        query = {"parent_task_id": self.key.task_id, "status": {"$in": list(statuses)}}
        return await self.stores.database["tasks"].count_documents(query)

    async def check(self) -> None:
        """Nothing is lent, and the log and the counters say what is stored."""
        assert await self.stores.subtasks.open_batches(100) == []
        for batch in range(BATCHES):
            assert await lease(self.stores, "late", 5, NOON, task=self.key, batch=batch) == []
        rows = self.stores.database["tasks"].find({"parent_task_id": self.key.task_id})
        stored = {row["index"]: row["status"] async for row in rows}
        told = await rebuilt(self.stores, self.id)
        assert {index: subtask.status for index, subtask in told.tasks["a"].subtasks.items()} == stored
        assert told.status == (await self.stores.runs.get(self.id)).status
        counts = (await counts_of(self.stores, self.id))["a"]
        for status in (*OPEN, SubtaskStatus.CANCELLED):
            assert counts[status.lower()] == list(stored.values()).count(status)


Way = Callable[[LargeRun, Stores], Awaitable[None]]
CANCELLING: dict[str, tuple[Way, RunStatus]] = {
    "cancelled": (LargeRun.cancel, RunStatus.RUNNING),
    "ended by Prefect": (LargeRun.end_as_prefect_says, RunStatus.FAILED),
    "past its deadline": (LargeRun.miss_deadline, RunStatus.FAILED),
    "a task failed": (LargeRun.fail_task, RunStatus.RUNNING),
}


async def a_large_run(stores: Stores) -> LargeRun:
    documents = [stores.tasks.pending("w1", NewTask("a", ["true"], {}, (), {}), now=NOON)]
    new = NewRun("w1", "w", 1, "ada", 50, {"name": "w"}, {}, {}, deadline=MINUTE)
    run = await stores.runs.add(new, documents, now=NOON)
    await stores.run_recovery.set_flow_run(run.id, "f", now=NOON)
    _, token = await stores.run_leases.hold(run.id, "worker", now=NOON)
    made = LargeRun(stores, run.id, token)
    for at in range(BATCHES):
        subtasks = [NewSubtask(index) for index in range(at * BATCH, (at + 1) * BATCH)]
        await stores.queue.put(made.key, [NewBatch(at, subtasks)], token=token, now=NOON)
    await stores.tasks.change(run.id, token, "a", TaskUpdate(TaskStatus.RUNNING), now=NOON)
    return made


async def go_on(stores: Stores) -> None:
    for run_id in await stores.controls.stopping():
        while await stores.controls.stop_on(run_id, now=NOON + 3 * MINUTE):
            pass


async def is_killed_between_two_pieces(run: LargeRun, way: Way, *statuses: SubtaskStatus) -> list[int]:
    """Begin in a process that dies after its first piece, go on in one that dies after the second."""
    dying = [Stores(run.stores.database) for _ in range(2)]
    changed = measured(dying[0], lambda: run.count(*statuses))
    await way(run, dying[0])
    await run.check()
    more = measured(dying[1], lambda: run.count(*statuses), dies_after=1)
    with pytest.raises(StorageUnavailableError):
        await go_on(dying[1])
    await run.check()
    assert 0 < changed[0] < COUNT and len(more) == 1
    return [*changed, *more]


@pytest.mark.parametrize(("way", "status"), CANCELLING.values(), ids=CANCELLING)
async def test_cancelling_goes_in_pieces_and_goes_on_after_a_kill(stores: Stores, way: Way, status: RunStatus) -> None:
    run = await a_large_run(stores)
    await lease(stores, "v", 10, NOON, task=run.key)
    before = await is_killed_between_two_pieces(run, way, *OPEN)
    assert (await stores.runs.get(run.id)).status is RunStatus.RUNNING, "it ends after the last piece"
    after = measured(stores, lambda: run.count(*OPEN))
    await go_on(stores)
    assert max(before + after) <= SUBTASKS_A_PIECE
    assert sum(before + after) == COUNT
    await run.check()
    assert (await stores.runs.get(run.id)).status is status
    assert len(await stores.results.settled([f"{run.key.task_id}/b{at}" for at in range(BATCHES)])) == BATCHES
    assert await stores.controls.stopping() == []
    [task] = await stores.tasks.of_run(run.id)
    assert task.status is {
        LargeRun.cancel: TaskStatus.RUNNING,  # its flow says how it ends
        LargeRun.fail_task: TaskStatus.FAILED,
    }.get(way, TaskStatus.CANCELLED)


async def test_calling_back_goes_in_pieces_too(stores: Stores) -> None:
    run = await a_large_run(stores)
    held = [item for at in range(BATCHES) for item in await lease(stores, "v", BATCH, NOON, task=run.key, batch=at)]
    assert len(held) == COUNT
    before = await is_killed_between_two_pieces(run, LargeRun.call_back, SubtaskStatus.LEASED)
    after = measured(stores, lambda: run.count(SubtaskStatus.LEASED))
    await go_on(stores)
    assert max(before + after) <= SUBTASKS_A_PIECE
    assert sum(before + after) == COUNT
    assert set(await report(stores, [returned(item) for item in held[::BATCH]], NOON)) == {Verdict.STALE}
    await run.check()
    await stores.ledger.write(lambda tx: stores.controls.resume(tx, run.id, by="ada", now=NOON))
    assert len(await stores.subtasks.open_batches(100)) == BATCHES


async def test_what_is_not_called_back_when_the_run_is_resumed_goes_on(stores: Stores) -> None:
    run = await a_large_run(stores)
    held = [item for at in range(BATCHES) for item in await lease(stores, "v", BATCH, NOON, task=run.key, batch=at)]
    await run.call_back(stores)
    await stores.ledger.write(lambda tx: stores.controls.resume(tx, run.id, by="ada", now=NOON))
    await go_on(stores)
    assert await run.count(SubtaskStatus.LEASED) == COUNT - BATCH
    verdicts = await report(stores, [returned(item) for item in held[::BATCH]], NOON)
    assert verdicts == [Verdict.STALE, *[Verdict.ACCEPTED] * (BATCHES - 1)]


async def test_a_task_that_is_being_cancelled_is_not_lent_by_a_resumption(stores: Stores) -> None:
    run = await a_large_run(stores)
    await run.fail_task(stores)
    await stores.ledger.write(lambda tx: stores.controls.pause(tx, run.id, by="ada", now=NOON))
    await stores.ledger.write(lambda tx: stores.controls.resume(tx, run.id, by="ada", now=NOON))
    await run.check()
    await go_on(stores)
    assert await run.count(SubtaskStatus.CANCELLED) == COUNT


async def test_a_run_that_is_ending_is_nobodys_to_carry_nor_to_control(stores: Stores) -> None:
    run = await a_large_run(stores)
    await run.end_as_prefect_says(stores, "COMPLETED")
    with pytest.raises(RunHeldError):
        await stores.run_leases.hold(run.id, "another", now=NOON + MINUTE)
    assert await stores.run_recovery.claim_orphans(now=NOON + MINUTE, limit=5) == []
    assert await stores.controls.overdue(now=NOON + 2 * MINUTE) == []
    for control in (stores.controls.pause, stores.runs.request_cancel):
        with pytest.raises(RunEndedError):
            await stores.ledger.write(lambda tx, do=control: do(tx, run.id, by="ada", now=NOON))  # type: ignore[misc]
    with pytest.raises(RunUnderWayError):
        await stores.ledger.write(lambda tx: stores.reopening.reopen(tx, run.id, {"a": "retry"}, by="ada", now=NOON))
    later = FlowRunState("f", "FAILED", "Failed", "late", NOON + MINUTE)
    assert await stores.ledger.write(lambda tx: stores.runs.follow(tx, later, RunStatus.FAILED, now=NOON)) is None
    await go_on(stores)
    ended = await stores.runs.get(run.id)
    assert (ended.status, ended.ended_at, ended.error) == (RunStatus.COMPLETED, NOON + SECOND, None)


async def test_what_failed_is_not_lent_again_by_a_try_that_comes_after_the_cancellation(stores: Stores) -> None:
    run = await a_large_run(stores)
    every = {"batch": f"{run.key.task_id}/b0"}
    await stores.database["tasks"].update_many(every, {"$set": {"status": "FAILED", "error": {"type": "E"}}})
    settled = {"settled": True, "queued": 0, "failed": BATCH}
    await stores.database["batches"].update_one({"_id": every["batch"]}, {"$set": settled})
    await run.fail_task(stores)
    await stores.queue.requeue(every["batch"], try_=2, token=run.token, now=NOON)
    assert await stores.subtasks.open_batches(10) == []
    assert await lease(stores, "v", 5, NOON, task=run.key) == []
