"""Waits, sleeps and child runs through a real Prefect server, service and worker."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.integration.flows.stack_under_test import Stack
from tests.integration.flows.waiting_runs import cancel, child_of, events, one, send, statuses, wait, when

pytestmark = pytest.mark.usefixtures("worker", "volunteer")


async def test_early_and_late_signals_reach_the_waits_in_their_order(stack: Stack) -> None:
    run_id = await stack.submit(
        {"name": "nap", "sleep": "1s"},
        wait("first", "go", dependencies=["nap"]),
        wait("second", "go", dependencies=["first"], timeout="10m"),
        one(
            "told",
            "given",
            parameters={"a": "{first.result}", "b": "{second.result}"},
            dependencies=["first", "second"],
        ),
    )
    await send(stack, run_id, "go", {"by": "Ana"})
    await when(stack, run_id, "second")
    assert statuses(await stack.run(run_id)) == {
        "nap": "COMPLETED",
        "first": "COMPLETED",
        "second": "RUNNING",
        "told": "PENDING",
    }
    await send(stack, run_id, "go", 2)
    run = await stack.ended(run_id)
    assert (run["status"], run["error"]) == ("COMPLETED", None)
    results = await stack.results(run_id)
    assert results == {"nap": None, "first": {"by": "Ana"}, "second": 2, "told": {"a": {"by": "Ana"}, "b": 2}}
    rows = await stack.task_runs(run_id, 4)
    assert {row["name"]: row["state_type"] for row in rows} == dict.fromkeys(
        ("nap", "first", "second", "told"), "COMPLETED"
    )


async def test_a_wait_that_passes_fails_its_task_and_says_what_did_not_come(stack: Stack) -> None:
    run_id = await stack.submit(wait("approval", "approved", timeout="500ms"), one("after", dependencies=["approval"]))
    run = await stack.ended(run_id)
    assert run["status"] == "FAILED"
    assert "task 'approval': no signal 'approved' came until 20" in run["error"]
    assert statuses(run) == {"approval": "FAILED", "after": "SKIPPED"}


async def test_cancelled_waits_and_sleeps_end_at_once(stack: Stack) -> None:
    run_id = await stack.submit(wait("w", "never"), {"name": "s", "sleep": "3d"})
    await when(stack, run_id, "w")
    await when(stack, run_id, "s")
    await cancel(stack, run_id)
    run = await stack.when(run_id, lambda run: set(statuses(run).values()) == {"CANCELLED"}, 20)
    at = {event["type"]: datetime.fromisoformat(event["at"]) for event in await events(stack, run_id)}
    assert run["status"] == "CANCELLED"
    # Beats, which come every five seconds, are not what tells of it.
    assert at["run.released"] - at["run.cancel_requested"] < timedelta(seconds=4)


async def test_a_child_runs_with_its_parents_values_and_hands_its_results_back(stack: Stack) -> None:
    await stack.submit(
        one("double", "given['x'] * 2", parameters={"x": "{x}"}),
        one("large", "'x' * 100_000"),
        name="doubling",
        parameters={"x": 1},
    )
    run_id = await stack.submit(
        one("three", "3"),
        {"name": "child", "workflow": "doubling", "parameters": {"x": "{three.result}"}, "dependencies": ["three"]},
        one("end", "given['x']['double'] + 1", parameters={"x": "{child.result}"}, dependencies=["child"]),
        name="parent",
    )
    run = await stack.ended(run_id)
    assert (run["status"], run["error"]) == ("COMPLETED", None)
    results = await stack.results(run_id)
    assert (results["child"]["double"], results["end"]) == (6, 7)
    assert set(results["child"]["large"]) == {"blob"}
    child = await stack.run(await child_of(stack, run_id, "child"))
    assert (child["name"], child["status"], child["parent_run_id"]) == ("doubling", "COMPLETED", run_id)
    assert sorted(row["name"] for row in await stack.task_runs(run_id, 3)) == ["child", "end", "three"]


async def test_a_child_that_fails_fails_its_task_with_its_reason(stack: Stack) -> None:
    await stack.submit(one("boom", "1 // 0", retry={"maximum_attempts": 1}), name="failing")
    run_id = await stack.submit({"name": "child", "workflow": "failing"}, {"name": "unknown", "workflow": "no such"})
    run = await stack.ended(run_id)
    child = await child_of(stack, run_id, "child")
    errors = {task["name"]: task["error"] for task in run["tasks"]}
    assert run["status"] == "FAILED"
    assert f"task 'child': run {child} of workflow 'failing' is FAILED: task 'boom'" in errors["child"]
    assert "ZeroDivisionError" in errors["child"]
    assert "workflow 'no such' cannot be run: there is no workflow of admin 'no such'" in errors["unknown"]


async def test_a_cancelled_parent_takes_its_children_along_at_every_depth_but_the_abandoned(
    stack: Stack,
) -> None:
    await stack.submit(wait("w", "go"), name="waiting")
    await stack.submit({"name": "deeper", "workflow": "waiting"}, name="middle")
    run_id = await stack.submit(
        {"name": "along", "workflow": "middle"},
        {"name": "left", "workflow": "waiting", "on_parent_cancel": "abandon"},
        name="top",
    )
    middle, left = await child_of(stack, run_id, "along"), await child_of(stack, run_id, "left")
    deepest = await child_of(stack, middle, "deeper")
    await when(stack, deepest, "w")
    await when(stack, left, "w")
    await cancel(stack, run_id)
    for ended in (run_id, middle, deepest):
        assert (await stack.ended(ended, 30))["status"] == "CANCELLED"
    assert (await stack.run(left))["status"] == "RUNNING"
    await send(stack, left, "go")
    assert (await stack.ended(left))["status"] == "COMPLETED"


async def test_a_workflow_that_runs_itself_fails_with_the_chain(stack: Stack) -> None:
    run_id = await stack.submit({"name": "again", "workflow": "loop"}, name="loop")
    run = await stack.ended(run_id, 180)
    assert run["status"] == "FAILED"
    assert "at most 10 levels deep" in run["error"] and " -> ".join(["loop"] * 12) in run["error"]
