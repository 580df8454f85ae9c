"""Writers of one process share transactions; each is written once, or ends for itself alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
from pymongo.errors import DuplicateKeyError

from storage.database import Database
from storage.errors import NotFoundError, StorageUnavailableError
from storage.ledger import MOST, Transaction
from storage.stores import Stores, open_stores

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
Work = Callable[[Transaction], Awaitable[str]]


class Notes:
    """Works that each keep a note and tell of it."""

    def __init__(self, database: Database) -> None:
        self._notes = database["notes"]

    def note(self, name: str, *, refused: Exception | None = None) -> Work:
        async def write(tx: Transaction) -> str:
            await self._notes.insert_one({"_id": name}, session=tx.session)
            tx.emit("noted", NOON, note=name)
            if refused is not None:
                raise refused
            return name

        return write

    async def kept(self) -> set[str]:
        return {item["_id"] async for item in self._notes.find()}


@pytest.fixture
async def notes(stores: Stores) -> AsyncIterator[Notes]:
    if "notes" not in await stores.database.mongo.list_collection_names():
        await stores.database.mongo.create_collection("notes")
    yield Notes(stores.database)


async def commits(stores: Stores) -> int:
    status = await stores.database.mongo.client.admin.command("serverStatus")
    return int(status["transactions"]["totalCommitted"])


async def told(stores: Stores) -> list[str]:
    return [event.data["note"] for event in await stores.ledger.events() if event.type == "noted"]


async def test_what_comes_while_a_transaction_is_under_way_shares_the_next_ones(stores: Stores, notes: Notes) -> None:
    names = [f"n{number:02}" for number in range(2 * MOST)]
    before = await commits(stores)
    assert await asyncio.gather(*(stores.ledger.write(notes.note(name)) for name in names)) == names
    assert await commits(stores) - before < MOST, "one for each work would be more than that"
    assert await notes.kept() == set(names)
    assert await told(stores) == names, "in the order in which they came"
    seqs = [event.seq for event in await stores.ledger.events()]
    assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.parametrize("refused", [NotFoundError("run", "r1"), ValueError("no")])
async def test_one_that_is_refused_leaves_the_others_written(stores: Stores, notes: Notes, refused: Exception) -> None:
    names = [f"n{number}" for number in range(10)]
    works = [notes.note(name, refused=refused if name == "n4" else None) for name in names]
    results = await asyncio.gather(*map(stores.ledger.write, works), return_exceptions=True)
    assert results == [refused if name == "n4" else name for name in names]
    assert await notes.kept() == {*names} - {"n4"}
    assert sorted(await told(stores)) == sorted({*names} - {"n4"})


async def test_those_that_mongodb_refuses_leave_the_others_written(stores: Stores, notes: Notes) -> None:
    names = ["a", "b", "a", "c", "b", "d"]
    results = await asyncio.gather(*(stores.ledger.write(notes.note(n)) for n in names), return_exceptions=True)
    assert [isinstance(result, DuplicateKeyError) for result in results] == [False, False, True, False, True, False]
    assert await notes.kept() == {*names}


async def test_a_work_sees_what_another_wrote_before_it_in_the_same_transaction(stores: Stores) -> None:
    counters = stores.database["counters"]

    async def count(tx: Transaction) -> int:
        changed = await counters.find_one_and_update(
            {"_id": "visits"}, {"$inc": {"n": 1}}, upsert=True, return_document=True, session=tx.session
        )
        return int(changed["n"])

    assert await asyncio.gather(*(stores.ledger.write(count) for _ in range(10))) == list(range(1, 11))


async def test_who_is_cancelled_neither_holds_up_nor_repeats_the_works_of_others(stores: Stores, notes: Notes) -> None:
    under_way, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx: Transaction) -> str:
        under_way.set()
        await go_on.wait()
        return await notes.note("slow")(tx)

    first = asyncio.create_task(stores.ledger.write(slow))
    await under_way.wait()
    waiting = {name: asyncio.create_task(stores.ledger.write(notes.note(name))) for name in "abc"}
    first.cancel()
    waiting["b"].cancel()
    await asyncio.wait([first, waiting["b"]])
    go_on.set()
    assert [await waiting[name] for name in "ac"] == ["a", "c"]
    assert await notes.kept() == {"slow", "a", "c"}, "the first was under way already; b had not begun"
    assert await told(stores) == ["slow", "a", "c"]


async def test_whoever_leads_may_be_cancelled_at_any_moment_and_the_others_are_written_once(
    stores: Stores, notes: Notes
) -> None:
    names = [f"n{number}" for number in range(40)]
    tasks = [asyncio.create_task(stores.ledger.write(notes.note(name))) for name in names]
    for task in tasks[::3]:
        await asyncio.wait([task, asyncio.ensure_future(stores.database.ping())], return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
    await asyncio.wait(tasks)
    kept = await notes.kept()
    assert {name for name, task in zip(names, tasks, strict=True) if not task.cancelled()} <= kept
    assert sorted(await told(stores)) == sorted(kept), "a note that was written twice would be refused, or told twice"


async def test_without_a_primary_all_are_told_so(stores: Stores, notes: Notes) -> None:
    async def away(tx: Transaction) -> str:
        raise StorageUnavailableError("no primary")

    works = [notes.note("a"), away, notes.note("b")]
    results = await asyncio.gather(*map(stores.ledger.write, works), return_exceptions=True)
    assert all(isinstance(result, StorageUnavailableError) for result in results)
    assert await notes.kept() == set()
    assert await stores.ledger.write(notes.note("c")) == "c", "and the next is written"


async def test_several_processes_lose_nothing_and_number_without_holes(
    stores: Stores, notes: Notes, mongodb_uri: str
) -> None:
    name = stores.database.mongo.name
    async with open_stores(mongodb_uri, name) as second, open_stores(mongodb_uri, name) as third:
        processes = [(each.ledger, Notes(each.database)) for each in (stores, second, third)]

        async def write(number: int) -> None:
            ledger, its_notes = processes[number % 3]
            for again in range(5):
                await ledger.write(its_notes.note(f"{number}-{again}"))

        await asyncio.gather(*map(write, range(30)))
    wanted = {f"{number}-{again}" for number in range(30) for again in range(5)}
    assert await notes.kept() == wanted
    assert sorted(await told(stores)) == sorted(wanted)
    seqs = [event.seq for event in await stores.ledger.events()]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_a_closed_ledger_keeps_nobody_waiting(stores: Stores, mongodb_uri: str) -> None:
    under_way = asyncio.Event()

    async def forever(tx: Transaction) -> None:
        under_way.set()
        await asyncio.Event().wait()

    async with open_stores(mongodb_uri, stores.database.mongo.name) as other:
        waiting = [asyncio.create_task(other.ledger.write(forever)) for _ in range(2)]
        await under_way.wait()
    await asyncio.wait(waiting)
    assert all(task.cancelled() for task in waiting)
