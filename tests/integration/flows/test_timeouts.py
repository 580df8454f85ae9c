"""Limits of tasks, as flows meet them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from njangi_flows import VolunteerTaskError, volunteer_task
from prefect import flow

from tests.integration.flows.stack_under_test import Stack, SubtaskError, Volunteer

pytestmark = [
    pytest.mark.usefixtures("worker", "volunteer"),
    # Prefect's engine leaves connections to its own server to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]
PATIENT = {"maximum_attempts": 100, "initial_interval": "300ms", "backoff_coefficient": 1.0}


@volunteer_task(retries=5, retry_delay_seconds=60, cpu=1000, schedule_to_start="500ms")
def huge(x: int) -> int:
    return x


async def test_the_limit_on_the_whole_counts_over_all_tries(stack: Stack, volunteer: Volunteer) -> None:
    def never(parameters: dict[str, Any], attempt: int) -> Any:
        raise SubtaskError("NonZeroExit", "exit status 1", "not today")

    stack.behaviours["never"] = never
    task = {"name": "t", "command": ["never"], "timeouts": {"schedule_to_close": "2s"}, "retry": PATIENT}
    run = await stack.ended(run_id := await stack.submit(task), 120)
    assert run["status"] == "FAILED" and "ScheduleToCloseTimedOut" in run["error"], run["error"]
    assert 1 < volunteer.attempts[f"{run_id}/t/0"] < 20


async def test_a_wait_that_was_too_long_is_not_tried_again(stack: Stack, volunteer: Volunteer) -> None:
    task = {
        "name": "t",
        "command": ["anything"],
        "resources": {"cpu": 1000},
        "timeouts": {"schedule_to_start": "500ms"},
        "retry": {"maximum_attempts": 5, "initial_interval": "60s"},
    }
    run = await stack.ended(await stack.submit(task), 40)
    assert run["status"] == "FAILED" and "ScheduleToStartTimedOut" in run["error"], run["error"]
    assert "1000 cores" in run["error"]


async def test_a_call_that_waits_too_long_raises_and_is_not_tried_again(stack: Stack) -> None:
    @flow
    def waits() -> int:
        return huge(1)

    with pytest.raises(VolunteerTaskError, match="1000 cores") as caught:
        await asyncio.wait_for(asyncio.to_thread(waits), 40)
    assert caught.value.type == "ScheduleToStartTimedOut"


def test_limits_of_a_volunteer_task_that_contradict_each_other_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="must not be longer than schedule_to_close"):
        volunteer_task(timeout="1h", schedule_to_close="10m")(huge.fn)
