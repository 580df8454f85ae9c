"""kill -9 of what runs an engineer's own flow: it goes on by itself, and keeps what volunteers had done."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from typing import Any

import httpx
import psutil

from flows.library.stdlib_census import census
from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter

GROUPS = 80
PACKAGE = "encodings"


async def start_census(stack: Stack, submitter: Submitter) -> str:
    """Start the census through its deployment and return the id of its run."""
    async with httpx.AsyncClient(base_url=f"{stack.settings.prefect_url}/api", timeout=30) as prefect:
        deployment = (await prefect.get("/deployments/name/stdlib-census/stdlib-census")).raise_for_status().json()
        body = {"parameters": {"groups_wanted": GROUPS, "package": PACKAGE}}
        made = await prefect.post(f"/deployments/{deployment['id']}/create_flow_run", json=body)
        flow_run_id = made.raise_for_status().json()["id"]
    async with asyncio.timeout(120):
        while True:
            for run in (await submitter.get("/v1/runs"))["runs"]:
                if run["prefect_flow_run_id"] == flow_run_id:
                    return str(run["id"])
            await asyncio.sleep(0.2)


async def counted(stack: Stack, submitter: Submitter, run_id: str) -> dict[str, Any]:
    """Return the census that a run left in Prefect."""
    flow_run_id = (await submitter.run(run_id))["prefect_flow_run_id"]
    wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}}
    async with httpx.AsyncClient(base_url=f"{stack.settings.prefect_url}/api", timeout=30) as prefect:
        artifacts = (await prefect.post("/artifacts/filter", json=wanted)).raise_for_status().json()
    tables = {item["key"]: json.loads(item["data"]) for item in artifacts if item["type"] == "table"}
    return census.from_artifacts(tables)


async def test_an_engineers_flow_goes_on_after_its_worker_and_its_process_were_killed(
    stack: Stack, submitter: Submitter
) -> None:
    run_id = await start_census(stack, submitter)
    await submitter.until(run_id, lambda run: any(task["completed"] >= 3 for task in run["tasks"]), 120)
    worker = psutil.Process(stack.pid("python-worker"))
    for process in [worker, *worker.children(recursive=True)]:
        os.kill(process.pid, signal.SIGKILL)
    await submitter.completed(run_id, 240)
    accepted: Counter[int] = Counter()
    lent_again: list[int] = []
    recovered = 0
    for event in await submitter.events(run_id):
        if event["type"] == "subtasks.completed":
            accepted.update(event["indexes"])
        elif event["type"] == "subtasks.leased":
            lent_again += [index for index in event["indexes"] if accepted[index]]
        elif event["type"] == "run.recovered":
            recovered += 1
    assert accepted == Counter(range(GROUPS)), "each call was accepted exactly once"
    assert lent_again == [], "no call was lent again after it was accepted"
    assert recovered >= 1
    assert census.problems(await counted(stack, submitter, run_id), census.single_process(PACKAGE)) == []
