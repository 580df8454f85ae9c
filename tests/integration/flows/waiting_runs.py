"""Short ways to say what tests of waits do: submit tasks that wait, send signals, find children."""

from __future__ import annotations

from typing import Any

from tests.integration.flows.stack_under_test import Stack


def wait(name: str, signal: str, **fields: Any) -> dict[str, Any]:
    timeout = {"timeout": fields.pop("timeout")} if "timeout" in fields else {}
    return {"name": name, "wait": {"signal": signal, **timeout}, **fields}


def one(name: str, value: str = "1", **fields: Any) -> dict[str, Any]:
    return {"name": name, "python": {"function": "f", "source": f"def f(**given):\n    return {value}\n"}, **fields}


async def send(stack: Stack, run_id: str, name: str, payload: Any = None) -> None:
    async with stack.http("admin") as http:
        answer = await http.post(f"/v1/runs/{run_id}/signals", json={"name": name, "payload": payload})
        assert answer.status_code == 202, answer.text


async def events(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    async with stack.http("admin") as http:
        return list((await http.get(f"/v1/runs/{run_id}/events")).raise_for_status().json()["events"])


async def cancel(stack: Stack, run_id: str) -> None:
    async with stack.http("admin") as http:
        assert (await http.post(f"/v1/runs/{run_id}:cancel")).status_code == 202


async def when(stack: Stack, run_id: str, task: str, status: str = "RUNNING") -> None:
    """Wait until a task has that status."""
    await stack.when(run_id, lambda run: statuses(run).get(task) == status)


def statuses(run: dict[str, Any]) -> dict[str, str]:
    return {task["name"]: task["status"] for task in run["tasks"]}


async def child_of(stack: Stack, run_id: str, task: str) -> str:
    """Wait until a task has started its child and return that run's id."""

    def started(run: dict[str, Any]) -> Any:
        return next(item["child_run_id"] for item in run["tasks"] if item["name"] == task)

    return str(started(await stack.when(run_id, started)))
