"""Workflows from the spec to the answer, on three real agents."""

from __future__ import annotations

import asyncio

import httpx
from njangi_flows.cli import folder
from njangi_flows.workflow.spec import read as read_document

from flows.library.mersenne_factors import check
from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter, python

MERSENNE = check.EXPONENTS.with_name("workflow.yaml")
SQUARE = "def f(part):\n    return part * part\n"


async def test_the_mersenne_workflow_finds_the_published_factors(submitter: Submitter) -> None:
    submission = folder.read(MERSENNE)
    files = {name: path.read_bytes() for name, path in submission.files.items()}
    fields = {**read_document(submission.text).fields, "name": "mersenne"}
    bound = 20_000
    run_id = await submitter.start(*fields.pop("tasks"), files=files, run_parameters={"bound": bound}, **fields)
    run = await submitter.completed(run_id, 120)
    table = await submitter.result(run_id, "factor")
    assert check.problems(table, bound) == []
    report = await submitter.result(run_id, "report")
    assert report["exponents"] == len(table["rows"])
    assert [task["status"] for task in run["tasks"]] == ["COMPLETED", "COMPLETED"]


async def test_a_diamond_hands_results_from_task_to_task(submitter: Submitter) -> None:
    of_numbers = {"parameters": {"x": "{numbers.result}"}, "dependencies": ["numbers"]}
    run_id = await submitter.start(
        python("numbers", "def f():\n    return [3, 4]\n"),
        python("left", "def f(x):\n    return x[0] ** 2\n", **of_numbers),
        python("right", "def f(x):\n    return x[1] ** 2\n", **of_numbers),
        {"name": "both", "command": ["cat", "{left.result}", "{right.result}"], "dependencies": ["left", "right"]},
    )
    await submitter.completed(run_id)
    assert await submitter.result(run_id, "left") == 9
    assert (await submitter.result(run_id, "both")).replace("\n", "") == "916"


async def test_a_thousand_subtasks_in_order_and_each_once(submitter: Submitter) -> None:
    run_id = await submitter.start(python("square", SQUARE, split={"range": 1000}, aggregate="list"))
    run = await submitter.completed(run_id)
    assert await submitter.result(run_id, "square") == [n * n for n in range(1000)]
    [task] = run["tasks"]
    assert (task["total"], task["completed"], task["failed"]) == (1000, 1000, 0)


async def test_results_above_64_kib_travel_as_blobs_in_both_directions(submitter: Submitter) -> None:
    run_id = await submitter.start(
        python("large", "def f():\n    return 'x' * 300_000\n"),
        python(
            "length",
            "def f(text):\n    return len(text)\n",
            parameters={"text": "{large.result}"},
            dependencies=["large"],
        ),
    )
    await submitter.completed(run_id)
    assert await submitter.result(run_id, "length") == 300_000
    assert await submitter.result(run_id, "large") == "x" * 300_000


async def test_a_failure_that_passes_is_retried_by_prefect(submitter: Submitter, stack: Stack) -> None:
    flaky = "import random\ndef f(part):\n    assert random.random() > 0.3, 'bad luck'\n    return part\n"
    retry = {"maximum_attempts": 10, "initial_interval": "100ms", "backoff_coefficient": 1.0}
    run_id = await submitter.start(python("flaky", flaky, split={"range": 30}, aggregate="sum", retry=retry))
    run = await submitter.completed(run_id)
    assert await submitter.result(run_id, "flaky") == sum(range(30))
    outcomes = [
        attempt["outcome"] for item in await submitter.subtasks(run_id, "flaky") for attempt in item["attempts"]
    ]
    assert outcomes.count("RETURNED") == 30 and "FAILED" in outcomes
    async with httpx.AsyncClient(base_url=f"{stack.settings.prefect_url}/api") as prefect:
        wanted = {"flow_runs": {"id": {"any_": [run["prefect_flow_run_id"]]}}}
        async with asyncio.timeout(20):
            while True:  # task runs reach Prefect's database as events, a moment later
                rows = (await prefect.post("/task_runs/filter", json=wanted)).json()
                if rows and all(row["state"]["type"] == "COMPLETED" for row in rows):
                    break
                await asyncio.sleep(0.2)
        assert max(row["run_count"] for row in rows) > 1


async def test_prefect_shows_the_dag_of_a_run(submitter: Submitter, stack: Stack) -> None:
    run_id = await submitter.start(
        python("a", SQUARE, split={"range": 3}, aggregate="sum"),
        python("b", "def f(x):\n    return x\n", parameters={"x": "{a.result}"}, dependencies=["a"]),
    )
    run = await submitter.completed(run_id)
    async with httpx.AsyncClient(base_url=f"{stack.settings.prefect_url}/api") as prefect:
        async with asyncio.timeout(20):
            while True:
                graph = (await prefect.get(f"/flow_runs/{run['prefect_flow_run_id']}/graph-v2")).json()
                nodes = dict(graph["nodes"])
                if len(nodes) >= 5 and all(node["state_type"] == "COMPLETED" for node in nodes.values()):
                    break
                await asyncio.sleep(0.2)
    parents = {node["label"]: len(node["parents"]) for node in nodes.values()}
    assert sorted(parents.values()) == [0, 0, 0, 3, 3], parents


async def test_every_change_of_state_is_told_as_an_event(submitter: Submitter) -> None:
    run_id = await submitter.start(python("t", "def f():\n    return 1\n"))
    await submitter.completed(run_id)
    types = [event["type"] for event in await submitter.events(run_id)]
    for expected in ("run.submitted", "run.held", "task.running", "subtasks.queued", "subtasks.leased"):
        assert expected in types, types
    assert types.index("subtasks.completed") < types.index("task.completed") < types.index("run.completed")


async def test_a_cancelled_run_ends_soon_and_stops_its_agents(submitter: Submitter) -> None:
    run_id = await submitter.start({"name": "long", "command": ["sleep", "600"]})
    await submitter.until(run_id, lambda run: any(task["leased"] for task in run["tasks"]))
    assert (await submitter.post(f"/v1/runs/{run_id}:cancel")).status_code == 202
    run = await submitter.ended(run_id, 30)
    assert run["status"] == "CANCELLED"
    await submitter.completed(await submitter.start(python("t", SQUARE, split={"range": 3}, aggregate="list")), 60)
