"""What a killed stack left running is ended before the next one starts."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from stack.orphans import end_remnants, mark
from stack.settings import StackSettings
from stack.supervisor import Stack

NOTHING = frozenset({"mongod", "prefect", "api", "flow-worker", "python-worker"})
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


async def left_behind(home: Path) -> asyncio.subprocess.Process:
    """Return a process in a session of its own that inherited the mark, as a flow run of an engineer does."""
    return await asyncio.create_subprocess_exec(*SLEEP, env={**os.environ, **mark(home)}, start_new_session=True)


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(60):
        return await process.wait()


async def test_only_what_carries_the_mark_of_this_home_is_ended(tmp_path: Path) -> None:
    mine, anothers = await left_behind(tmp_path / "a"), await left_behind(tmp_path / "b")
    try:
        assert await end_remnants(tmp_path / "a") == [mine.pid]
        assert await ended(mine) == -9
        assert anothers.returncode is None
    finally:
        assert await end_remnants(tmp_path / "b") == [anothers.pid]
        await anothers.wait()


async def test_a_stack_ends_remnants_when_it_starts_and_when_it_stops(tmp_path: Path) -> None:
    settings = StackSettings(home=tmp_path / "home", port=0, prefect_port=0, without=NOTHING)
    told: list[str] = []
    before = await left_behind(settings.home)
    async with Stack(settings, told.append):
        assert await ended(before) == -9
        meanwhile = await left_behind(settings.home)
    assert await ended(meanwhile) == -9
    assert told == ["ended what an earlier stack had left running"]
