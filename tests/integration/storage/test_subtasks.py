"""The lease cycle against a real MongoDB."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from njangi_agent.protocol import Held, Outcome, Verdict

from storage.ledger import Transaction
from storage.stores import Stores
from storage.subtasks.models import MAX_LOSSES, SubtaskStatus
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE, TASK, TOKEN, counts_of, ended, lease, queue, report, returned

BATCH = f"{TASK.task_id}/b0"


async def test_an_agent_that_overslept_cannot_overwrite_the_answer(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [slow] = await lease(stores, "slow", 1, NOON)
    assert await stores.subtasks.expire(now=NOON + 2 * MINUTE) == 1
    [quick] = await lease(stores, "quick", 1, NOON + 2 * MINUTE)
    assert await report(stores, [returned(quick, '"right"')], NOON + 3 * MINUTE) == [Verdict.ACCEPTED]
    assert await report(stores, [returned(slow, '"wrong"')], NOON + 3 * MINUTE) == [Verdict.STALE]
    [subtask] = await stores.results.page(TASK.task_id, after=-1, limit=10)
    assert subtask.result == '"right"'
    assert [(item.volunteer_id, item.outcome) for item in subtask.attempts] == [
        ("slow", "EXPIRED"),
        ("quick", "RETURNED"),
    ]


async def test_a_report_repeated_after_a_lost_reply_is_accepted_and_counted_once(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [mine] = await lease(stores, "a", 1, NOON)
    for _ in range(2):
        assert await report(stores, [returned(mine)], NOON) == [Verdict.ACCEPTED]
    [batch] = await stores.results.settled([BATCH])
    assert (batch.completed, batch.total, batch.leased) == (1, 1, 0)


async def test_one_sync_may_name_the_same_subtask_twice(stores: Stores) -> None:
    await queue(stores, 2, NOON)
    [mine] = await lease(stores, "a", 1, NOON)
    assert await report(stores, [returned(mine), returned(mine)], NOON) == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert (await counts_of(stores, "r1"))["factor"]["completed"] == 1


async def test_somebody_elses_lease_cannot_be_reported(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [mine] = await lease(stores, "a", 1, NOON)
    theirs = returned(mine)
    stolen = type(theirs)("thief", theirs.report)
    assert await report(stores, [stolen], NOON) == [Verdict.STALE]
    assert await report(stores, [returned(mine)], NOON) == [Verdict.ACCEPTED]


async def test_a_heartbeat_extends_the_lease_and_tells_what_is_no_longer_held(stores: Stores) -> None:
    await queue(stores, 2, NOON)
    first, second = await lease(stores, "a", 2, NOON)
    await stores.subtasks.extend("a", [Held(first.subtask_id, first.token)], until=NOON + 5 * MINUTE)
    assert await stores.subtasks.expire(now=NOON + 2 * MINUTE) == 1
    both = [Held(first.subtask_id, first.token), Held(second.subtask_id, second.token)]
    assert await stores.subtasks.extend("a", both, until=NOON + 6 * MINUTE) == {second.subtask_id}


async def test_putting_the_same_batches_again_changes_nothing(stores: Stores) -> None:
    await queue(stores, 250, NOON)
    await lease(stores, "a", 10, NOON)
    await asyncio.gather(*(queue(stores, 250, NOON) for _ in range(4)))
    counts = (await counts_of(stores, "r1"))["factor"]
    assert (counts["total"], counts["queued"], counts["leased"]) == (250, 240, 10)


async def test_a_put_cut_off_before_its_batch_was_published_is_completed_by_repeating(stores: Stores) -> None:
    await queue(stores, 10, NOON)
    await stores.database["batches"].delete_many({})
    assert await stores.subtasks.open_batches(10) == []
    await queue(stores, 10, NOON)
    assert len(await lease(stores, "a", 20, NOON)) == 10


async def test_many_writers_never_lease_a_subtask_twice(stores: Stores, mongodb_uri: str) -> None:
    await queue(stores, 400, NOON, batch_size=400)

    async def take(name: str) -> list[str]:
        own = Stores(stores.database)  # a ledger of its own: like another replica
        taken: list[str] = []
        while got := await lease(own, name, 16, NOON):
            taken += [item.subtask_id for item in got]
        return taken

    taken = [id_ for ids in await asyncio.gather(*(take(f"v{i}") for i in range(8))) for id_ in ids]
    assert len(taken) == len(set(taken)) == 400


async def test_failed_subtasks_wait_for_the_next_try_of_their_batch(stores: Stores) -> None:
    await queue(stores, 2, NOON)
    bad, good = await lease(stores, "a", 2, NOON)
    await report(stores, [ended(bad, Outcome.FAILED), returned(good)], NOON)
    [batch] = await stores.results.settled([BATCH])
    assert (batch.failed, batch.completed) == (1, 1)
    [failure] = await stores.results.failures(BATCH)
    assert failure.error == {"type": "NonZeroExit", "message": "boom", "stderr": "stderr"}
    for _ in range(2):
        await stores.queue.requeue(BATCH, try_=2, token=TOKEN, now=NOON)
    [again] = await lease(stores, "b", 5, NOON)
    assert again.subtask_id == bad.subtask_id and again.attempt == 2


async def test_a_machine_that_refused_is_not_asked_again(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [mine] = await lease(stores, "a", 1, NOON)
    await report(stores, [ended(mine, Outcome.REFUSED)], NOON)
    assert await lease(stores, "a", 1, NOON) == []
    assert len(await lease(stores, "b", 1, NOON)) == 1


async def test_a_subtask_that_every_volunteer_loses_is_dead_and_says_so(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    for round_ in range(MAX_LOSSES):
        [_] = await lease(stores, f"v{round_}", 1, NOON + round_ * 2 * MINUTE)
        await stores.subtasks.expire(now=NOON + (round_ * 2 + 2) * MINUTE - timedelta(seconds=1))
    [batch] = await stores.results.settled([BATCH])
    assert batch.dead == 1
    [dead] = await stores.results.failures(BATCH)
    assert dead.status is SubtaskStatus.DEAD and dead.error is not None and "10 volunteers" in dead.error["message"]


async def test_handing_back_is_nobodys_failure(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    for _ in range(MAX_LOSSES + 2):
        [mine] = await lease(stores, "a", 1, NOON)
        await report(stores, [ended(mine, Outcome.HANDED_BACK)], NOON)
    assert len(await lease(stores, "a", 1, NOON)) == 1


async def test_cancelling_makes_attempts_under_way_stale(stores: Stores) -> None:
    await queue(stores, 3, NOON)
    [mine, _] = await lease(stores, "a", 2, NOON)
    assert not await stores.ledger.write(lambda tx: stores.stopping.cancel(tx, "r1", now=NOON)), "nothing is left"
    assert (await counts_of(stores, "r1"))["factor"]["cancelled"] == 3
    assert await report(stores, [returned(mine)], NOON) == [Verdict.STALE]
    assert await lease(stores, "a", 2, NOON) == []


async def test_every_change_of_a_subtask_is_in_the_log(stores: Stores) -> None:
    await queue(stores, 2, NOON)
    items = await lease(stores, "a", 2, NOON)
    await report(stores, [returned(item) for item in items], NOON)
    events = await stores.ledger.events(run_id="r1")
    assert [event.type for event in events] == ["subtasks.queued", "subtasks.leased", "subtasks.completed"]
    assert sorted(events[-1].data["indexes"]) == [0, 1]


async def test_readers_of_the_log_miss_nothing_while_many_write(stores: Stores) -> None:
    seen: list[int] = []

    async def write(count: int) -> None:
        own = Stores(stores.database)
        for _ in range(count):

            async def tell(tx: Transaction) -> None:
                tx.emit("test", NOON)

            await own.ledger.write(tell)

    async def read() -> None:
        while len(seen) < 100:
            seen.extend(event.seq for event in await stores.ledger.events(after=seen[-1] if seen else 0))

    await asyncio.gather(read(), *(write(20) for _ in range(5)))
    assert seen == list(range(1, 101))
