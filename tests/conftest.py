"""What tests share: a real mongod and a whole stack for the session, a database of its own for every test."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from xdist.scheduler import LoadFileScheduling

from stack.mongod import mongodb
from stack.settings import StackSettings
from stack.supervisor import Stack
from storage.database import open_database
from storage.stores import Stores
from tests.end_to_end.submitting import Submitter

# Whoever makes an HTTP client, Prefect too, reads every certificate that it trusts: 20 ms, thousands of times. Nothing
# here is encrypted, so one certificate is enough, for the processes that are started as well.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("certificate.pem"))

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOGETHER = ("tests/integration/flows/", "tests/end_to_end/", "tests/faults/")
"""Folders whose tests share a stack, which takes 20 s of a processor to start: each is run by one process, first."""


class ByStack(LoadFileScheduling):  # type: ignore[misc]
    """Gives the tests of a file, or of a folder that shares a stack, to one of the processes."""

    def _split_scope(self, nodeid: str) -> str:
        return _together(nodeid) or nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)  # so that the suite also runs without xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByStack:
    return ByStack(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: _together(item.nodeid) is None)


def _together(nodeid: str) -> str | None:
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)


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
    """Yield stores over an empty database, and empty it again: to make collections and indexes takes seconds.

    Whoever uses the stores prepares them first; a service does so itself.
    """
    async with open_database(uri, name) as database:
        yield Stores(database)
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
        await made.prepare()
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The embedded stack with three agents: real processes, real Prefect, real sandbox."""
    settings = StackSettings(home=tmp_path_factory.mktemp("stack"), port=0, prefect_port=0, agents=3)
    async with Stack(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def submitter(stack: Stack) -> AsyncIterator[Submitter]:
    async with Submitter(stack) as made:
        yield made
