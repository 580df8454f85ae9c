"""kill -9 of one process in mid-run: the answer is right, and nothing accepted is run again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stack.supervisor import Stack
from tests.end_to_end.replaying import check_history
from tests.end_to_end.submitting import Submitter, python
from tests.faults.audit import accepted_and_late, events

SLOW_SQUARE = "import time\ndef f(part):\n    time.sleep(0.3)\n    return part * part\n"
COUNT = 60
LONGEST_SECONDS = 300.0

Fault = Callable[[Stack], Awaitable[None]]


def kill(name: str) -> Fault:
    async def fault(stack: Stack) -> None:
        pid = stack.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await stack.replaced(name, pid)

    return fault


async def restart_the_api(stack: Stack) -> None:
    await stack.restart("api")


FAULTS = [
    pytest.param(kill("flow-worker"), id="the flow worker is killed"),
    pytest.param(kill("api"), id="the API is killed"),
    pytest.param(kill("mongod"), id="MongoDB is killed"),
    pytest.param(kill("prefect"), id="Prefect is killed"),
    pytest.param(restart_the_api, id="the API is restarted"),
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_run_survives(submitter: Submitter, stack: Stack, fault: Fault, tmp_path: Path) -> None:
    await survived(submitter, stack, fault, tmp_path)


async def survived(submitter: Submitter, stack: Stack, fault: Fault, folder: Path) -> str:
    """Have something happen in the middle of a run, assert that the run does not mind, and return its id."""
    run_id = await submitter.start(slow())
    await submitter.until(run_id, lambda run: run["tasks"][0]["completed"] >= 5, LONGEST_SECONDS)
    await fault(stack)
    await submitter.completed(run_id, LONGEST_SECONDS)
    assert await submitter.result(run_id, "slow") == [n * n for n in range(COUNT)]
    accepted, _, again = accepted_and_late(await events(submitter, run_id))
    assert accepted == {("slow", n): 1 for n in range(COUNT)}, "each accepted exactly once"
    assert again == [], "nothing was lent again after it was accepted"
    await check_history(stack, run_id, folder)
    return run_id


async def test_an_agent_killed_in_mid_run_costs_only_what_it_was_doing(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    async def kill_it_while_it_holds_a_lease(stack: Stack) -> None:
        pid = stack.pid("agent-1")
        assert pid is not None
        async with asyncio.timeout(LONGEST_SECONDS):
            while True:
                os.kill(pid, signal.SIGSTOP)  # so that it cannot report between the look and the kill
                await asyncio.sleep(0.2)
                if await leases_of(submitter, "agent-1"):
                    break
                os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        await stack.replaced("agent-1", pid)

    run_id = await survived(submitter, stack, kill_it_while_it_holds_a_lease, tmp_path)
    twice = [item for item in await submitter.subtasks(run_id, "slow") if len(item["attempts"]) > 1]
    assert twice, "the killed agent held something"
    for item in twice:
        lost, returned = item["attempts"][-2:]
        assert (lost["outcome"], returned["outcome"]) == ("EXPIRED", "RETURNED")


async def leases_of(submitter: Submitter, name: str) -> list[dict[str, Any]]:
    volunteers = (await submitter.get("/v1/volunteers"))["volunteers"]
    number = name.removeprefix("agent")  # the machines are called by the host's name and this
    [id_] = [volunteer["id"] for volunteer in volunteers if volunteer["name"].endswith(number)]
    leases: list[dict[str, Any]] = (await submitter.get(f"/v1/volunteers/{id_}"))["leases"]
    return leases


def slow() -> dict[str, Any]:
    timeouts = {"heartbeat": 3, "start_to_close": 60}
    return python("slow", SLOW_SQUARE, split={"range": COUNT}, aggregate="list", timeouts=timeouts)
