"""kill -9 of one process while a run is paused, resumed or begun again: it does as it was told, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from stack.supervisor import Stack
from tests.end_to_end.replaying import check_history
from tests.end_to_end.submitting import Submitter, python

COUNT = 30
SQUARE = "import time\ndef f(part):\n    time.sleep(0.2)\n    return part * part\n"
QUICK = {"heartbeat": 3, "start_to_close": 60}


def slow() -> dict[str, Any]:
    return python("slow", SQUARE, split={"range": COUNT}, aggregate="list", timeouts=QUICK)


def kill(stack: Stack, name: str) -> int:
    pid = stack.pid(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def begun(submitter: Submitter, run_id: str) -> None:
    await submitter.until(run_id, lambda run: run["tasks"][0]["completed"] >= 3)


async def quiet(submitter: Submitter, run_id: str) -> None:
    """Wait until the attempts that were under way at a pause have ended."""
    await submitter.until(run_id, lambda run: run["status"] == "PAUSED" and run["tasks"][0]["leased"] == 0)


async def check(submitter: Submitter, stack: Stack, run_id: str, folder: Path) -> None:
    """Assert the answer, that each subtask was accepted once, none lent while the run was paused, and the log whole."""
    await submitter.completed(run_id, 180)
    assert await submitter.result(run_id, "slow") == [n * n for n in range(COUNT)]
    accepted: Counter[int] = Counter()
    paused = False
    for event in await submitter.events(run_id):
        match event["type"]:
            case "run.paused":
                paused = True
            case "run.resumed":
                paused = False
            case "subtasks.completed":
                accepted.update(event["indexes"])
            case "subtasks.leased":
                assert not paused, "lent while paused"
                assert not any(accepted[index] for index in event["indexes"]), "lent after it was accepted"
    assert accepted == Counter(range(COUNT))
    await check_history(stack, run_id, folder)


async def prefect_shows(submitter: Submitter, stack: Stack, run_id: str, type_: str) -> None:
    """Wait until Prefect, which may be starting, shows the run in a state of that type."""
    id_ = (await submitter.run(run_id))["prefect_flow_run_id"]
    async with (
        httpx.AsyncClient(base_url=f"{stack.settings.prefect_url}/api", timeout=30) as prefect,
        asyncio.timeout(120),
    ):
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await prefect.get(f"/flow_runs/{id_}")
                if answer.status_code == httpx.codes.OK and answer.json()["state_type"] == type_:
                    return
            await asyncio.sleep(0.2)


async def test_a_flow_worker_killed_while_its_run_is_paused(submitter: Submitter, stack: Stack, tmp_path: Path) -> None:
    run_id = await submitter.start(slow())
    await begun(submitter, run_id)
    await submitter.control(run_id, "pause")
    await stack.replaced("flow-worker", kill(stack, "flow-worker"))
    await quiet(submitter, run_id)
    await submitter.control(run_id, "resume")
    await check(submitter, stack, run_id, tmp_path)


async def test_an_api_killed_right_after_a_pause_and_right_after_its_end(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    run_id = await submitter.start(slow())
    await begun(submitter, run_id)
    await submitter.control(run_id, "pause", {"call_back": True})
    await stack.replaced("api", kill(stack, "api"))
    await quiet(submitter, run_id)
    await prefect_shows(submitter, stack, run_id, "PAUSED")
    await submitter.control(run_id, "resume")
    await stack.replaced("api", kill(stack, "api"))
    await check(submitter, stack, run_id, tmp_path)


async def test_a_pause_reaches_prefect_although_it_was_killed_before(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    run_id = await submitter.start(slow())
    await begun(submitter, run_id)
    pid = kill(stack, "prefect")
    await submitter.control(run_id, "pause")
    await quiet(submitter, run_id)
    await stack.replaced("prefect", pid)
    await prefect_shows(submitter, stack, run_id, "PAUSED")
    await submitter.control(run_id, "resume")
    await check(submitter, stack, run_id, tmp_path)


async def test_a_mongod_killed_right_after_a_reset(submitter: Submitter, stack: Stack, tmp_path: Path) -> None:
    first = python("first", "def f():\n    return 1\n")
    run_id = await submitter.start(first, slow() | {"dependencies": ["first"]})
    await submitter.completed(run_id, 180)
    await submitter.control(run_id, "reset", {"task": "slow"})
    await stack.replaced("mongod", kill(stack, "mongod"))
    await submitter.completed(run_id, 180)
    assert await submitter.result(run_id, "slow") == [n * n for n in range(COUNT)]
    once = [len(item["attempts"]) for item in await submitter.subtasks(run_id, "first")]
    assert once == [1], "what is upstream was kept"
    await check_history(stack, run_id, tmp_path)


async def test_a_worker_and_an_api_killed_between_a_retry_and_its_end(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    fragile = "def f(part):\n    assert part != 2, 'never'\n    return part\n"
    broken = python("some", fragile, split={"range": 5}, aggregate="list", retry={"maximum_attempts": 1})
    run_id = await submitter.start(broken)
    run = await submitter.ended(run_id)
    assert run["status"] == "FAILED"
    for name in ("flow-worker", "api"):
        await submitter.control(run_id, "retry-failed")
        await stack.replaced(name, kill(stack, name))
        run = await submitter.ended(run_id, 180)
        assert run["status"] == "FAILED" and "never" in run["error"]
    attempts = {item["index"]: len(item["attempts"]) for item in await submitter.subtasks(run_id, "some")}
    assert attempts.pop(2) == 3 and set(attempts.values()) == {1}, "only what failed was done again"
    await check_history(stack, run_id, tmp_path)
