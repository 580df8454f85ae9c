"""Runs that are paused, cancelled, retried and reset, through a real Prefect server, service and worker."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.flows.controlling import (
    LARGE,
    ONCE,
    control,
    failed_once,
    giant,
    in_prefect,
    large,
    nothing_was_lent_while_paused,
    prefect_shows,
    tidying,
    waits,
)
from tests.integration.flows.stack_under_test import Stack, SubtaskError, Volunteer

pytestmark = pytest.mark.usefixtures("volunteer")


async def test_a_paused_run_shows_in_prefect_and_goes_on_when_it_is_resumed(stack: Stack, worker: Any) -> None:
    run_id = await stack.submit(large(stack))
    await waits(stack, run_id)
    assert (await control(stack, run_id, "pause"))["status"] == "PAUSED"
    await prefect_shows(stack, run_id, "PAUSED", pause_reschedule=False)
    async with giant(stack):
        await control(stack, run_id, "resume")
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await nothing_was_lent_while_paused(stack, run_id)
    await prefect_shows(stack, run_id, "COMPLETED")


async def test_a_run_paused_and_resumed_in_prefect_itself(stack: Stack, worker: Any) -> None:
    run_id = await stack.submit(large(stack))
    await waits(stack, run_id)
    details = {"pause_timeout": "2100-01-01T00:00:00Z", "pause_reschedule": True}
    suspended = {"type": "PAUSED", "name": "Suspended", "state_details": details}  # as Prefect's UI does it
    await in_prefect(stack, run_id, "set_state", {"state": suspended})
    await stack.when(run_id, lambda run: run["status"] == "PAUSED")
    await prefect_shows(stack, run_id, "PAUSED", pause_timeout=None)
    async with giant(stack):
        await in_prefect(stack, run_id, "resume", {})
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await nothing_was_lent_while_paused(stack, run_id)


async def test_only_what_failed_is_done_again_in_the_same_flow_run(
    stack: Stack, worker: Any, volunteer: Volunteer
) -> None:
    run_id = await failed_once(stack, volunteer)
    before = await stack.flow_run(run_id)
    await control(stack, run_id, "retry-failed")
    run = await stack.ended(run_id)
    assert (run["status"], run["error"]) == ("COMPLETED", None)
    assert await stack.results(run_id) == {"work": [0, 10, 20], "report": "done"}
    assert [volunteer.attempts[f"{run_id}/work/{index}"] for index in range(3)] == [1, 2, 1]
    after = await stack.flow_run(run_id)
    assert after["id"] == before["id"] and after["run_count"] == before["run_count"] + 1
    await prefect_shows(stack, run_id, "COMPLETED")


@pytest.mark.parametrize(("tolerated", "status"), [("34%", "COMPLETED"), ("0%", "FAILED")])
async def test_what_failed_for_one_cause_is_done_again_although_the_rest_stays_failed(
    stack: Stack, worker: Any, volunteer: Volunteer, tolerated: str, status: str
) -> None:
    def fails(parameters: dict[str, Any], attempt: int) -> Any:
        if parameters["part"] == 0:
            raise SubtaskError("Bad", "for good")
        if attempt == 1:
            raise SubtaskError("Flaky", f"no luck with {parameters['part']}")
        return parameters["part"]

    stack.behaviours["fails"] = fails
    work = {"name": "work", "command": ["fails", "{part}"], "split": {"range": 3}, "tolerated_failure": tolerated}
    run_id = await stack.submit(work | ONCE)
    assert (await stack.ended(run_id))["status"] == "FAILED"
    async with stack.http("admin") as http:
        groups = (await http.get(f"/v1/runs/{run_id}/errors")).json()["groups"]
        [flaky] = [group for group in groups if group["type"] == "Flaky"]
        await control(stack, run_id, "retry-failed", {"error_group": flaky["id"]})
        assert (await stack.ended(run_id))["status"] == status
        found = (await http.get(f"/v1/runs/{run_id}/subtasks", params={"task": "work"})).json()["subtasks"]
    assert [item["status"] for item in found] == ["FAILED", "COMPLETED", "COMPLETED"], "what can be done is done first"
    assert [volunteer.attempts[f"{run_id}/work/{index}"] for index in range(3)] == [1, 2, 2]
    assert await stack.results(run_id) == ({"work": [None, 1, 2]} if status == "COMPLETED" else {})


async def test_a_reset_does_a_task_and_what_follows_anew(stack: Stack, worker: Any, volunteer: Volunteer) -> None:
    for name in ("before", "aside", "here", "after"):
        stack.behaviours[name] = lambda parameters, attempt: attempt
    run_id = await stack.submit(
        {"name": "before", "command": ["before"]},
        {"name": "aside", "command": ["aside"], "dependencies": ["before"]},
        {"name": "here", "command": ["here", "{part}"], "split": {"range": 2}, "dependencies": ["before"]},
        {"name": "after", "command": ["after"], "dependencies": ["here"]},
    )
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await control(stack, run_id, "reset", {"task": "here"})
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert await stack.results(run_id) == {"before": 1, "aside": 1, "here": [2, 2], "after": 2}


async def test_a_cancelled_run_cleans_up_before_it_ends(stack: Stack, worker: Any) -> None:
    run_id = await stack.submit(large(stack), tidying(stack), cleanup="tidy")
    await waits(stack, run_id)
    await control(stack, run_id, "cancel")
    run = await stack.ended(run_id)
    assert run["status"] == "CANCELLED"
    assert {task["name"]: task["status"] for task in run["tasks"]} == {"large": "CANCELLED", "tidy": "COMPLETED"}
    assert (await stack.results(run_id)) == {"tidy": "tidy"}
    await prefect_shows(stack, run_id, "CANCELLED")


async def test_a_paused_run_that_is_cancelled_cleans_up_too(stack: Stack, worker: Any) -> None:
    run_id = await stack.submit(large(stack), tidying(stack), cleanup="tidy")
    await waits(stack, run_id)
    await control(stack, run_id, "pause")
    await prefect_shows(stack, run_id, "PAUSED")
    await control(stack, run_id, "cancel")
    run = await stack.ended(run_id)
    assert run["status"] == "CANCELLED"
    assert {task["name"]: task["status"] for task in run["tasks"]} == {"large": "CANCELLED", "tidy": "COMPLETED"}


async def test_a_run_cancelled_in_prefect_itself_cleans_up_too(stack: Stack, worker: Any) -> None:
    run_id = await stack.submit(large(stack), tidying(stack), cleanup="tidy")
    await waits(stack, run_id)
    await in_prefect(stack, run_id, "set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    run = await stack.ended(run_id)
    assert run["status"] == "CANCELLED"
    assert {task["name"]: task["status"] for task in run["tasks"]} == {"large": "CANCELLED", "tidy": "COMPLETED"}


async def test_a_second_cancel_leaves_out_a_clean_up_that_nobody_does(stack: Stack, worker: Any) -> None:
    run_id = await stack.submit(large(stack), tidying(stack) | LARGE, cleanup="tidy")
    await waits(stack, run_id)
    await control(stack, run_id, "cancel")
    await waits(stack, run_id, "tidy")
    await control(stack, run_id, "cancel")
    run = await stack.ended(run_id)
    assert run["status"] == "CANCELLED"
    assert {task["name"]: task["status"] for task in run["tasks"]} == {"large": "CANCELLED", "tidy": "CANCELLED"}


async def test_a_run_that_completes_leaves_its_clean_up_out(stack: Stack, worker: Any) -> None:
    stack.behaviours["quick"] = lambda parameters, attempt: 1
    run_id = await stack.submit({"name": "quick", "command": ["quick"]}, tidying(stack), cleanup="tidy")
    run = await stack.ended(run_id)
    assert (run["status"], run["progress"]) == ("COMPLETED", 1.0)
    assert {task["name"]: task["status"] for task in run["tasks"]} == {"quick": "COMPLETED", "tidy": "SKIPPED"}


async def test_a_missed_deadline_fails_the_run_here_and_in_prefect(stack: Stack, worker: Any) -> None:
    run_id = await stack.submit(large(stack), deadline=6)
    run = await stack.ended(run_id)
    assert run["status"] == "FAILED" and "deadline" in run["error"]
    assert "deadline" in (await prefect_shows(stack, run_id, "FAILED"))["message"]
    async with giant(stack):
        await control(stack, run_id, "retry-failed")
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
