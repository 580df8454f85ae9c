"""The embedded mongod, for real: a first start, a second one, kill -9, a directory that moved."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection

import stack.mongod
from stack.mongod import DataInUseError, Mongod, MongodNotFoundError, MongodStartError, mongodb, socket_path

Collection = AsyncCollection[dict[str, Any]]


@asynccontextmanager
async def collection(uri: str) -> AsyncIterator[Collection]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri, serverSelectionTimeoutMS=10_000)
    try:
        yield client.get_database("test", write_concern=WriteConcern("majority", j=True))["things"]
    finally:
        await client.close()


async def test_a_second_start_finds_what_the_first_one_wrote(tmp_path: Path) -> None:
    async with Mongod(tmp_path / "mongod") as first, collection(first.uri) as things:
        await things.insert_one({"_id": 1})
    assert first.pid is None
    async with Mongod(tmp_path / "mongod") as second, collection(second.uri) as things:
        assert await things.count_documents({}) == 1


async def test_transactions_and_change_streams_work(tmp_path: Path) -> None:
    async with Mongod(tmp_path / "mongod") as mongod, collection(mongod.uri) as things:
        await things.insert_one({"_id": 1})
        async with await things.watch() as changes:
            async with things.database.client.start_session() as session, await session.start_transaction():
                await things.insert_one({"_id": 2}, session=session)
            assert (await anext(changes))["documentKey"] == {"_id": 2}


async def test_an_acknowledged_write_survives_kill_9_and_the_same_object_starts_again(tmp_path: Path) -> None:
    async with Mongod(tmp_path / "mongod") as mongod:
        async with collection(mongod.uri) as things:
            await things.insert_many([{"_id": number} for number in range(100)])
        assert mongod.pid is not None
        os.kill(mongod.pid, signal.SIGKILL)
        assert await mongod.wait() == -signal.SIGKILL
        assert mongod.pid is None
        await mongod.start()
        async with collection(mongod.uri) as things:
            assert await things.count_documents({}) == 100


async def test_a_directory_in_use_is_refused_and_its_owner_stays_reachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack.mongod, "LOCK_SECONDS", 0.1)
    async with Mongod(tmp_path / "mongod") as owner:
        with pytest.raises(DataInUseError, match="already uses"):
            await Mongod(tmp_path / "mongod").start()
        async with collection(owner.uri) as things:
            await things.insert_one({"_id": 1})


async def test_a_directory_that_was_moved_starts_at_its_new_place(tmp_path: Path) -> None:
    async with Mongod(tmp_path / "old") as mongod, collection(mongod.uri) as things:
        await things.insert_one({"_id": 1})
    shutil.move(tmp_path / "old", tmp_path / "new")
    async with Mongod(tmp_path / "new") as mongod, collection(mongod.uri) as things:
        await things.insert_one({"_id": 2})
        assert await things.count_documents({}) == 2


async def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    directory = tmp_path / ("deep" * 30)
    assert socket_path(directory).parent.parent == tmp_path
    async with Mongod(directory) as mongod, collection(mongod.uri) as things:
        await things.insert_one({"_id": 1})
    assert (socket_path(directory).parent.stat().st_mode & 0o777) == 0o700


async def test_a_mongod_that_cannot_run_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    mongod = Mongod(tmp_path / "mongod")
    (tmp_path / "mongod" / "db").mkdir(parents=True)
    (tmp_path / "mongod" / "db" / "WiredTiger").write_text("not a database")
    (tmp_path / "mongod" / "db" / "storage.bson").write_text("not a document")
    with pytest.raises(MongodStartError, match="ended with code") as failure:
        await mongod.start()
    assert failure.value.log
    assert mongod.pid is None


async def test_without_any_mongod_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(stack.mongod, "WHEEL", "no-such-wheel")
    with pytest.raises(MongodNotFoundError, match="MONGODB_URI"):
        await Mongod(tmp_path / "mongod").start()


async def test_a_given_uri_is_used_and_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://elsewhere/?replicaSet=rs0")
    async with mongodb(tmp_path / "mongod") as uri:
        assert uri == "mongodb://elsewhere/?replicaSet=rs0"
    assert not (tmp_path / "mongod").exists()


async def test_a_mongod_killed_while_it_is_started_fails_as_any_start_does_and_may_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mongod = Mongod(tmp_path / "mongod")
    configure = stack.mongod._configure

    async def killed_first(*arguments: Any) -> None:
        assert mongod.pid is not None
        os.kill(mongod.pid, signal.SIGKILL)
        await configure(*arguments)

    with monkeypatch.context() as at_the_wrong_moment:
        at_the_wrong_moment.setattr(stack.mongod, "_configure", killed_first)
        with pytest.raises(MongodStartError):
            await mongod.start()
    assert mongod.pid is None
    async with mongod, collection(mongod.uri) as things:
        await things.insert_one({"_id": 1})
