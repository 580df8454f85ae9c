"""A worker that slept through its run lease, and a run that its own worker is given a second time."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from tests.integration.flows.stack_under_test import Stack, SubtaskError, Volunteer
from tests.integration.flows.test_worker import reschedule

pytestmark = pytest.mark.usefixtures("volunteer")
SECONDS = 180.0


def slow_start(parameters: dict[str, Any], attempt: int) -> Any:
    if attempt == 1:
        raise SubtaskError("NonZeroExit", "exit status 1")
    return "done"


async def a_run_between_two_tries(stack: Stack, volunteer: Volunteer, pause: int) -> str:
    """Return a run whose only task failed once and waits `pause` seconds for its next try."""
    stack.behaviours["gate"] = slow_start
    run_id = await stack.submit({"name": "gate", "command": ["gate"], "retry": {"initial_interval": pause}})
    await stack.when(run_id, lambda run: run["tasks"][0]["failed"] == 1, SECONDS)
    return run_id


async def events(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    async with stack.http("admin") as http:
        found: list[dict[str, Any]] = (await http.get(f"/v1/runs/{run_id}/events")).raise_for_status().json()["events"]
        return found


async def test_a_worker_that_slept_while_another_finished_its_run_writes_nothing(
    stack: Stack, volunteer: Volunteer
) -> None:
    async with stack.worker("sleeper") as sleeper:
        run_id = await a_run_between_two_tries(stack, volunteer, 3)
        sleeper.send_signal(signal.SIGSTOP)
        try:
            async with stack.worker("other"):
                run = await stack.ended(run_id, SECONDS)
                assert (run["status"], run["error"]) == ("COMPLETED", None)
            before = await events(stack, run_id)
        finally:
            sleeper.send_signal(signal.SIGCONT)
        stack.behaviours["next"] = lambda parameters, attempt: "next"
        after_it = await stack.submit({"name": "next", "command": ["next"]})
        assert (await stack.ended(after_it, SECONDS))["status"] == "COMPLETED", "the sleeper is awake and at work"
        assert await events(stack, run_id) == before
        assert (await stack.flow_run(run_id))["state_type"] == "COMPLETED"
    assert [event["holder"] for event in before if event["type"] == "run.held"] == ["sleeper", "other"]


async def test_a_worker_given_its_own_run_again_carries_it_once(stack: Stack, volunteer: Volunteer) -> None:
    async with stack.worker("twice"):
        run_id = await a_run_between_two_tries(stack, volunteer, 8)
        await reschedule(stack, run_id)
        run = await stack.ended(run_id, SECONDS)
        assert (run["status"], run["error"]) == ("COMPLETED", None)
        happened = [event["type"] for event in await events(stack, run_id)]
        assert (happened.count("run.held"), happened.count("task.completed")) == (2, 1)
        stack.behaviours["next"] = lambda parameters, attempt: "next"
        after_it = await stack.submit({"name": "next", "command": ["next"]})
        assert (await stack.ended(after_it, SECONDS))["status"] == "COMPLETED"


@pytest.mark.parametrize("ending", ["COMPLETED", "FAILED"])
async def test_a_flow_run_begun_again_after_its_run_has_ended_ends_as_the_run_did(
    stack: Stack, volunteer: Volunteer, ending: str
) -> None:
    def once(parameters: dict[str, Any], attempt: int) -> Any:
        if ending == "FAILED":
            raise SubtaskError("NonZeroExit", "exit status 1")
        return 1

    stack.behaviours["once"] = once
    async with stack.worker("late"):
        run_id = await stack.submit({"name": "t", "command": ["once"], "retry": {"maximum_attempts": 1}})
        assert (await stack.ended(run_id, SECONDS))["status"] == ending
        await reschedule(stack, run_id)
        async with asyncio.timeout(SECONDS):
            while (flow_run := await stack.flow_run(run_id))["state_type"] in ("SCHEDULED", "PENDING", "RUNNING"):
                await asyncio.sleep(0.2)
        assert flow_run["state_type"] == ending
        assert flow_run["state"]["message"] == "the run had ended before this flow run began"
