"""Limits on waiting, on single attempts and on the whole, against a real MongoDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from njangi_agent.protocol import Held, Outcome, Verdict

from storage.stores import Stores
from storage.subtasks.deadlines import Overdue
from storage.subtasks.models import Subtask, SubtaskStatus
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE, TASK, TOKEN, counts_of, ended, lease, queue, report, returned

BATCH = f"{TASK.task_id}/b0"
IMPATIENT = replace(TASK, schedule_to_start=300.0)
URGENT = replace(TASK, schedule_to_close=600.0)
SECOND = timedelta(seconds=1)


async def subtasks(stores: Stores) -> list[Subtask]:
    return await stores.results.page(TASK.task_id, after=-1, limit=100)


async def counts(stores: Stores) -> dict[str, int]:
    return {name: count for name, count in (await counts_of(stores, "r1"))["factor"].items() if count}


async def test_what_no_attempt_began_in_time_fails_and_says_which_limit_it_was(stores: Stores) -> None:
    await queue(stores, 3, NOON, task=replace(IMPATIENT, memory=2**40))
    assert await stores.deadlines.expire(now=NOON + 5 * MINUTE) == Overdue()
    assert await stores.deadlines.expire(now=NOON + 5 * MINUTE + SECOND) == Overdue(failed=3)
    [batch] = await stores.results.settled([BATCH])
    assert (batch.failed, batch.queued) == (3, 0)
    error = (await stores.results.failures(BATCH))[0].error
    assert error is not None and error["type"] == "ScheduleToStartTimedOut"
    assert "300 seconds" in error["message"] and "1 TiB of memory" in error["message"]
    assert await lease(stores, "a", 5, NOON + 6 * MINUTE) == []
    event = (await stores.ledger.events(run_id="r1"))[-1]
    assert (event.type, event.data["error"]) == ("subtasks.overdue", "ScheduleToStartTimedOut")
    assert event.data["ranges"] == [[0, 2]]
    assert await stores.deadlines.expire(now=NOON + 60 * MINUTE) == Overdue()


async def test_an_attempt_that_began_in_time_is_not_touched_by_the_limit_on_waiting(stores: Stores) -> None:
    await queue(stores, 2, NOON, task=IMPATIENT)
    [mine] = await lease(stores, "a", 1, NOON + 4 * MINUTE)
    assert await stores.deadlines.expire(now=NOON + 6 * MINUTE) == Overdue(failed=1)
    assert await report(stores, [returned(mine)], NOON + 6 * MINUTE) == [Verdict.ACCEPTED]
    assert await counts(stores) == {"total": 2, "completed": 1, "failed": 1}


@pytest.mark.parametrize("how", ["its lease ran out", "handed back", "next try"])
async def test_a_subtask_that_is_queued_again_may_wait_as_long_again(stores: Stores, how: str) -> None:
    await queue(stores, 1, NOON, task=IMPATIENT)
    [mine] = await lease(stores, "a", 1, NOON + 4 * MINUTE)
    if how == "its lease ran out":
        assert await stores.subtasks.expire(now=NOON + 6 * MINUTE) == 1
    elif how == "handed back":
        await report(stores, [ended(mine, Outcome.HANDED_BACK)], NOON + 6 * MINUTE)
    else:
        await report(stores, [ended(mine, Outcome.FAILED)], NOON + 6 * MINUTE)
        await stores.queue.requeue(BATCH, try_=2, token=TOKEN, now=NOON + 6 * MINUTE)
    assert await stores.deadlines.expire(now=NOON + 11 * MINUTE) == Overdue()
    assert await stores.deadlines.expire(now=NOON + 11 * MINUTE + SECOND) == Overdue(failed=1)


async def test_one_that_is_queued_again_does_not_let_the_others_of_its_batch_wait_longer(stores: Stores) -> None:
    await queue(stores, 3, NOON, task=IMPATIENT)
    [mine] = await lease(stores, "a", 1, NOON + MINUTE)
    await report(stores, [ended(mine, Outcome.HANDED_BACK)], NOON + 4 * MINUTE)
    over = NOON + 5 * MINUTE + SECOND
    assert await stores.deadlines.expire(now=over) == Overdue(failed=2, postponed=1)
    waiting = [item.id for item in await subtasks(stores) if item.status is SubtaskStatus.QUEUED]
    assert waiting == [mine.subtask_id]
    assert await stores.deadlines.expire(now=NOON + 9 * MINUTE) == Overdue()
    assert await stores.deadlines.expire(now=NOON + 9 * MINUTE + SECOND) == Overdue(failed=1)


async def test_the_limit_on_waiting_is_looked_at_again_only_when_the_next_may_be_overdue(stores: Stores) -> None:
    await queue(stores, 2, NOON, task=IMPATIENT)
    both = await lease(stores, "a", 2, NOON + MINUTE)
    await report(stores, [ended(both[0], Outcome.HANDED_BACK)], NOON + 2 * MINUTE)
    await report(stores, [ended(both[1], Outcome.HANDED_BACK)], NOON + 3 * MINUTE)
    assert await stores.deadlines.expire(now=NOON + 7 * MINUTE + SECOND) == Overdue(failed=1, postponed=1)
    assert await stores.deadlines.expire(now=NOON + 8 * MINUTE) == Overdue()
    assert await stores.deadlines.expire(now=NOON + 8 * MINUTE + SECOND) == Overdue(failed=1)


async def test_the_limit_on_the_whole_counts_from_first_queueing_and_calls_attempts_back(stores: Stores) -> None:
    await queue(stores, 3, NOON, task=URGENT)
    [mine, other] = await lease(stores, "a", 2, NOON + MINUTE)
    await report(stores, [returned(other)], NOON + MINUTE)
    await stores.subtasks.extend("a", [Held(mine.subtask_id, mine.token)], until=NOON + 20 * MINUTE)
    assert await stores.deadlines.expire(now=NOON + 10 * MINUTE) == Overdue()
    over = NOON + 10 * MINUTE + SECOND
    assert await stores.deadlines.expire(now=over) == Overdue(2, called_back={"r1"})
    assert await counts(stores) == {"total": 3, "completed": 1, "failed": 2}
    held = [Held(mine.subtask_id, mine.token)]
    assert await stores.subtasks.extend("a", held, until=over + MINUTE) == {mine.subtask_id}
    assert await report(stores, [returned(mine)], over) == [Verdict.STALE]
    [late] = [item for item in await subtasks(stores) if item.id == mine.subtask_id]
    assert late.status is SubtaskStatus.FAILED and late.error is not None
    assert late.error["type"] == "ScheduleToCloseTimedOut" and "600 seconds" in late.error["message"]
    assert [(item.volunteer_id, item.outcome) for item in late.attempts] == [("a", "TIMED_OUT")]


async def test_another_try_does_not_move_the_limit_on_the_whole(stores: Stores) -> None:
    await queue(stores, 1, NOON, task=URGENT)
    [mine] = await lease(stores, "a", 1, NOON)
    await report(stores, [ended(mine, Outcome.FAILED)], NOON)
    await stores.queue.requeue(BATCH, try_=2, token=TOKEN, now=NOON + 9 * MINUTE)
    assert await stores.deadlines.expire(now=NOON + 11 * MINUTE) == Overdue(failed=1)
    [failure] = await stores.results.failures(BATCH)
    assert failure.error is not None and failure.error["type"] == "ScheduleToCloseTimedOut"


async def test_after_the_limit_on_the_whole_there_is_no_other_try(stores: Stores) -> None:
    await queue(stores, 2, NOON, task=URGENT)
    good, bad = await lease(stores, "a", 2, NOON)
    await report(stores, [returned(good), ended(bad, Outcome.FAILED)], NOON)
    late = NOON + 11 * MINUTE
    assert await stores.deadlines.expire(now=late) == Overdue(), "all have ended; nothing waits"
    for _ in range(2):
        await stores.queue.requeue(BATCH, try_=2, token=TOKEN, now=late)
    assert await lease(stores, "b", 2, late) == []
    [batch] = await stores.results.settled([BATCH])
    assert (batch.tries, batch.completed, batch.failed) == (2, 1, 1)
    [failure] = await stores.results.failures(BATCH)
    assert failure.error is not None and failure.error["type"] == "ScheduleToCloseTimedOut"


async def test_many_overdue_batches_fail_in_turns_of_a_bounded_size(stores: Stores) -> None:
    await queue(stores, 5_000, NOON, batch_size=1_000, task=IMPATIENT)
    late = NOON + 6 * MINUTE
    turns = [(await stores.deadlines.expire(now=late)).failed for _ in range(4)]
    assert turns == [2_000, 2_000, 1_000, 0]
    assert await counts(stores) == {"total": 5_000, "failed": 5_000}


async def test_failures_for_want_of_time_are_named_first(stores: Stores) -> None:
    await queue(stores, 5, NOON, task=IMPATIENT)
    items = await lease(stores, "a", 4, NOON)
    await report(stores, [ended(item, Outcome.FAILED) for item in items], NOON)
    await stores.deadlines.expire(now=NOON + 6 * MINUTE)
    types = [item.error["type"] for item in await stores.results.failures(BATCH) if item.error]
    assert types == ["ScheduleToStartTimedOut", "NonZeroExit", "NonZeroExit"]


async def test_batches_without_a_limit_are_in_no_index_that_is_looked_at(stores: Stores) -> None:
    await queue(stores, 100, NOON, batch_size=1)
    await queue(stores, 1, NOON, task=replace(IMPATIENT, name="late", schedule_to_close=300.0))
    batches = stores.database["batches"]
    for query in ({"queued": {"$gt": 0}, "start_by": {"$lt": NOON}}, {"settled": False, "close_by": {"$lt": NOON}}):
        plan: Any = await stores.database.mongo.command(
            "explain", {"find": batches.name, "filter": query, "limit": 1}, verbosity="executionStats"
        )
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), plan
        assert plan["executionStats"]["totalKeysExamined"] <= 1
        assert plan["executionStats"]["totalDocsExamined"] == 0


async def test_heartbeats_do_not_carry_a_lease_past_its_latest_end(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [mine] = await lease(stores, "hangs", 1, NOON, longest=3 * MINUTE)
    for minute in (1, 2):
        until = NOON + (minute + 2) * MINUTE
        assert await stores.subtasks.extend("hangs", [Held(mine.subtask_id, mine.token)], until=until) == set()
    assert await stores.subtasks.expire(now=NOON + 3 * MINUTE) == 0
    assert await stores.subtasks.expire(now=NOON + 3 * MINUTE + SECOND) == 1
    [again] = await lease(stores, "works", 1, NOON + 4 * MINUTE)
    assert await report(stores, [returned(mine)], NOON + 4 * MINUTE) == [Verdict.STALE]
    assert await report(stores, [returned(again)], NOON + 4 * MINUTE) == [Verdict.ACCEPTED]
    [subtask] = await subtasks(stores)
    assert [item.outcome for item in subtask.attempts] == ["TIMED_OUT", "RETURNED"]
