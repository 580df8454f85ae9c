"""The whole embedded stack with three agents, once for the session: real processes, real Prefect, real sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stack.settings import Settings
from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    settings = Settings(home=tmp_path_factory.mktemp("stack"), port=0, prefect_port=0, agents=3)
    async with Stack(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def submitter(stack: Stack) -> AsyncIterator[Submitter]:
    async with Submitter(stack) as made:
        yield made
