"""What becomes of runs when their worker leaves, dies or loses the run lease."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.flows.stack_under_test import Stack, SubtaskError, Volunteer, process

pytestmark = pytest.mark.usefixtures("volunteer")


def fails_once(parameters: dict[str, Any], attempt: int) -> Any:
    if attempt == 1:
        raise SubtaskError("NonZeroExit", "exit status 1")
    return "late"


async def submit_a_run_that_takes_a_while(stack: Stack) -> str:
    """Return a run whose first task is done and whose second one waits three seconds for its next try."""
    stack.behaviours["gate"] = fails_once
    stack.behaviours["first"] = lambda parameters, attempt: parameters["part"]
    run_id = await stack.submit(
        {"name": "first", "command": ["first", "{part}"], "split": {"range": 3}},
        {"name": "gate", "command": ["gate"], "dependencies": ["first"], "retry": {"initial_interval": 3}},
    )
    async with asyncio.timeout(30):
        while not await gate_has_failed(stack, run_id):
            await asyncio.sleep(0.05)
    return run_id


async def gate_has_failed(stack: Stack, run_id: str) -> bool:
    async with stack.http("admin") as http:
        events = (await http.get(f"/v1/runs/{run_id}/events")).raise_for_status().json()["events"]
    return any(event["type"] == "subtasks.failed" and event["task"] == "gate" for event in events)


async def assert_it_was_finished_without_doing_anything_twice(stack: Stack, volunteer: Volunteer, run_id: str) -> None:
    run = await stack.ended(run_id)
    assert (run["status"], run["error"]) == ("COMPLETED", None)
    assert await stack.results(run_id) == {"first": [0, 1, 2], "gate": "late"}
    assert [volunteer.attempts[f"{run_id}/first/{index}"] for index in range(3)] == [1, 1, 1]
    assert volunteer.attempts[f"{run_id}/gate/0"] == 2
    rows = await stack.task_runs(run_id, 5)
    assert sorted(row["name"] for row in rows) == ["first [0]", "first [1]", "first [2]", "first aggregate", "gate"]
    assert {row["state_type"] for row in rows} == {"COMPLETED"}


async def test_a_worker_that_is_told_to_leave_hands_its_runs_on(stack: Stack, volunteer: Volunteer) -> None:
    async with stack.worker("leaving") as worker:
        run_id = await submit_a_run_that_takes_a_while(stack)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 10) == 0
        assert (await stack.flow_run(run_id))["state_name"] == "AwaitingRetry"
    async with stack.worker("next"):
        await assert_it_was_finished_without_doing_anything_twice(stack, volunteer, run_id)


async def test_a_worker_that_is_told_to_leave_carries_nothing_that_it_only_begins_to_take_up(stack: Stack) -> None:
    async with stack.worker("taking"):
        pass  # so that the runs find the pool, and nobody carries them yet
    runs = [await stack.submit({"name": "long", "sleep": "1h"}) for _ in range(12)]
    async with stack.worker("taking") as worker:
        await stack.when(runs[0], lambda run: run["status"] == "RUNNING")
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 20) == 0
    async with stack.http("admin") as admin:
        for run_id in runs:
            (await admin.post(f"/v1/runs/{run_id}:cancel")).raise_for_status()


async def test_a_run_goes_on_after_its_worker_was_killed(stack: Stack, volunteer: Volunteer) -> None:
    async with stack.worker("killed") as worker:
        run_id = await submit_a_run_that_takes_a_while(stack)
        worker.kill()
        await worker.wait()
    await reschedule(stack, run_id)
    async with stack.worker("killed"):
        await assert_it_was_finished_without_doing_anything_twice(stack, volunteer, run_id)


async def test_a_worker_that_lost_the_run_lease_stops_and_leaves_the_run_alone(
    stack: Stack, volunteer: Volunteer
) -> None:
    async with contextlib.AsyncExitStack() as until_the_end, stack.worker("fenced"):
        stack.behaviours["first"] = lambda parameters, attempt: 1
        run_id = await stack.submit(
            {"name": "first", "command": ["first"]},
            {"name": "never", "command": ["x"], "dependencies": ["first"], "resources": {"cpu": 1000}},
        )
        await stack.when(run_id, lambda run: run["tasks"][1]["status"] == "RUNNING")
        await until_the_end.enter_async_context(holding(stack, run_id))
        await said(stack.logs / "fenced.log", "a run is left: another holder carries the run")
        assert (await stack.flow_run(run_id))["state_type"] == "RUNNING"
    assert (await stack.flow_run(run_id))["state_type"] == "RUNNING"
    async with stack.http("admin") as admin:
        (await admin.post(f"/v1/runs/{run_id}:cancel")).raise_for_status()


@contextlib.asynccontextmanager
async def holding(stack: Stack, run_id: str) -> AsyncIterator[None]:
    """Take the run lease as another start of the same holder would, and keep it."""
    async with stack.http("flow") as http:
        taken = (await http.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "fenced"})).raise_for_status()
        leases = [{"run_id": run_id, "token": taken.json()["token"]}]

        async def beat() -> None:
            while True:
                await http.post("/v1/flow/runs:beat", json={"leases": leases})
                await asyncio.sleep(1)

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)


async def test_a_worker_leaves_though_nobody_answers_it(stack: Stack, tmp_path: Path) -> None:
    nobody = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "NJANGI_URL": "http://127.0.0.1:9"}
    log = tmp_path / "worker.log"
    async with process("njangi_flows.engine.worker", {**stack.environment, **nobody}, log=log) as worker:
        await said(log, "the Prefect server is away; waiting for it")
        assert worker.returncode is None
        worker.send_signal(signal.SIGTERM)
        await asyncio.wait_for(worker.wait(), 15)


async def said(log: Path, text: str) -> None:
    """Wait until a process has logged this."""
    async with asyncio.timeout(60):
        while text not in log.read_text():  # noqa: ASYNC240 - a small local file
            await asyncio.sleep(0.05)


async def reschedule(stack: Stack, run_id: str) -> None:
    """Ask Prefect to run the flow run again, as the service does for a run that nobody carries."""
    flow_run = await stack.flow_run(run_id)
    async with httpx.AsyncClient(base_url=stack.prefect_api) as http:
        state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
        body = {"state": state, "force": True}
        (await http.post(f"/flow_runs/{flow_run['id']}/set_state", json=body)).raise_for_status()
