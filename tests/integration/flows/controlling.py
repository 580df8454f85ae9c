"""Short ways to control runs and to see what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.integration.flows.stack_under_test import MACHINE, Stack, SubtaskError, Volunteer

LARGE: dict[str, Any] = {"resources": {"cpu": 100}}
"""What only the giant can do, who comes when a test wants."""
ONCE = {"retry": {"maximum_attempts": 1}}


@asynccontextmanager
async def giant(stack: Stack) -> AsyncIterator[Volunteer]:
    async with stack.http("join") as join:
        machine = {**MACHINE, "cpu": 1000}
        enrolled = await join.post("/v1/agent/enrol", json={"name": "a giant", "machine": machine})
    async with stack.http("join") as http:
        http.headers["Authorization"] = f"Bearer {enrolled.json()['secret']}"
        made = Volunteer(stack, http)
        working = asyncio.create_task(made.work())
        try:
            yield made
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


async def control(stack: Stack, run_id: str, call: str, body: Any = None) -> dict[str, Any]:
    async with stack.http("admin") as http:
        answer = await http.post(f"/v1/runs/{run_id}:{call}", json=body or {})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def prefect_shows(stack: Stack, run_id: str, type_: str, **details: Any) -> dict[str, Any]:
    """Wait until Prefect shows the run in a state of that type and with these details; return the state."""
    async with asyncio.timeout(60):
        while True:
            state: dict[str, Any] = (await stack.flow_run(run_id))["state"]
            if state["type"] == type_ and all(state["state_details"][name] == value for name, value in details.items()):
                return state
            await asyncio.sleep(0.1)


async def in_prefect(stack: Stack, run_id: str, path: str, body: Any) -> None:
    id_ = (await stack.run(run_id))["prefect_flow_run_id"]
    async with httpx.AsyncClient(base_url=stack.prefect_api, timeout=30) as http:
        answer = (await http.post(f"/flow_runs/{id_}/{path}", json=body)).raise_for_status()
        assert answer.json()["status"] == "ACCEPT", answer.text


async def events(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    async with stack.http("admin") as http:
        found: list[dict[str, Any]] = (await http.get(f"/v1/runs/{run_id}/events")).json()["events"]
    return found


async def nothing_was_lent_while_paused(stack: Stack, run_id: str) -> None:
    types = [event["type"] for event in await events(stack, run_id)]
    between = types[types.index("run.paused") : types.index("run.resumed")]
    assert "subtasks.leased" not in between and "subtasks.leased" in types


async def waits(stack: Stack, run_id: str, task: str = "large") -> None:
    """Wait until the run's large task is in the queue."""

    def queued(run: dict[str, Any]) -> bool:
        return any(item["name"] == task and item["queued"] for item in run["tasks"])

    await stack.when(run_id, queued)


def large(stack: Stack, **fields: Any) -> dict[str, Any]:
    stack.behaviours["large"] = lambda parameters, attempt: parameters.get("part")
    return {"name": "large", "command": ["large", "{part}"], "split": {"range": 3}, **LARGE, **fields}


async def failed_once(stack: Stack, volunteer: Volunteer) -> str:
    """Return a run that failed by one of its subtasks, which would not fail again."""

    def fails_first(parameters: dict[str, Any], attempt: int) -> Any:
        if parameters["part"] == 1 and attempt == 1:
            raise SubtaskError("Bad", "luck")
        return parameters["part"] * 10

    stack.behaviours["fails-first"] = fails_first
    stack.behaviours["report"] = lambda parameters, attempt: "done"
    run_id = await stack.submit(
        {"name": "work", "command": ["fails-first", "{part}"], "split": {"range": 3}, **ONCE},
        {"name": "report", "command": ["report"], "dependencies": ["work"]},
    )
    run = await stack.ended(run_id)
    assert {task["name"]: task["status"] for task in run["tasks"]} == {"work": "FAILED", "report": "SKIPPED"}
    return run_id


def tidying(stack: Stack) -> dict[str, Any]:
    stack.behaviours["tidy"] = lambda parameters, attempt: "tidy"
    return {"name": "tidy", "command": ["tidy"]}
