"""What a process killed in mid-transaction leaves behind must not hold up the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from storage.database import Document, Session, open_database
from storage.ledger import Transaction
from storage.stores import Stores

NOW = timedelta(0)
LONG = timedelta(minutes=1)


async def test_a_transaction_left_open_is_ended_and_what_it_held_is_free_again(
    stores: Stores, mongodb_uri: str
) -> None:
    counters = stores.database["counters"]
    async with open_database(mongodb_uri, stores.database.mongo.name) as killed:
        session = killed.mongo.client.start_session()
        await session.start_transaction()
        await killed["counters"].update_one({"_id": "events"}, {"$inc": {"seq": 100}}, session=session)

        async def count(tx: Transaction) -> None:
            await counters.update_one({"_id": "events"}, {"$inc": {"seq": 1}}, session=tx.session)

        before = await stores.ledger.last_seq()
        held_up = asyncio.create_task(stores.ledger.write(count))
        assert await stores.database.end_abandoned(idle=LONG) == 0
        assert not held_up.done()
        async with asyncio.timeout(30):  # half of what MongoDB itself would take
            while not await stores.database.end_abandoned(idle=NOW):
                await asyncio.sleep(0.01)
            await held_up
        assert await stores.ledger.last_seq() == before + 1
        await session.end_session()


async def test_a_slow_writer_whose_transaction_was_ended_writes_once_all_the_same(stores: Stores) -> None:
    counters, tries = stores.database["counters"], 0

    async def slowly(session: Session) -> None:
        nonlocal tries
        tries += 1
        await counters.update_one({"_id": "events"}, {"$inc": {"seq": 1}}, session=session)
        if tries == 1:
            while not await stores.database.end_abandoned(idle=NOW):
                await asyncio.sleep(0.01)
        await counters.update_one({"_id": "events"}, {"$inc": {"seq": 1}}, session=session)

    before = await stores.ledger.last_seq()
    await stores.database.transaction(slowly)
    assert tries == 2
    assert await stores.ledger.last_seq() == before + 2


async def test_a_writer_that_is_interrupted_in_mid_operation_writes_once_all_the_same(stores: Stores) -> None:
    counters, tries = stores.database["counters"], 0
    slow: Document = {"$where": "sleep(60000) || true"}

    async def interrupted(session: Session) -> None:
        nonlocal tries
        tries += 1
        await counters.update_one({"_id": "events"}, {"$inc": {"seq": 1}}, session=session)
        if tries == 1:
            assert session.session_id is not None
            await asyncio.gather(counters.find_one(slow, session=session), kill(session.session_id["id"]))

    async def kill(id_: Any) -> None:
        look: list[Document] = [{"$currentOp": {}}, {"$match": {"lsid.id": id_, "command.find": "counters"}}]
        while not await (await counters.database.client.admin.aggregate(look)).to_list():
            await asyncio.sleep(0.01)
        await counters.database.client.admin.command({"killSessions": [{"id": id_}]})

    before = await stores.ledger.last_seq()
    async with asyncio.timeout(50):
        await stores.database.transaction(interrupted)
    assert tries == 2
    assert await stores.ledger.last_seq() == before + 1
