"""kill -9 of one process in mid-run: the answer is right, and nothing accepted is run again."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from stack.supervisor import Stack
from tests.end_to_end.replaying import check_history
from tests.end_to_end.submitting import Submitter, python

SLOW_SQUARE = "import time\ndef f(part):\n    time.sleep(0.3)\n    return part * part\n"
COUNT = 60


def slow(**fields: Any) -> dict[str, Any]:
    return (
        python(
            "slow",
            SLOW_SQUARE,
            split={"range": COUNT},
            aggregate="list",
            timeouts={"heartbeat": 3, "start_to_close": 60},
        )
        | fields
    )


async def begun(submitter: Submitter, run_id: str) -> None:
    await submitter.until(run_id, lambda run: run["tasks"][0]["completed"] >= 5)


async def check(submitter: Submitter, stack: Stack, run_id: str, folder: Path) -> list[dict[str, Any]]:
    """Assert the answer, that each subtask was accepted once, and that the log tells it all; return the subtasks."""
    await submitter.completed(run_id, 120)
    assert await submitter.result(run_id, "slow") == [n * n for n in range(COUNT)]
    accepted: Counter[int] = Counter()
    leased_after: list[int] = []
    for event in await submitter.events(run_id):
        if event["type"] == "subtasks.completed":
            accepted.update(event["indexes"])
        elif event["type"] == "subtasks.leased":
            leased_after += [index for index in event["indexes"] if accepted[index]]
    assert accepted == Counter(range(COUNT)), "each accepted exactly once"
    assert leased_after == [], "nothing was lent again after it was accepted"
    await check_history(stack, run_id, folder)
    return await submitter.subtasks(run_id, "slow")


async def test_an_agent_killed_in_mid_run_costs_only_what_it_was_doing(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    run_id = await submitter.start(slow())
    await begun(submitter, run_id)
    pid = stack.pid("agent-1")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    subtasks = await check(submitter, stack, run_id, tmp_path)
    twice = [item for item in subtasks if len(item["attempts"]) > 1]
    assert twice, "the killed agent held something"
    for item in twice:
        lost, returned = item["attempts"][-2:]
        assert (lost["outcome"], returned["outcome"]) == ("EXPIRED", "RETURNED")
    await stack.replaced("agent-1", pid)


async def test_a_restart_of_the_api_in_mid_run_loses_and_repeats_nothing(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    run_id = await submitter.start(slow())
    await begun(submitter, run_id)
    await stack.restart("api")
    await check(submitter, stack, run_id, tmp_path)


async def test_an_api_killed_in_mid_run_loses_and_repeats_nothing(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    run_id = await submitter.start(slow())
    await begun(submitter, run_id)
    pid = stack.pid("api")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await check(submitter, stack, run_id, tmp_path)


async def test_a_killed_flow_worker_is_replaced_and_its_run_goes_on(
    submitter: Submitter, stack: Stack, tmp_path: Path
) -> None:
    run_id = await submitter.start(slow())
    await begun(submitter, run_id)
    pid = stack.pid("flow-worker")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await check(submitter, stack, run_id, tmp_path)
