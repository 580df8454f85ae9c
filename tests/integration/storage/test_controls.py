"""Pausing, ending and beginning runs again, against a real MongoDB: what holds between any two writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from njangi_agent.protocol import Outcome, Verdict

from coordinator.decisions.failures import group_id
from coordinator.decisions.reopening import retry_steps
from storage.errors import (
    NotFoundError,
    RunEndedError,
    RunHeldError,
    RunLeaseLostError,
    RunUnderWayError,
    StorageUnavailableError,
)
from storage.ledger import Transaction
from storage.runs.models import FlowRunState, NewRun, Run, RunStatus, Tell
from storage.runs.signals import SignalWait
from storage.runs.tasks import NewTask, TaskStatus, TaskUpdate
from storage.stores import Stores
from storage.subtasks.models import MAX_LOSSES, NewBatch, NewSubtask, SubtaskStatus, TaskKey
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE, counts_of, ended, lease, report, returned
from tests.integration.storage.pieces import rebuilt

FLOW_RUN = "fr1"
SECOND = timedelta(seconds=1)


@dataclass
class Held:
    """A run that a flow holds, and short ways to say what happens to it."""

    stores: Stores
    run: Run
    token: str

    def key(self, task: str = "a") -> TaskKey:
        return TaskKey(self.run.id, self.run.workflow_id, task, priority=50, cpu=1.0, memory=1, storage=1)

    async def put(
        self, *batches: int, task: str = "a", size: int = 2, stores: Stores | None = None, **limits: float
    ) -> None:
        made = [NewBatch(at, [NewSubtask(i) for i in range(at * size, (at + 1) * size)]) for at in batches]
        key = replace(self.key(task), **limits)
        await (stores or self.stores).queue.put(key, made, token=self.token, now=NOON)

    async def control(self, name: str, *arguments: Any, stores: Stores | None = None, **named: Any) -> None:
        chosen = stores or self.stores
        named = {"by": "ada", "now": NOON} | named
        store = chosen.reopening if name == "reopen" else chosen.controls
        method: Callable[..., Awaitable[None]] = getattr(store, name)
        await chosen.ledger.write(lambda tx: method(tx, self.run.id, *arguments, **named))

    async def now(self) -> Run:
        return await self.stores.runs.get(self.run.id)

    async def prefect(self, type_: str, at: datetime, status: RunStatus) -> Run | None:
        state = FlowRunState(FLOW_RUN, type_, type_.title(), "as Prefect says", at)

        async def take(tx: Transaction) -> Run | None:
            run = await self.stores.runs.follow(tx, state, status, now=at)
            if run is not None and run.ended_at is not None:
                await self.stores.controls.close(tx, run, now=at)
            return run

        return await self.stores.ledger.write(take)

    async def tasks(self) -> dict[str, str]:
        return {task.name: task.status.value for task in await self.stores.tasks.of_run(self.run.id)}

    async def statuses(self, task: str = "a") -> list[str]:
        page = await self.stores.results.page(f"{self.run.id}/{task}", after=-1, limit=100)
        return [item.status.value for item in page]

    async def change(self, task: str, status: TaskStatus, **fields: Any) -> None:
        await self.stores.tasks.change(self.run.id, self.token, task, TaskUpdate(status, **fields), now=NOON)


async def a_run(stores: Stores, *tasks: NewTask, workflow_id: str = "w1", **fields: Any) -> Held:
    given = tasks or (a_task("a"), a_task("b", "a"))
    new = NewRun(workflow_id, "w", 1, "ada", 50, {"name": "w"}, {}, {}, **fields)
    documents = [stores.tasks.pending("w1", task, now=NOON) for task in given]
    run = await stores.runs.add(new, documents, now=NOON)
    await stores.run_recovery.set_flow_run(run.id, FLOW_RUN, now=NOON)
    held, token = await stores.run_leases.hold(run.id, "worker", now=NOON)
    return Held(stores, held, token)


def a_task(name: str, *dependencies: str) -> NewTask:
    return NewTask(name, ["true"], {}, dependencies, {"cpu": 1, "memory": 1, "storage": 1})


async def failed_run(stores: Stores) -> Held:
    """A run whose task `a` has one accepted and one failed subtask, and which has ended by that."""
    held = await a_run(stores)
    await held.put(0)
    good, bad = await lease(stores, "v", 2, NOON, task=held.key())
    await report(stores, [returned(good, '"kept"'), ended(bad, Outcome.FAILED)], NOON)
    await held.change("a", TaskStatus.FAILED, error="one failed", plan={"subtasks": 2})
    await held.change("b", TaskStatus.SKIPPED)
    await stores.run_leases.release(held.run.id, held.token, "one failed", now=NOON)
    assert (await held.prefect("FAILED", NOON + SECOND, RunStatus.FAILED)) is not None
    return held


async def test_a_paused_run_is_neither_offered_nor_lent_until_it_is_resumed(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0)
    await held.control("pause")
    await held.control("pause")
    assert await stores.subtasks.open_batches(10) == []
    assert await lease(stores, "v", 2, NOON, task=held.key()) == [], "a replica that remembers the batch gets nothing"
    assert (await held.now()).status is RunStatus.PAUSED
    await held.put(1)
    assert await stores.subtasks.open_batches(10) == [], "what a paused run puts waits too"
    await held.control("resume")
    await held.control("resume")
    assert len(await stores.subtasks.open_batches(10)) == 2
    assert len(await lease(stores, "v", 2, NOON, task=held.key())) == 2
    assert (await held.now()).status is RunStatus.RUNNING
    types = [event.type for event in await stores.ledger.events(run_id=held.run.id)]
    assert (types.count("run.paused"), types.count("run.resumed")) == (1, 1)


async def test_attempts_under_way_finish_while_the_run_is_paused(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0)
    [mine] = await lease(stores, "v", 1, NOON, task=held.key())
    await held.control("pause")
    assert await report(stores, [returned(mine)], NOON) == [Verdict.ACCEPTED]
    assert sorted(await held.statuses()) == ["COMPLETED", "QUEUED"]


async def test_attempts_that_are_called_back_are_no_loss_and_their_reports_stale(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0)
    for round_ in range(MAX_LOSSES + 1):
        [mine] = await lease(stores, f"v{round_}", 1, NOON, task=held.key())
        await held.control("pause", call_back=True)
        assert await report(stores, [returned(mine)], NOON) == [Verdict.STALE]
        assert await held.statuses() == ["QUEUED", "QUEUED"]
        await held.control("resume")
    counts = (await counts_of(stores, held.run.id))["a"]
    assert (counts["queued"], counts["leased"]) == (2, 0)
    outcomes = {
        attempt.outcome
        for item in await stores.results.page(held.key().task_id, after=-1, limit=10)
        for attempt in item.attempts
    }
    assert outcomes == {"HANDED_BACK"}


async def test_no_batch_slips_through_a_pause_that_commits_meanwhile(stores: Stores) -> None:
    held = await a_run(stores)
    others = [Stores(stores.database) for _ in range(3)]  # ledgers of their own: like other replicas
    for round_ in range(15):
        await asyncio.gather(
            held.put(3 * round_, stores=others[0]),
            held.control("pause", stores=others[1]),
            held.put(3 * round_ + 1, 3 * round_ + 2, stores=others[2]),
        )
        assert await stores.subtasks.open_batches(100) == []
        await asyncio.gather(held.control("resume", stores=others[1]), held.put(1000 + round_, stores=others[0]))
        assert len(await stores.subtasks.open_batches(100)) == 4 * (round_ + 1), "nor is one forgotten by a resumption"


async def test_nothing_is_lent_from_a_pause_on_that_commits_while_others_lease(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0, size=60)
    others = [Stores(stores.database) for _ in range(3)]

    async def take(own: Stores, name: str) -> int:
        taken = 0
        while got := await lease(own, name, 3, NOON, task=held.key()):
            taken += len(got)
        return taken

    taking = asyncio.gather(*(take(own, f"v{at}") for at, own in enumerate(others)))
    await held.control("pause")
    leased = (await held.statuses()).count("LEASED")
    assert sum(await taking) == leased


async def test_a_flow_that_lost_the_run_cannot_put_nor_requeue(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0)
    later = NOON + MINUTE
    await stores.run_leases.hold(held.run.id, "another", now=later)
    with pytest.raises(RunLeaseLostError):
        await held.put(1)
    with pytest.raises(RunLeaseLostError):
        await stores.queue.requeue(f"{held.run.id}/a/b0", try_=2, token=held.token, now=later)
    assert set((await counts_of(stores, held.run.id))["a"].items()) >= {("total", 2), ("queued", 2)}


async def test_a_paused_task_waits_and_the_others_go_on(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0)
    await held.put(0, task="b")
    await held.control("pause_task", "a")
    await held.put(1)
    assert {batch.task_id for batch in await stores.subtasks.open_batches(10)} == {f"{held.run.id}/b"}
    await held.control("pause")
    await held.control("resume")
    assert {batch.task_id for batch in await stores.subtasks.open_batches(10)} == {f"{held.run.id}/b"}
    await held.control("pause")
    await held.control("resume_task", "a")
    assert await stores.subtasks.open_batches(10) == []
    await held.control("resume")
    assert len(await stores.subtasks.open_batches(10)) == 3
    with pytest.raises(NotFoundError):
        await held.control("pause_task", "c")


async def test_what_is_requeued_in_a_paused_run_waits(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0, size=1)
    [mine] = await lease(stores, "v", 1, NOON, task=held.key())
    await report(stores, [ended(mine, Outcome.FAILED)], NOON)
    await held.control("pause")
    await stores.queue.requeue(f"{held.run.id}/a/b0", try_=2, token=held.token, now=NOON)
    assert await lease(stores, "v", 1, NOON, task=held.key()) == []
    await held.control("resume")
    assert len(await lease(stores, "v", 1, NOON, task=held.key())) == 1


async def test_a_paused_run_stays_paused_whatever_prefect_says_until_it_ends(stores: Stores) -> None:
    held = await a_run(stores)
    await held.control("pause")
    for at, type_ in enumerate(["PENDING", "RUNNING", "PAUSED"], start=1):
        status = {"PENDING": RunStatus.SUBMITTED, "RUNNING": RunStatus.RUNNING, "PAUSED": RunStatus.PAUSED}[type_]
        await held.prefect(type_, NOON + at * SECOND, status)
        assert (await held.now()).status is RunStatus.PAUSED
    await held.prefect("COMPLETED", NOON + 9 * SECOND, RunStatus.COMPLETED)
    run = await held.now()
    assert (run.status, run.paused, run.to_tell) == (RunStatus.COMPLETED, False, None)
    with pytest.raises(RunEndedError):
        await held.control("pause")


async def test_prefect_is_told_of_the_last_change_even_if_an_earlier_telling_ends_late(stores: Stores) -> None:
    held = await a_run(stores)
    await held.control("pause")
    [pausing] = await stores.controls.untold(now=NOON)
    await held.control("resume")
    paused = FlowRunState(FLOW_RUN, "PAUSED", "Paused", "", NOON + SECOND)
    await stores.controls.told(pausing, paused, held=True, now=NOON)
    [resuming] = await stores.controls.untold(now=NOON)
    assert resuming.to_tell is Tell.RESUME
    await stores.controls.told(resuming, paused, held=True, now=NOON)
    assert await stores.controls.untold(now=NOON) == []


async def test_a_pause_is_told_again_when_the_flow_that_held_the_run_is_gone(stores: Stores) -> None:
    held = await a_run(stores)
    await held.control("pause")
    [run] = await stores.controls.untold(now=NOON)
    state = FlowRunState(FLOW_RUN, "PAUSED", "Paused", "", NOON)
    await stores.controls.told(run, state, held=True, now=NOON)
    assert await stores.controls.untold(now=NOON) == []
    [run] = await stores.controls.untold(now=NOON + MINUTE)
    await stores.controls.told(run, state, held=False, now=NOON + MINUTE)
    assert await stores.controls.untold(now=NOON + MINUTE) == []
    assert await stores.run_recovery.claim_orphans(now=NOON + MINUTE, limit=5) == [], "it waits for its resumption"
    await stores.run_leases.hold(run.id, "another", now=NOON + MINUTE)
    [run] = await stores.controls.untold(now=NOON + MINUTE)
    assert run.to_tell is Tell.PAUSE, "taking it up made Prefect show it as running"


async def test_retrying_keeps_what_was_accepted_and_queues_what_failed(stores: Stores) -> None:
    held = await failed_run(stores)
    assert await held.tasks() == {"a": "FAILED", "b": "SKIPPED"}
    await held.control("reopen", {"a": "retry", "b": "retry"})
    run = await held.now()
    assert (run.status, run.error, run.ended_at, run.reopening) == (RunStatus.SUBMITTED, None, None, True)
    with pytest.raises(RunHeldError):
        await stores.run_leases.hold(run.id, "worker", now=NOON)
    await stores.reopening.set_back(run.id, retry_steps, group_id, now=NOON)
    assert await held.tasks() == {"a": "PENDING", "b": "PENDING"}
    [accepted] = await stores.results.page(f"{run.id}/a", after=-1, limit=5, status=SubtaskStatus.COMPLETED)
    assert accepted.result == '"kept"'
    [again] = await lease(stores, "v", 5, NOON, task=held.key())
    assert again.subtask_id != accepted.id
    await report(stores, [ended(again, Outcome.FAILED)], NOON)
    [batch] = await stores.results.settled([f"{run.id}/a/b0"])
    assert (batch.completed, batch.failed, batch.tries) == (1, 1, 1), "its tries begin anew"
    _, token = await stores.run_leases.hold(run.id, "worker", now=NOON)
    assert token != held.token


async def test_of_an_error_group_exactly_what_failed_for_it_is_queued(stores: Stores) -> None:
    held = await run_that_failed_for_two_causes(stores)
    flaky = group_id("Flaky", "bad row 7")
    await held.control("reopen", {"a": "retry", "b": "retry"}, error_group=flaky)
    await stores.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
    assert await held.statuses() == ["COMPLETED", "QUEUED", "FAILED", "QUEUED", "FAILED", "FAILED"]
    assert (await rebuilt(stores, held.run.id)).tasks["a"].counts() == {"COMPLETED": 1, "QUEUED": 2, "FAILED": 3}
    counts = (await counts_of(stores, held.run.id))["a"]
    assert (counts["queued"], counts["failed"], counts["completed"]) == (2, 3, 1)
    [untouched] = await stores.results.settled([f"{held.run.id}/a/b2"])
    assert (untouched.failed, untouched.aside) == (2, 2), "nothing is left to wait for in it"
    again = await lease(stores, "v", 9, NOON, batch=1, task=held.key())
    await report(stores, [ended(item, Outcome.FAILED) for item in again], NOON)
    [batch] = await stores.results.settled([f"{held.run.id}/a/b1"])
    assert (batch.failed, batch.aside) == (2, 1)
    assert await stores.results.failure_types(batch.id) == {"NonZeroExit": 1}, "of what may be tried again"
    _, token = await stores.run_leases.hold(held.run.id, "worker", now=NOON)
    await stores.queue.requeue(batch.id, try_=2, token=token, now=NOON)
    assert (await held.statuses())[2:4] == ["FAILED", "QUEUED"], "a next try leaves alone what was set aside"


async def test_what_was_set_aside_is_tried_again_when_all_that_failed_is(stores: Stores) -> None:
    held = await run_that_failed_for_two_causes(stores)
    for error_group, queued in ((group_id("Flaky", "bad row 7"), 2), (None, 5)):
        await held.control("reopen", {"a": "retry"}, error_group=error_group)
        await stores.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
        assert (await held.statuses()).count("QUEUED") == queued
        [run] = await stores.controls.untold(now=NOON)
        scheduled = FlowRunState(FLOW_RUN, "SCHEDULED", "", "", NOON + SECOND)
        await stores.controls.told(run, scheduled, held=False, now=NOON)
        await held.prefect("FAILED", NOON + 2 * SECOND, RunStatus.FAILED)
    marked = {"run_id": held.run.id, "aside": True}
    assert await stores.database["tasks"].count_documents(marked) == 0


async def run_that_failed_for_two_causes(stores: Stores) -> Held:
    """A run whose task `a` has batches of two: the first with a good one, the last with one cause alone."""
    held = await a_run(stores)
    await held.put(0, 1, 2)
    for batch, errors in enumerate([[None, "Flaky"], ["Bad", "Flaky"], ["Bad", "Bad"]]):
        leased = sorted(
            await lease(stores, "v", 2, NOON, batch=batch, task=held.key()), key=lambda item: item.subtask_id
        )
        for index, (item, type_) in enumerate(zip(leased, errors, strict=True)):
            failed = ended(item, Outcome.FAILED, f"bad row {index}", type_) if type_ else None
            end = failed or returned(item, '"kept"')
            await report(stores, [end], NOON)
    await held.change("a", TaskStatus.FAILED, error="some failed", plan={"subtasks": 6})
    await held.change("b", TaskStatus.SKIPPED)
    await stores.run_leases.release(held.run.id, held.token, "some failed", now=NOON)
    assert (await held.prefect("FAILED", NOON + SECOND, RunStatus.FAILED)) is not None
    return held


async def test_a_run_under_way_is_not_begun_again(stores: Stores) -> None:
    held = await a_run(stores)
    with pytest.raises(RunUnderWayError):
        await held.control("reopen", {"a": "retry"})
    failed = await failed_run_beside(stores, held)
    await failed.control("reopen", {"a": "retry"})
    with pytest.raises(RunUnderWayError):
        await failed.control("reopen", {"a": "retry"})


async def failed_run_beside(stores: Stores, other: Held) -> Held:
    await stores.database["runs"].update_one({"_id": other.run.id}, {"$set": {"prefect_flow_run_id": "other"}})
    return await failed_run(stores)


async def test_late_states_of_the_attempt_before_do_not_end_a_run_begun_again(stores: Stores) -> None:
    held = await failed_run(stores)
    await held.control("reopen", {"a": "retry"})
    assert await held.prefect("FAILED", NOON + 5 * SECOND, RunStatus.FAILED) is None
    [run] = await stores.controls.untold(now=NOON)
    await stores.reopening.set_back(run.id, retry_steps, group_id, now=NOON)
    scheduled = FlowRunState(FLOW_RUN, "SCHEDULED", "AwaitingRetry", "", NOON + 9 * SECOND)
    await stores.controls.told(run, scheduled, held=False, now=NOON)
    assert await held.prefect("FAILED", NOON + 6 * SECOND, RunStatus.FAILED) is None
    assert (await held.now()).status is RunStatus.SUBMITTED
    assert await held.prefect("RUNNING", NOON + 10 * SECOND, RunStatus.RUNNING) is not None


async def test_a_reset_forgets_the_task_and_its_results_and_keeps_the_rest(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0)
    await held.put(0, task="b")
    for name in ("a", "b"):
        for item in await lease(stores, "v", 2, NOON, task=held.key(name)):
            await report(stores, [returned(item, f'"{name}"', stderr="x" * 5000)], NOON)
        await held.change(
            name, TaskStatus.COMPLETED, result=f'"{name}"', plan={"subtasks": 2}, definition={"name": "t"}
        )
    await stores.run_leases.release(held.run.id, held.token, None, now=NOON)
    await held.prefect("COMPLETED", NOON + SECOND, RunStatus.COMPLETED)
    await held.control("reopen", {"b": "reset"})
    await stores.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
    a, b = await stores.tasks.of_run(held.run.id)
    assert (a.status, a.result) == (TaskStatus.COMPLETED, '"a"')
    assert (b.status, b.result, b.plan, b.definition) == (TaskStatus.PENDING, None, None, None)
    assert await held.statuses("a") == ["COMPLETED", "COMPLETED"] and await held.statuses("b") == []
    assert "b" not in await counts_of(stores, held.run.id)
    logs = [log["parent_task_id"] async for log in stores.database["logs"].find()]
    assert logs == [held.key("a").task_id] * 2


async def test_a_setting_back_that_is_cut_off_goes_on_where_it_was(stores: Stores) -> None:
    held = await failed_run(stores)
    await held.control("reopen", {"a": "reset", "b": "reset"})
    dying = Stores(stores.database)
    write, writes = dying.ledger.write, 0

    async def dies_after_the_first_task(work: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes > 2:
            raise StorageUnavailableError("killed")
        return await write(work)

    dying.ledger.write = dies_after_the_first_task  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailableError):
        await dying.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
    assert sorted((await held.tasks()).values()) == ["PENDING", "SKIPPED"]
    [run] = await stores.controls.untold(now=NOON)
    assert run.reopening
    await stores.reopening.set_back(run.id, retry_steps, group_id, now=NOON)
    assert await held.tasks() == {"a": "PENDING", "b": "PENDING"}
    assert not (await held.now()).reopening and await held.statuses() == []


async def test_what_a_lost_flow_left_behind_does_not_survive_a_reset(stores: Stores) -> None:
    held = await failed_run(stores)
    await held.control("reopen", {"a": "reset", "b": "reset"})
    await stores.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
    old = {"_id": f"{held.run.id}/a/0", "parent_task_id": held.key().task_id, "index": 0, "generation": 0}
    stale = {**old, "batch": f"{held.run.id}/a/b0", "parameters": '{"x": "stale"}', "status": "QUEUED"}
    await stores.database["tasks"].insert_one(stale)
    _, held.token = await stores.run_leases.hold(held.run.id, "worker", now=NOON)
    await held.put(0)
    leases = await lease(stores, "v", 5, NOON, task=held.key())
    assert [item.parameters for item in leases] == ["{}", "{}"]
    assert await stores.subtasks.open_batches(5) == []


async def test_a_pause_while_tasks_are_set_back_holds_them(stores: Stores) -> None:
    held = await failed_run(stores)
    await held.control("reopen", {"a": "retry"})
    await held.control("pause")
    await stores.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
    assert await stores.subtasks.open_batches(5) == []
    [run] = await stores.controls.untold(now=NOON)
    assert run.to_tell is Tell.REOPEN, "that it begins again is told first"
    await stores.controls.told(run, FlowRunState(FLOW_RUN, "SCHEDULED", "", "", NOON), held=False, now=NOON)
    [run] = await stores.controls.untold(now=NOON)
    assert run.to_tell is Tell.PAUSE


async def test_a_wait_keeps_its_end_until_its_task_is_set_back(stores: Stores) -> None:
    held = await a_run(stores)

    async def begin(seconds: float | None, now: datetime) -> datetime | None:
        return await stores.tasks.begin_wait(held.run.id, held.token, "a", seconds, now=now)

    assert await begin(60, NOON) == NOON + MINUTE
    assert await begin(60, NOON + MINUTE) == NOON + MINUTE, "a second start gets the first one's end"
    await stores.run_leases.release(held.run.id, held.token, None, now=NOON)
    await held.prefect("FAILED", NOON + SECOND, RunStatus.FAILED)
    with pytest.raises(RunLeaseLostError):
        await begin(60, NOON)
    for how in ("retry", "reset"):
        await held.control("reopen", {"a": how})
        await stores.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
        [run] = await stores.controls.untold(now=NOON)
        state = FlowRunState(FLOW_RUN, "SCHEDULED", "", "", NOON + SECOND)
        await stores.controls.told(run, state, held=False, now=NOON)
        _, held.token = await stores.run_leases.hold(held.run.id, "worker", now=NOON)
        assert await begin(60, NOON + 5 * MINUTE) == NOON + 6 * MINUTE, how
        await stores.run_leases.release(held.run.id, held.token, None, now=NOON)
        await held.prefect("FAILED", NOON + 9 * SECOND, RunStatus.FAILED)


async def test_time_stands_still_for_waits_while_they_are_paused(stores: Stores) -> None:
    held = await a_run(stores, a_task("a"), a_task("b"), a_task("c"))
    waits = stores.waits

    async def begin(task: str, now: datetime) -> None:
        await stores.tasks.begin_wait(held.run.id, held.token, task, 60, now=now)

    async def ends() -> dict[str, tuple[float | None, bool]]:
        found = await waits.ends(held.run.id, ["a", "b", "c"])
        return {
            name: ((end.until - NOON).total_seconds() if end.until else None, end.held) for name, end in found.items()
        }

    await begin("a", NOON)
    await begin("b", NOON)
    await held.control("pause_task", "b", now=NOON + 10 * SECOND)
    await held.control("pause", now=NOON + 20 * SECOND)
    await begin("c", NOON + 30 * SECOND)
    assert await ends() == {"a": (60, True), "b": (60, True), "c": (90, True)}
    await held.control("resume", now=NOON + 100 * SECOND)
    assert await ends() == {"a": (140, False), "b": (60, True), "c": (160, False)}
    await held.control("resume_task", "b", now=NOON + 110 * SECOND)
    assert (await ends())["b"] == (160, False)


async def test_time_stands_still_for_subtasks_while_they_are_paused(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0, schedule_to_close=60)
    await lease(stores, "v", 1, NOON, task=held.key())
    await held.control("pause", now=NOON + 50 * SECOND)
    await held.put(1, schedule_to_close=60)  # put at NOON by our clock, and held since
    assert (await stores.deadlines.expire(now=NOON + 10 * MINUTE)).failed == 0
    await held.control("resume", now=NOON + 10 * MINUTE)
    assert (await stores.deadlines.expire(now=NOON + 10 * MINUTE + 10 * SECOND)).failed == 0
    assert (await stores.deadlines.expire(now=NOON + 10 * MINUTE + 11 * SECOND)).failed == 2
    assert (await stores.deadlines.expire(now=NOON + 11 * MINUTE)).failed == 0
    assert (await stores.deadlines.expire(now=NOON + 11 * MINUTE + SECOND)).failed == 2


async def test_the_next_try_of_a_paused_batch_is_not_too_late(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(0, size=1, schedule_to_close=60)
    [mine] = await lease(stores, "v", 1, NOON, task=held.key())
    await held.control("pause", now=NOON + 50 * SECOND)
    await report(stores, [ended(mine, Outcome.FAILED)], NOON + 50 * SECOND)
    await stores.queue.requeue(f"{held.run.id}/a/b0", try_=2, token=held.token, now=NOON + 5 * MINUTE)
    assert await held.statuses() == ["QUEUED"]


async def test_a_wait_that_is_reset_does_not_take_its_old_signal_again(stores: Stores) -> None:
    held = await a_run(stores)
    wanted = [SignalWait("a", "approved")]

    async def taken() -> list[str]:
        return [item.payload for item in await stores.signals.take(held.run.id, held.token, wanted, now=NOON)]

    await stores.signals.send(held.run.id, "approved", '"old"', by="ada", now=NOON)
    for _ in range(2):
        assert await taken() == ['"old"'], "a second start finds it again"
    await stores.run_leases.release(held.run.id, held.token, None, now=NOON)
    await held.prefect("COMPLETED", NOON + SECOND, RunStatus.COMPLETED)
    await held.control("reopen", {"a": "reset"})
    await stores.reopening.set_back(held.run.id, retry_steps, group_id, now=NOON)
    _, held.token = await stores.run_leases.hold(held.run.id, "worker", now=NOON)
    assert await taken() == []
    await stores.signals.send(held.run.id, "approved", '"new"', by="ada", now=NOON)
    for _ in range(2):
        assert await taken() == ['"new"']


async def test_a_run_that_misses_its_deadline_fails_and_calls_back_what_is_lent(stores: Stores) -> None:
    held = await a_run(stores, deadline=MINUTE)
    await held.put(0)
    [mine] = await lease(stores, "v", 1, NOON, task=held.key())
    await held.control("pause")
    assert await stores.controls.overdue(now=NOON + MINUTE) == []
    late = NOON + MINUTE + SECOND
    assert await stores.controls.overdue(now=late) == [held.run.id]
    for _ in range(2):
        await stores.controls.miss_deadline(held.run.id, now=late)
    run = await held.now()
    assert (run.status, run.ended_at) == (RunStatus.FAILED, late)
    assert "deadline, 2026-06-01T12:01:00" in (run.error or "")
    assert await report(stores, [returned(mine)], late) == [Verdict.STALE]
    assert await held.statuses() == ["CANCELLED", "CANCELLED"]
    assert set((await held.tasks()).values()) == {"SKIPPED"}
    assert await stores.run_leases.beat([(held.run.id, held.token)], now=late) == [None]
    [untold] = await stores.controls.untold(now=late)
    assert untold.to_tell is Tell.FAIL
    await held.control("reopen", {"a": "retry", "b": "retry"}, now=late)
    assert (await held.now()).deadline == late + MINUTE, "a new attempt has as long again"


async def test_a_cancelled_run_ends_once_it_has_cleaned_up(stores: Stores) -> None:
    held = await a_run(stores, a_task("a"), a_task("tidy"), clean_up="tidy")
    await held.put(0)
    await held.control("pause")
    await cancel(held)
    [orders] = await stores.run_leases.beat([(held.run.id, held.token)], now=NOON)
    assert orders is not None
    assert (orders.cancel, orders.stop("a"), orders.stop("tidy")) == (True, True, False)
    await held.put(1)
    await held.put(0, task="tidy", size=1)
    [batch] = await stores.subtasks.open_batches(5)
    assert batch.task_id == f"{held.run.id}/tidy", "a cancelled run lends its clean-up alone, paused or not"
    await held.prefect("CANCELLED", NOON + SECOND, RunStatus.CANCELLED)
    assert (await held.now()).status is not RunStatus.CANCELLED
    await held.change("tidy", TaskStatus.FAILED, error="however it ends")
    await held.prefect("CANCELLED", NOON + 2 * SECOND, RunStatus.CANCELLED)
    assert (await held.now()).status is RunStatus.CANCELLED
    assert await held.tasks() == {"a": "CANCELLED", "tidy": "FAILED"}


async def cancel(held: Held) -> None:
    async def both(tx: Transaction) -> None:
        await held.stores.runs.request_cancel(tx, held.run.id, by="ada", now=NOON)
        await held.stores.stopping.cancel(tx, held.run.id, now=NOON)

    await held.stores.ledger.write(both)


@pytest.mark.parametrize("state", [RunStatus.COMPLETED, RunStatus.FAILED])
async def test_a_run_whose_flow_ends_before_it_hears_of_the_cancellation_is_cancelled(
    stores: Stores, state: RunStatus
) -> None:
    held = await a_run(stores)
    await cancel(held)
    await held.prefect(state, NOON + SECOND, state)
    run = await held.now()
    assert (run.status, run.error, run.to_tell) == (RunStatus.CANCELLED, None, Tell.CANCEL)


@pytest.mark.parametrize("state", [RunStatus.COMPLETED, RunStatus.FAILED])
async def test_a_cancelled_run_whose_flow_ended_at_once_still_owes_its_clean_up(
    stores: Stores, state: RunStatus
) -> None:
    held = await a_run(stores, a_task("a"), a_task("tidy"), clean_up="tidy")
    await cancel(held)
    await held.prefect(state, NOON + SECOND, state)
    assert (await held.now()).status is RunStatus.SUBMITTED
    await stores.ledger.write(
        lambda tx: stores.controls.tell_again(tx, held.run.id, Tell.RESUME, clean_up=True, now=NOON)
    )
    await held.prefect("FAILED", NOON + 2 * SECOND, RunStatus.FAILED)
    assert (await held.now()).status is RunStatus.CANCELLED, "it cannot clean up, and is not begun for ever"


async def test_a_run_whose_tasks_have_all_ended_is_not_cancelled_any_more(stores: Stores) -> None:
    held = await a_run(stores, a_task("a"), a_task("b"), a_task("tidy"), clean_up="tidy")
    for task, status in (("a", TaskStatus.COMPLETED), ("b", TaskStatus.FAILED)):
        await stores.ledger.write(lambda tx: stores.controls.check_open(tx, held.run.id))
        await held.change(task, status, **({"result": "1"} if status is TaskStatus.COMPLETED else {"error": "no"}))
    with pytest.raises(RunEndedError):
        await stores.ledger.write(lambda tx: stores.controls.check_open(tx, held.run.id))


async def test_a_second_cancel_leaves_the_clean_up_out(stores: Stores) -> None:
    held = await a_run(stores, a_task("a"), a_task("tidy"), clean_up="tidy")
    await cancel(held)
    await held.put(0, task="tidy", size=1)
    await lease(stores, "v", 1, NOON, task=held.key("tidy"))
    await cancel(held)
    [orders] = await stores.run_leases.beat([(held.run.id, held.token)], now=NOON)
    assert orders is not None and orders.stop("tidy")
    assert await held.statuses("tidy") == [SubtaskStatus.CANCELLED]
    await held.prefect("CANCELLED", NOON + SECOND, RunStatus.CANCELLED)
    assert (await held.now()).status is RunStatus.CANCELLED


async def test_a_run_that_completes_skips_its_clean_up(stores: Stores) -> None:
    held = await a_run(stores, a_task("a"), a_task("tidy"), clean_up="tidy")
    await held.change("a", TaskStatus.COMPLETED, result="1")
    await held.prefect("COMPLETED", NOON + SECOND, RunStatus.COMPLETED)
    assert await held.tasks() == {"a": "COMPLETED", "tidy": "SKIPPED"}
