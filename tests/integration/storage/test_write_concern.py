"""What reached one member only may be taken back by a failover, so it counts as not written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from storage.database import open_database, unavailable_is_ours
from storage.errors import StorageUnavailableError
from storage.stores import Stores
from tests.conftest import NOON
from tests.faults.replica_set import ReplicaSet
from tests.integration.storage.leasing import lease, queue

NOT_ON_A_MAJORITY = {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stores(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stores]:
    """Stores over a MongoDB of which a test may want that a command fails."""
    directory: Path = tmp_path_factory.mktemp("set")
    async with ReplicaSet(directory, 1) as members, open_database(members.uri) as database:
        made = Stores(database)
        await made.prepare()
        yield made


async def fails_once(stores: Stores, command: str) -> None:
    """Have the next such command do what it should, and say that this is not on a majority."""
    data: dict[str, Any] = {"failCommands": [command], "writeConcernError": NOT_ON_A_MAJORITY}
    fail = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
    await stores.database.mongo.client.admin.command(fail)


async def test_subtasks_that_may_be_taken_back_are_not_published_and_a_second_try_does(stores: Stores) -> None:
    await fails_once(stores, "insert")
    with pytest.raises(StorageUnavailableError, match="replication"):
        await queue(stores, 3, NOON)
    assert await stores.database["batches"].count_documents({}) == 0
    await queue(stores, 3, NOON)
    assert len(await lease(stores, "v", 3, NOON)) == 3


@pytest.mark.parametrize("command", ["insert", "update", "findAndModify"])
async def test_a_write_that_is_not_on_a_majority_is_refused_as_unavailable(stores: Stores, command: str) -> None:
    things = stores.database["things"]
    await fails_once(stores, command)
    with pytest.raises(StorageUnavailableError, match="replication"), unavailable_is_ours():
        if command == "insert":
            await things.insert_one({"n": 1})
        elif command == "update":
            await things.update_one({"n": 1}, {"$set": {"m": 1}}, upsert=True)
        else:
            await things.find_one_and_update({"n": 1}, {"$inc": {"m": 1}}, upsert=True)
