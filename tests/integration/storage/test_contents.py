"""What is stored under an id stays what it is: other contents under it are an error, and nobody is lent them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from storage.errors import OtherContentsError
from storage.runs.models import NewRun
from storage.runs.tasks import TaskStatus, TaskUpdate
from storage.stores import Stores
from storage.subtasks.models import NewBatch, NewSubtask, StoredCall
from storage.subtasks.queue import AT_ONCE
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE, lease, report, returned
from tests.integration.storage.test_controls import Held, a_run

DEFINITION = {"name": "f", "source": "def f(n): return n", "function": "f", "memory": 1}


def batch(index: int, *parameters: str, blob: str | None = None) -> NewBatch:
    first = index * len(parameters)
    return NewBatch(index, [NewSubtask(first + at, text, blob) for at, text in enumerate(parameters)])


async def put(held: Held, *batches: NewBatch, definition: dict[str, object] | None = None) -> None:
    begin = TaskUpdate(TaskStatus.SPLITTING, definition) if definition is not None else None
    await held.stores.splitting.put(held.key(), batches, token=held.token, now=NOON, begin=begin)


async def held_again(held: Held, now: datetime = NOON) -> None:
    """Let another start of the flow hold the run, as one of an engineer's own."""
    _, held.token = await held.stores.run_leases.hold(held.run.id, "worker", now=now)
    await held.stores.lending.hold_back(held.run.id)


@pytest.mark.parametrize("size", [1, 2, AT_ONCE + 1])
async def test_a_batch_that_is_there_is_not_taken_for_one_with_other_parameters(stores: Stores, size: int) -> None:
    held = await a_run(stores)
    texts = [f'{{"n":{n}}}' for n in range(size)]
    await put(held, batch(0, *texts))
    await put(held, batch(0, *texts))
    with pytest.raises(OtherContentsError, match=r"already stored under '.*a/b0'"):
        await put(held, batch(0, *texts[:-1], '{"n":"other"}'))
    with pytest.raises(OtherContentsError):
        await put(held, NewBatch(0, [NewSubtask(n, "{}") for n in range(size + 1)]))
    leased = await lease(stores, "v", size, NOON, task=held.key())
    assert sorted(str(item.parameters) for item in leased) == sorted(texts)


async def test_a_refused_batch_keeps_those_beside_it_from_being_queued(stores: Stores) -> None:
    held = await a_run(stores)
    await put(held, batch(0, "1"))
    with pytest.raises(OtherContentsError):
        await put(held, batch(1, "2"), batch(0, "3"))
    assert len(await held.statuses()) == 1


async def test_a_batch_of_before_contents_were_kept_is_taken_as_it_was(stores: Stores) -> None:
    held = await a_run(stores)
    await put(held, batch(0, "1"))
    await stores.database["batches"].update_one({}, {"$unset": {"contents": ""}})
    await put(held, batch(0, "1"))
    assert await stores.results.calls(held.run.id, "a", after=-1, limit=5) == [StoredCall(0, None, 0)]


async def test_a_definition_stays_until_its_task_is_reset(stores: Stores) -> None:
    held = await a_run(stores)
    await put(held, batch(0, "1"), definition=DEFINITION)
    await put(held, batch(1, "2"), definition={**DEFINITION, "cpu": 1.0, "files": []})  # says what the first one means
    for other in ({**DEFINITION, "source": "def f(n): return -n"}, {**DEFINITION, "memory": 2}):
        with pytest.raises(OtherContentsError, match=r"already stored under '.*a'"):
            await put(held, batch(2, "3"), definition=other)
        with pytest.raises(OtherContentsError):
            await held.change("a", TaskStatus.RUNNING, definition=other)
    assert (await stores.tasks.get(f"{held.run.id}/a")).definition == {**DEFINITION, "cpu": 1.0, "files": []}
    assert len(await held.statuses()) == 2


@pytest.mark.parametrize("size", [1, AT_ONCE + 1])
async def test_what_a_lost_flow_wrote_and_never_published_is_not_lent_for_what_follows(
    stores: Stores, size: int
) -> None:
    held = await a_run(stores)
    stale = [f'{{"n":{n}}}' for n in range(size)]
    await put(held, batch(0, *stale))
    await stores.database["batches"].delete_many({})  # as if the flow had been killed before its last write
    _, held.token = await stores.run_leases.hold(held.run.id, "worker", now=NOON)
    await put(held, batch(0, *(["{}"] * size)))
    leased = await lease(stores, "v", size, NOON, task=held.key())
    assert [item.parameters for item in leased] == ["{}"] * size


