"""What tests share: a real mongod and a whole stack for the session, a database of its own for every test."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from stack.settings import Settings
from stack.supervisor import Stack
from storage.database import open_database
from storage.mongod import mongodb
from storage.stores import Stores
from tests.end_to_end.submitting import Submitter

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def many(examples: int) -> int:
    """Return how many examples hypothesis tries: `examples`, and more of them in `make thorough`."""
    return examples * int(os.environ.get("NJANGI_THOROUGH", "1"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a real MongoDB, started for this session unless MONGODB_URI names one."""
    directory: Path = tmp_path_factory.mktemp("mongod")
    async with mongodb(directory) as uri:
        yield uri


@asynccontextmanager
async def emptied(uri: str, name: str) -> AsyncIterator[Stores]:
    """Yield stores over an empty database, and empty it again: to make collections and indexes takes seconds."""
    async with open_database(uri, name) as database:
        made = Stores(database)
        await made.prepare()
        yield made
        names = await database.mongo.list_collection_names()
        await asyncio.gather(*(database[name].delete_many({}) for name in names))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def databases(mongodb_uri: str) -> AsyncIterator[str]:
    """What the names of this session's databases begin with."""
    prefix = f"test_{secrets.token_hex(4)}"
    yield prefix
    async with open_database(mongodb_uri) as database:
        client = database.mongo.client
        for name in await client.list_database_names():
            if name.startswith(prefix):
                await client.drop_database(name)


@pytest_asyncio.fixture(loop_scope="session")
async def stores(mongodb_uri: str, databases: str) -> AsyncIterator[Stores]:
    """Stores over an empty database."""
    async with emptied(mongodb_uri, f"{databases}_stores") as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The embedded stack with three agents: real processes, real Prefect, real sandbox."""
    settings = Settings(home=tmp_path_factory.mktemp("stack"), port=0, prefect_port=0, agents=3)
    async with Stack(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def submitter(stack: Stack) -> AsyncIterator[Submitter]:
    async with Submitter(stack) as made:
        yield made
