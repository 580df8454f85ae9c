"""Runs, from their spec to their results, through a real Prefect server, service and worker."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from njangi_flows.engine.worker import STARTS_AT_ONCE

from tests.integration.flows.stack_under_test import Stack, SubtaskError, Volunteer

pytestmark = pytest.mark.usefixtures("worker", "volunteer")

SQUARE = {"function": "square", "source": "def square(part):\n    return part * part\n"}


def python(name: str, source: str, **fields: Any) -> dict[str, Any]:
    function = source.split("(")[0].removeprefix("def ")
    return {"name": name, "python": {"function": function, "source": source}, **fields}


async def test_a_chain_hands_each_result_to_the_next(stack: Stack) -> None:
    run_id = await stack.submit(
        python("one", "def one():\n    return 1\n"),
        python("two", "def two(x):\n    return x + 1\n", dependencies=["one"], parameters={"x": "{one.result}"}),
        python("three", "def three(x):\n    return x + 1\n", dependencies=["two"], parameters={"x": "{two.result}"}),
    )
    run = await stack.ended(run_id)
    assert (run["status"], run["error"]) == ("COMPLETED", None)
    assert await stack.results(run_id) == {"one": 1, "two": 2, "three": 3}


async def test_a_diamond_of_fan_outs_shows_as_a_graph_in_prefect(stack: Stack) -> None:
    run_id = await stack.submit(
        python("start", "def start():\n    return 3\n"),
        {"name": "left", "python": SQUARE, "split": {"range": 4}, "aggregate": "sum", "dependencies": ["start"]},
        {"name": "right", "python": SQUARE, "split": {"range": 4}, "dependencies": ["start"]},
        python(
            "end",
            "def end(l, r):\n    return [l, r]\n",
            dependencies=["left", "right"],
            parameters={"l": "{left.result}", "r": "{right.result}"},
        ),
    )
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert (await stack.results(run_id))["end"] == [14, [0, 1, 4, 9]]
    rows = {row["name"]: row for row in await stack.task_runs(run_id, 12)}
    assert sorted(rows) == [
        "end",
        "left [0]",
        "left [1]",
        "left [2]",
        "left [3]",
        "left aggregate",
        "right [0]",
        "right [1]",
        "right [2]",
        "right [3]",
        "right aggregate",
        "start",
    ]
    edges = {
        name: {item["id"] for items in row["task_inputs"].values() for item in items} for name, row in rows.items()
    }
    assert edges["left [2]"] == {rows["start"]["id"]}
    assert edges["left aggregate"] == {rows[f"left [{index}]"]["id"] for index in range(4)}
    assert edges["end"] == {rows["left aggregate"]["id"], rows["right aggregate"]["id"]}
    assert {row["state_type"] for row in rows.values()} == {"COMPLETED"}


async def test_a_large_fan_out_shares_task_runs(stack: Stack) -> None:
    run_id = await stack.submit(
        {"name": "square", "python": SQUARE, "split": {"range": 3000}, "aggregate": "sum"},
    )
    assert (await stack.ended(run_id, 120))["status"] == "COMPLETED"
    assert await stack.results(run_id) == {"square": sum(n * n for n in range(3000))}
    rows = await stack.task_runs(run_id, 51)
    assert len(rows) == 51
    assert "square [0..59]" in {row["name"] for row in rows}


async def test_only_failed_subtasks_are_tried_again_with_prefects_retries(stack: Stack, volunteer: Volunteer) -> None:
    def fails_once(parameters: dict[str, Any], attempt: int) -> Any:
        if parameters["part"] == 2 and attempt == 1:
            raise SubtaskError("NonZeroExit", "exit status 1", "not today")
        return parameters["part"]

    stack.behaviours["fails-once"] = fails_once
    run_id = await stack.submit(
        {
            "name": "try",
            "command": ["fails-once", "{part}"],
            "split": {"range": 4},
            "retry": {"maximum_attempts": 2, "initial_interval": 0.1},
        }
    )
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert await stack.results(run_id) == {"try": [0, 1, 2, 3]}
    assert [volunteer.attempts[f"{run_id}/try/{index}"] for index in range(4)] == [1, 1, 2, 1]
    rows = {row["name"]: row["run_count"] for row in await stack.task_runs(run_id, 5)}
    assert rows == {"try [0]": 1, "try [1]": 1, "try [2]": 2, "try [3]": 1, "try aggregate": 1}


async def test_a_failed_run_names_its_task_and_subtask(stack: Stack) -> None:
    def fails(parameters: dict[str, Any], attempt: int) -> Any:
        if parameters["part"] == 1:
            raise SubtaskError("NonZeroExit", "exit status 3", "no such exponent")
        return parameters["part"]

    stack.behaviours["fails"] = fails
    run_id = await stack.submit(
        {
            "name": "factor",
            "command": ["fails", "{part}"],
            "split": {"range": 3},
            "retry": {"maximum_attempts": 2, "initial_interval": 0.05},
        },
        python("report", "def report():\n    return 1\n", dependencies=["factor"]),
        python("apart", "def apart():\n    return 2\n"),
    )
    run = await stack.ended(run_id)
    assert run["status"] == "FAILED"
    for part in ("task 'factor'", f"{run_id}/factor/1", "NonZeroExit: exit status 3", "no such exponent"):
        assert part in run["error"]
    assert {task["name"]: task["status"] for task in run["tasks"]} == {
        "factor": "FAILED",
        "report": "SKIPPED",
        "apart": "COMPLETED",
    }
    flow_run = await stack.flow_run(run_id)
    assert (flow_run["state_type"], "factor" in flow_run["state"]["message"]) == ("FAILED", True)


async def test_an_error_that_the_task_names_is_not_tried_again(stack: Stack, volunteer: Volunteer) -> None:
    def bad(parameters: dict[str, Any], attempt: int) -> Any:
        raise SubtaskError("BadInput", "never")

    stack.behaviours["bad"] = bad
    run_id = await stack.submit(
        {"name": "bad", "command": ["bad"], "retry": {"maximum_attempts": 5, "non_retryable": ["BadInput"]}}
    )
    assert (await stack.ended(run_id))["status"] == "FAILED"
    assert volunteer.attempts[f"{run_id}/bad/0"] == 1


async def test_tolerated_failures_leave_null_in_their_places_and_are_told_of(stack: Stack) -> None:
    def odd(parameters: dict[str, Any], attempt: int) -> Any:
        if parameters["part"] % 5 == 0:
            raise SubtaskError("Odd", "no")
        return parameters["part"]

    stack.behaviours["odd"] = odd
    run_id = await stack.submit(
        {
            "name": "odd",
            "command": ["odd"],
            "split": {"range": 10},
            "retry": {"maximum_attempts": 1},
            "tolerated_failure": "20%",
        },
        python(
            "use",
            "def use(x, failed):\n    return [value for n, value in enumerate(x) if n not in failed] + failed\n",
            dependencies=["odd"],
            parameters={"x": "{odd.result}", "failed": "{odd.failed}"},
        ),
    )
    run = await stack.ended(run_id)
    assert (run["status"], run["failed_parts"], run["parts"], run["error"]) == ("COMPLETED", 2, 10, None)
    assert await stack.results(run_id) == {
        "odd": [None, 1, 2, 3, 4, None, 6, 7, 8, 9],
        "use": [1, 2, 3, 4, 6, 7, 8, 9, 0, 5],
    }
    assert (await stack.flow_run(run_id))["state"]["message"] == "2 tasks, 2 of 10 parts failed"


async def test_large_parameters_and_results_travel_as_blobs(stack: Stack) -> None:
    run_id = await stack.submit(
        python("make", "def make():\n    return 'x' * 100000\n"),
        python(
            "measure",
            "def measure(text):\n    return len(text)\n",
            dependencies=["make"],
            parameters={"text": "{make.result}"},
        ),
    )
    assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert (await stack.results(run_id))["measure"] == 100_000


async def test_a_cancelled_run_ends_cancelled_at_once(stack: Stack) -> None:
    run_id = await stack.submit(
        python("nobody", "def nobody():\n    return 1\n", resources={"cpu": 1000}),
        python("after", "def after():\n    return 1\n", dependencies=["nobody"]),
    )
    await stack.when(run_id, lambda run: run["status"] == "RUNNING")
    async with stack.http("admin") as http:
        (await http.post(f"/v1/runs/{run_id}:cancel")).raise_for_status()
    run = await stack.ended(run_id, 10)
    assert run["status"] == "CANCELLED"
    assert (await stack.flow_run(run_id))["state_type"] == "CANCELLED"


async def test_more_runs_at_once_than_a_worker_takes_up_at_once_all_complete(stack: Stack) -> None:
    ids = await asyncio.gather(
        *(
            stack.submit({"name": "square", "python": SQUARE, "split": {"range": 5}, "aggregate": "sum"})
            for _ in range(STARTS_AT_ONCE + 4)
        )
    )
    runs = await asyncio.gather(*(stack.ended(run_id, 120) for run_id in ids))
    assert {run["status"] for run in runs} == {"COMPLETED"}
