"""Runs whose waits, sleeps and children are begun again, or end while the run is paused."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.integration.flows.controlling import control, giant, prefect_shows
from tests.integration.flows.stack_under_test import Stack, SubtaskError, Volunteer
from tests.integration.flows.waiting_runs import child_of, events, one, send, statuses, wait, when

pytestmark = pytest.mark.usefixtures("worker", "volunteer")

ONCE = {"retry": {"maximum_attempts": 1}}


async def test_a_parent_tried_again_has_its_failed_child_go_on_with_what_failed(
    stack: Stack, volunteer: Volunteer
) -> None:
    def fails_first(parameters: dict[str, object], attempt: int) -> object:
        if parameters["part"] == 1 and attempt == 1:
            raise SubtaskError("Bad", "luck")
        return parameters["part"]

    stack.behaviours["fails-in-child"] = fails_first
    await stack.submit(
        {"name": "work", "command": ["fails-in-child", "{part}"], "split": {"range": 3}, **ONCE}, name="failing once"
    )
    await stack.submit({"name": "below", "workflow": "failing once"}, name="between")
    run_id = await stack.submit(
        {"name": "child", "workflow": "between"},
        wait("approval", "go", timeout="200ms"),
        one("after", "given['x']['below']['work']", parameters={"x": "{child.result}"}, dependencies=["child"]),
    )
    assert (await stack.ended(run_id, 120))["status"] == "FAILED"
    middle = await child_of(stack, run_id, "child")
    deepest = await child_of(stack, middle, "below")
    assert (await stack.ended(deepest))["status"] == "FAILED"
    await control(stack, run_id, "retry-failed")
    run = await stack.ended(run_id, 120)
    assert statuses(run) == {"child": "COMPLETED", "approval": "FAILED", "after": "COMPLETED"}, "it had 200 ms anew"
    assert await child_of(stack, run_id, "child") == middle
    assert await child_of(stack, middle, "below") == deepest
    again = await stack.run(deepest)
    assert (again["status"], again["attempt"]) == ("COMPLETED", 2)
    assert [volunteer.attempts[f"{deepest}/work/{index}"] for index in range(3)] == [1, 2, 1]
    assert (await stack.results(run_id))["after"] == [0, 1, 2]


async def test_a_reset_task_starts_another_child_of_the_workflow_as_it_is_by_then(stack: Stack) -> None:
    await stack.submit(one("x", "1"), name="replaced")
    run_id = await stack.submit({"name": "child", "workflow": "replaced"})
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    first = await child_of(stack, run_id, "child")
    await stack.submit(one("x", "2"), name="replaced")
    await control(stack, run_id, "reset", {"task": "child"})
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert await child_of(stack, run_id, "child") != first
    assert await stack.results(run_id) == {"child": {"x": 2}}
    assert (await stack.run(first))["parent_run_id"] is None


async def test_a_reset_wait_waits_for_another_signal_and_a_reset_sleep_lasts_as_long_again(stack: Stack) -> None:
    run_id = await stack.submit(
        wait("approval", "go"),
        {"name": "nap", "sleep": "1500ms"},
        one("end", dependencies=["approval", "nap"]),
    )
    await send(stack, run_id, "go", 1)
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    for task in ("nap", "approval"):
        await control(stack, run_id, "reset", {"task": task})
        if task == "approval":
            await when(stack, run_id, "approval")
            await send(stack, run_id, "go", 2)
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    told = await events(stack, run_id)
    at = [datetime.fromisoformat(event["at"]) for event in told if event["type"] == "run.reopened"]
    naps = [
        (datetime.fromisoformat(event["at"]), event["type"])
        for event in told
        if "nap" in (event.get("task"), *event.get("tasks", ())) and event["type"] in ("task.running", "task.completed")
    ]
    assert [type_ for _, type_ in naps] == ["task.running", "task.completed"] * 2
    (begun, _), (done, _) = naps[2:]
    assert at[0] < begun and (done - begun).total_seconds() >= 1.5
    assert (await stack.results(run_id))["approval"] == 2
    taken = [event["number"] for event in told if event["type"] == "signal.taken"]
    assert taken == [1, 2]


async def test_a_wait_that_a_signal_ends_while_its_run_is_paused_has_ended_and_what_follows_waits(stack: Stack) -> None:
    stack.behaviours["follows"] = lambda parameters, attempt: "done"
    run_id = await stack.submit(
        wait("first", "go"), {"name": "follows", "command": ["follows"], "dependencies": ["first"]}
    )
    await when(stack, run_id, "first")
    await control(stack, run_id, "pause")
    await prefect_shows(stack, run_id, "PAUSED")
    await send(stack, run_id, "go", "yes")
    await when(stack, run_id, "first", "COMPLETED")
    run = await stack.when(run_id, lambda run: any(task["queued"] for task in run["tasks"]))
    assert run["status"] == "PAUSED", "what follows is in the queue, and stays there"
    async with giant(stack):  # one more who would take it
        await control(stack, run_id, "resume")
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    types = [event["type"] for event in await events(stack, run_id)]
    assert "subtasks.leased" not in types[types.index("run.paused") : types.index("run.resumed")]
