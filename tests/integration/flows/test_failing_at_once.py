"""A task that can only fail fails at once and takes the rest of itself with it, though a batch rests between tries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.integration.flows.controlling import LARGE, control
from tests.integration.flows.stack_under_test import MACHINE, Stack

pytestmark = pytest.mark.usefixtures("worker")

RETRY = {"maximum_attempts": 3, "initial_interval": "1h", "maximum_interval": "1h", "non_retryable": ["Fatal"]}
"""Whoever waits for a rest of an hour is later than any test."""


class Agent:
    """A large machine that does what a test says."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def sync(self, *reports: dict[str, Any], wish: int = 0) -> dict[str, Any]:
        body = {"slots": 64, "wish": wish, "wait": 20.0 if wish else 0.0, "held": [], "reports": list(reports)}
        return dict((await self._http.post("/v1/agent/sync", json=body, timeout=60)).raise_for_status().json())

    async def lease(self, count: int) -> list[dict[str, Any]]:
        """Return so many leases, which may come with several batches."""
        leases: list[dict[str, Any]] = []
        while len(leases) < count:
            leases += (await self.sync(wish=count - len(leases)))["leases"]
        return leases

    async def fail(self, lease: dict[str, Any], type_: str) -> None:
        error = {"type": type_, "message": "as the test says", "stderr": ""}
        taken = {"subtask_id": lease["subtask_id"], "token": lease["token"], "seconds": 0.01}
        answer = await self.sync({**taken, "outcome": "FAILED", "error": error})
        assert answer["verdicts"] == ["ACCEPTED"]


@pytest_asyncio.fixture(loop_scope="session")
async def agent(stack: Stack) -> AsyncIterator[Agent]:
    async with stack.http("join") as http:
        body = {"name": "by hand", "machine": {**MACHINE, "cpu": 1000}}
        http.headers["Authorization"] = f"Bearer {(await http.post('/v1/agent/enrol', json=body)).json()['secret']}"
        yield Agent(http)


async def a_run_with_a_batch_that_rests(stack: Stack, agent: Agent, subtasks: int, leased: int) -> tuple[str, Any]:
    """Return a run of which one subtask has failed and may be tried again in an hour, and the other leases."""
    task = {"name": "a", "command": ["as-told", "{part}"], "split": {"range": subtasks}, "retry": RETRY, **LARGE}
    run_id = await stack.submit(task)
    first, *others = await agent.lease(leased)
    await agent.fail(first, "NotToday")
    await stack.when(run_id, lambda run: run["tasks"][0]["failed"] == 1)
    return run_id, others


async def test_the_rest_of_a_task_is_cancelled_and_its_run_ends_at_once(stack: Stack, agent: Agent) -> None:
    run_id, [fatal, under_way] = await a_run_with_a_batch_that_rests(stack, agent, subtasks=20, leased=3)
    await agent.fail(fatal, "Fatal")
    run = await stack.ended(run_id)
    assert run["status"] == "FAILED"
    first = f"{fatal['subtask_id']}: Fatal: as the test says"
    assert run["error"] == f"task 'a': 2 of 20 subtasks failed; the first is {first}", (
        "counted are the task's, not a batch's"
    )
    [task] = run["tasks"]
    assert {name: task[name] for name in ("status", "total", "queued", "leased", "completed", "failed")} == {
        "status": "FAILED",
        "total": 20,
        "queued": 0,
        "leased": 0,
        "completed": 0,
        "failed": 2,
    }
    late = {"subtask_id": under_way["subtask_id"], "token": under_way["token"], "seconds": 0.01}
    answer = await agent.sync({**late, "outcome": "RETURNED", "result": "1"})
    assert answer["verdicts"] == ["STALE"]


async def test_a_cancellation_does_not_wait_for_a_batch_that_rests(stack: Stack, agent: Agent) -> None:
    run_id, _ = await a_run_with_a_batch_that_rests(stack, agent, subtasks=2, leased=1)
    await control(stack, run_id, "cancel")
    assert (await stack.ended(run_id))["status"] == "CANCELLED"
