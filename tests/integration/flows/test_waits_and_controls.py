"""Waits, sleeps and child runs of a run that is paused, or begun again from one of them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.integration.flows.controlling import control, nothing_was_lent_while_paused
from tests.integration.flows.stack_under_test import Stack
from tests.integration.flows.waiting_runs import child_of, events, one, send, statuses, wait, when

pytestmark = pytest.mark.usefixtures("worker", "volunteer")


async def test_a_signal_ends_a_wait_of_a_paused_run_and_what_follows_is_lent_when_it_goes_on(stack: Stack) -> None:
    run_id = await stack.submit(
        wait("approval", "go"),
        one("after", "given", parameters={"x": "{approval.result}"}, dependencies=["approval"]),
    )
    await when(stack, run_id, "approval")
    await control(stack, run_id, "pause")
    await send(stack, run_id, "go", "yes")
    await when(stack, run_id, "approval", "COMPLETED")
    run = await stack.when(run_id, lambda run: any(task["name"] == "after" and task["queued"] for task in run["tasks"]))
    assert run["status"] == "PAUSED"
    await control(stack, run_id, "resume")
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert (await stack.results(run_id))["after"] == {"x": "yes"}
    await nothing_was_lent_while_paused(stack, run_id)


async def test_a_wait_that_is_begun_anew_waits_for_another_signal(stack: Stack) -> None:
    run_id = await stack.submit(
        wait("first", "go"),
        wait("second", "go", dependencies=["first"]),
        one("after", "given", parameters={"x": "{second.result}"}, dependencies=["second"]),
    )
    await send(stack, run_id, "go", 1)
    await send(stack, run_id, "go", 2)
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await control(stack, run_id, "reset", {"task": "first"})
    await when(stack, run_id, "first")
    await send(stack, run_id, "go", 3)
    await send(stack, run_id, "go", 4)
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert await stack.results(run_id) == {"first": 3, "second": 4, "after": {"x": 4}}
    taken = [event["number"] for event in await events(stack, run_id) if event["type"] == "signal.taken"]
    assert taken == [1, 2, 3, 4], "each was taken once"


async def test_a_sleep_that_is_begun_anew_sleeps_its_whole_time_again(stack: Stack) -> None:
    run_id = await stack.submit({"name": "nap", "sleep": "2s"})
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await control(stack, run_id, "reset", {"task": "nap"})
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    at = [
        (event["type"], datetime.fromisoformat(event["at"]))
        for event in await events(stack, run_id)
        if event["type"] in ("run.held", "task.completed")
    ]
    assert [type_ for type_, _ in at] == ["run.held", "task.completed"] * 2
    assert at[3][1] - at[2][1] >= timedelta(seconds=2)


async def test_a_child_that_is_begun_anew_is_another_run(stack: Stack) -> None:
    await stack.submit(wait("w", "go"), name="asked again")
    run_id = await stack.submit(
        {"name": "child", "workflow": "asked again"},
        one("after", "given", parameters={"x": "{child.result}"}, dependencies=["child"]),
    )
    first = await child_of(stack, run_id, "child")
    await send(stack, first, "go", 1)
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await control(stack, run_id, "reset", {"task": "child"})
    await stack.when(run_id, lambda run: next(t for t in run["tasks"] if t["name"] == "child")["child_run_id"] != first)
    second = await child_of(stack, run_id, "child")
    assert second != first
    await send(stack, second, "go", 2)
    run = await stack.ended(run_id)
    assert statuses(run) == {"child": "COMPLETED", "after": "COMPLETED"}
    assert (await stack.results(run_id))["after"] == {"x": {"w": 2}}
    old = await stack.run(first)
    assert (old["status"], old["parent_run_id"]) == ("COMPLETED", None), "the first one keeps its record"
