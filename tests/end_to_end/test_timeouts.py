"""Limits and checkpoints on real agents."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
from njangi_agent import identity

from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter, python

STEPS = 20
PATIENT = {"maximum_attempts": 100, "initial_interval": "300ms", "backoff_coefficient": 1.0}
COUNT = """
import json, os, sys, time

heartbeat, checkpoint = os.environ["NJANGI_HEARTBEAT"], os.environ.get("NJANGI_CHECKPOINT")
steps = json.load(open(checkpoint))["steps"] if checkpoint else []
begun_at = len(steps)
while len(steps) < 20:
    time.sleep(0.5)
    steps.append([len(steps) + 1, begun_at])
    with open(heartbeat + ".new", "w") as file:
        json.dump({"steps": steps, "progress": len(steps) / 20}, file)
    os.rename(heartbeat + ".new", heartbeat)
json.dump(steps, sys.stdout)
"""
COUNT_IN_PYTHON = """
import time
from njangi import heartbeat, last_heartbeat

def f():
    steps = last_heartbeat({"steps": []})["steps"]
    begun_at = len(steps)
    while len(steps) < 20:
        time.sleep(0.5)
        steps.append([len(steps) + 1, begun_at])
        heartbeat({"steps": steps, "progress": len(steps) / 20})
    return steps
"""
LIMITS = {"timeouts": {"heartbeat": 3, "start_to_close": 120}}


def agent_of(stack: Stack, volunteer_id: str) -> str:
    """Return the name of the process that works as this volunteer."""
    for number in range(1, stack.settings.agents + 1):
        known = identity.load(stack.settings.home / "agents" / str(number))
        if known is not None and known.volunteer_id == volunteer_id:
            return f"agent-{number}"
    raise LookupError(volunteer_id)


async def under_way(submitter: Submitter, run_id: str, attempt: int, progress: float) -> dict[str, Any]:
    """Wait until attempt number `attempt` or a later one has told that much progress, and return its subtask."""
    async with asyncio.timeout(90):
        while True:
            for subtask in await submitter.subtasks(run_id, "count"):
                far = subtask["attempt"] >= attempt and subtask["progress"] > progress
                if far and subtask["status"] == "LEASED":
                    return subtask
                assert subtask["status"] in ("QUEUED", "LEASED"), subtask
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(
            {"name": "count", "command": ["python3", "count.py"], "files": ["count.py"], "parse": "json"}, id="command"
        ),
        pytest.param(python("count", COUNT_IN_PYTHON), id="python"),
    ],
)
async def test_the_work_of_a_killed_agent_goes_on_from_its_checkpoint_elsewhere(
    submitter: Submitter, stack: Stack, task: dict[str, Any]
) -> None:
    run_id = await submitter.start({**task, **LIMITS}, files={"count.py": COUNT.encode()})
    subtask = await under_way(submitter, run_id, 1, 0.2)
    first = subtask["assigned_to"]
    while subtask["assigned_to"] == first:  # the killed agent's successor is the same volunteer
        name = agent_of(stack, first)
        pid = stack.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await stack.replaced(name, pid)
        subtask = await under_way(submitter, run_id, subtask["attempt"] + 1, subtask["progress"])
    await submitter.completed(run_id, 120)
    steps = await submitter.result(run_id, "count")
    assert [number for number, _ in steps] == list(range(1, STEPS + 1))
    beginnings = sorted({begun_at for _, begun_at in steps})
    assert beginnings[0] == 0 and len(beginnings) >= 2, "a later attempt went on where an earlier one was"
    assert beginnings[1] >= 0.2 * STEPS
    [subtask] = await submitter.subtasks(run_id, "count")
    assert [item["outcome"] for item in subtask["attempts"]] == ["EXPIRED"] * (subtask["attempt"] - 1) + ["RETURNED"]
    assert {item["volunteer_id"] for item in subtask["attempts"]} > {first}
    assert subtask["progress"] == 1.0


async def test_a_demand_that_no_machine_meets_fails_with_the_reason(submitter: Submitter) -> None:
    task = python("huge", "def f():\n    return 1\n", resources={"memory": "100TiB"})
    run_id = await submitter.start({**task, "timeouts": {"schedule_to_start": "1s"}, "retry": PATIENT})
    run = await submitter.ended(run_id, 60)
    assert run["status"] == "FAILED"
    for told in ("ScheduleToStartTimedOut", "1 seconds", "100 TiB of memory"):
        assert told in run["error"], run["error"]
    [subtask] = await submitter.subtasks(run_id, "huge")
    assert (subtask["status"], subtask["attempts"]) == ("FAILED", [])


async def test_the_limit_on_the_whole_ends_retries_before_they_are_used_up(submitter: Submitter) -> None:
    task = python("flaky", "def f():\n    raise ValueError('again')\n", retry=PATIENT)
    run_id = await submitter.start({**task, "timeouts": {"schedule_to_close": "4s"}})
    run = await submitter.ended(run_id, 90)
    assert run["status"] == "FAILED" and "ScheduleToCloseTimedOut" in run["error"], run["error"]
    [subtask] = await submitter.subtasks(run_id, "flaky")
    assert 1 <= len(subtask["attempts"]) < PATIENT["maximum_attempts"]


async def test_an_attempt_past_the_limit_on_the_whole_is_called_back(submitter: Submitter) -> None:
    script = 'test -z "$NJANGI_CHECKPOINT" || exec sleep 600; echo 1 > $NJANGI_HEARTBEAT; sleep 6; exit 1'
    task = {"name": "long", "command": ["sh", "-c", script], "timeouts": {"schedule_to_close": "10s"}}
    run_id = await submitter.start({**task, "retry": PATIENT})
    run = await submitter.ended(run_id, 90)
    assert run["status"] == "FAILED" and "ScheduleToCloseTimedOut" in run["error"], run["error"]
    [subtask] = await submitter.subtasks(run_id, "long")
    assert [item["outcome"] for item in subtask["attempts"]] == ["FAILED", "TIMED_OUT"]
