"""What attempts tell with their heartbeats, against a real MongoDB."""

from __future__ import annotations

import pytest
from njangi_agent.protocol import Held, Outcome

from storage.stores import Stores
from storage.subtasks.models import Leased, Subtask
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE, TASK, TOKEN, ended, lease, queue, report, returned

BATCH = f"{TASK.task_id}/b0"
HASH = "0" * 64


async def tell(stores: Stores, item: Leased, **told: object) -> set[str]:
    held = Held(item.subtask_id, item.token, **told)  # type: ignore[arg-type]
    return await stores.subtasks.extend(item.volunteer_id, [held], until=NOON + MINUTE)


async def only(stores: Stores) -> Subtask:
    [subtask] = await stores.results.page(TASK.task_id, after=-1, limit=10)
    return subtask


@pytest.mark.parametrize("how", ["its agent vanished", "handed back", "it failed"])
async def test_the_next_attempt_gets_what_the_last_one_told(stores: Stores, how: str) -> None:
    await queue(stores, 1, NOON)
    [first] = await lease(stores, "a", 1, NOON)
    assert (first.details, first.details_blob) == (None, None)
    await tell(stores, first, details='{"done":1}')
    await tell(stores, first, details='{"done":2}', progress=0.5)
    assert (await only(stores)).progress == 0.5
    if how == "its agent vanished":
        await stores.subtasks.expire(now=NOON + 2 * MINUTE)
    elif how == "handed back":
        await report(stores, [ended(first, Outcome.HANDED_BACK)], NOON)
    else:
        await report(stores, [ended(first, Outcome.FAILED)], NOON)
        await stores.queue.requeue(BATCH, try_=2, token=TOKEN, now=NOON)
    [second] = await lease(stores, "b", 1, NOON + 2 * MINUTE)
    assert (second.details, second.details_blob) == ('{"done":2}', None)
    await tell(stores, second, details_blob=HASH)
    await report(stores, [ended(second, Outcome.HANDED_BACK)], NOON + 2 * MINUTE)
    [third] = await lease(stores, "c", 1, NOON + 2 * MINUTE)
    assert (third.details, third.details_blob) == (None, HASH)


async def test_progress_alone_leaves_the_details_as_they_are(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [first] = await lease(stores, "a", 1, NOON)
    await tell(stores, first, details="1")
    await tell(stores, first, progress=0.25)
    assert (await only(stores)).progress == 0.25
    await report(stores, [ended(first, Outcome.HANDED_BACK)], NOON)
    [second] = await lease(stores, "b", 1, NOON)
    assert second.details == "1"


async def test_an_attempt_that_lost_its_lease_cannot_overwrite_what_the_next_one_tells(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [slow] = await lease(stores, "slow", 1, NOON)
    await stores.subtasks.expire(now=NOON + 2 * MINUTE)
    [quick] = await lease(stores, "quick", 1, NOON + 2 * MINUTE)
    await tell(stores, quick, details='"right"')
    assert await tell(stores, slow, details='"wrong"') == {slow.subtask_id}
    await report(stores, [ended(quick, Outcome.HANDED_BACK)], NOON + 2 * MINUTE)
    [again] = await lease(stores, "third", 1, NOON + 2 * MINUTE)
    assert again.details == '"right"'


async def test_only_those_who_tell_something_are_updated_one_by_one(stores: Stores) -> None:
    await queue(stores, 3, NOON)
    items = await lease(stores, "a", 3, NOON)
    held = [Held(item.subtask_id, item.token) for item in items[:2]]
    held.append(Held(items[2].subtask_id, items[2].token, 0.5, "$lease"))
    assert await stores.subtasks.extend("a", held, until=NOON + 5 * MINUTE) == set()
    assert await stores.subtasks.expire(now=NOON + 4 * MINUTE) == 0, "all three were extended"
    progress = {item.id: item.progress for item in await stores.results.page(TASK.task_id, after=-1, limit=10)}
    assert sorted(progress.values()) == [0.0, 0.0, 0.5]


async def test_details_are_gone_when_the_subtask_is_completed(stores: Stores) -> None:
    await queue(stores, 1, NOON)
    [mine] = await lease(stores, "a", 1, NOON)
    await tell(stores, mine, details='{"done":1}', progress=0.1)
    await report(stores, [returned(mine)], NOON)
    stored = await stores.database["tasks"].find_one({"_id": mine.subtask_id})
    assert stored is not None and not {"details", "details_blob"} & stored.keys()
    assert stored["progress"] == 1.0