async def test_what_a_lost_flow_writes_while_its_successor_publishes_is_not_lent_either(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await a_run(stores)
    _, held.token = await stores.run_leases.hold(held.run.id, "worker", now=NOON)
    size, late = AT_ONCE + 1, [{"$set": {"parameters": "stale", "hold": 1}}]
    write = stores.queue._write

    async def overtaken(*given: Any) -> Any:
        seen = await write(*given)
        await stores.database["tasks"].update_many({"is_subtask": True}, late.pop() if late else {"$set": {}})
        return seen

    monkeypatch.setattr(stores.queue, "_write", overtaken)
    await put(held, batch(0, *(["{}"] * size)))
    leased = await lease(stores, "v", size, NOON, task=held.key())
    assert [item.parameters for item in leased] == ["{}"] * size


async def test_a_flow_that_began_anew_is_lent_what_it_asks_for_again_and_nothing_else(stores: Stores) -> None:
    held = await a_run(stores)
    await put(held, *(batch(n, str(n)) for n in range(4)))
    [done] = await lease(stores, "v", 1, NOON, batch=0, task=held.key())
    [under_way] = await lease(stores, "v", 1, NOON, batch=3, task=held.key())
    await report(stores, [returned(done)], NOON)
    await held_again(held)
    assert await stores.subtasks.open_batches(5) == []
    assert await lease(stores, "v", 1, NOON, batch=1, task=held.key()) == []
    await report(stores, [returned(under_way)], NOON)
    await put(held, batch(0, "0"), batch(2, "2"))
    assert [item.id for item in await stores.subtasks.open_batches(5)] == [f"{held.run.id}/a/b2"]
    assert await held.statuses() == ["COMPLETED", "QUEUED", "QUEUED", "COMPLETED"]


async def test_a_pause_and_its_end_do_not_lend_what_no_flow_asks_for(stores: Stores) -> None:
    held = await a_run(stores)
    await put(held, batch(0, "0"), batch(1, "1"))
    await held_again(held)
    await held.control("pause")
    await put(held, batch(0, "0"))
    assert await stores.subtasks.open_batches(5) == []
    await held.control("resume")
    assert [item.id for item in await stores.subtasks.open_batches(5)] == [f"{held.run.id}/a/b0"]


async def test_calls_tell_their_contents_and_how_often_they_have_failed(stores: Stores) -> None:
    held = await a_run(stores)
    blob = "ab" * 32
    await put(held, batch(0, "{}"), NewBatch(1, [NewSubtask(1, None, blob)]))
    first, second = await stores.results.calls(held.run.id, "a", after=-1, limit=5)
    assert first.contents is not None and first.contents.hex().startswith("44136fa355b3678a")
    assert second == StoredCall(1, bytes.fromhex(blob), 0)
    assert await stores.results.calls(held.run.id, "a", after=0, limit=5) == [second]
    await stores.database["batches"].update_one({"index": 0}, {"$set": {"settled": True, "failed": 1, "tries": 3}})
    assert (await stores.results.calls(held.run.id, "a", after=-1, limit=1))[0].tries == 3


async def test_what_failed_of_an_engineers_run_waits_until_the_flow_asks_for_it(stores: Stores) -> None:
    new = NewRun("flow:f", "f", 1, "ada", 50, {}, {}, {}, prefect_flow_run_id="fr-own")
    run = await stores.runs.adopt(new, now=NOON)
    _, token = await stores.run_leases.hold(run.id, "worker", now=NOON)
    held = Held(stores, run, token)
    await put(held, batch(0, "0"), definition=DEFINITION)
    await stores.database["batches"].update_one({}, {"$set": {"queued": 0, "failed": 1, "settled": True}})
    await stores.database["tasks"].update_one({"is_subtask": True}, {"$set": {"status": "FAILED"}})
    await stores.database["runs"].update_one({"_id": run.id}, {"$set": {"status": "FAILED", "hold": None}})
    await held.control("reopen", {"a": "retry"})
    await stores.reopening.set_back(run.id, lambda statuses: {}, lambda type_, message: "", now=NOON + MINUTE)
    assert await held.statuses() == ["QUEUED"]
    assert await stores.subtasks.open_batches(5) == [], "its code may have been mended meanwhile"
    await held.control("pause")
    await held.control("resume")
    assert await stores.subtasks.open_batches(5) == [], "nor does the end of a pause lend it"
    await held_again(held, NOON + MINUTE)
    await put(held, batch(0, "0"))
    assert len(await stores.subtasks.open_batches(5)) == 1
