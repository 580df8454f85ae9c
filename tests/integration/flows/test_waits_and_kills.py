"""Waits, sleeps and child runs when the worker that carries them is killed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from tests.integration.flows.stack_under_test import Stack
from tests.integration.flows.test_worker import reschedule
from tests.integration.flows.waiting_runs import child_of, events, send, wait, when

pytestmark = pytest.mark.usefixtures("volunteer")


async def killed_while(stack: Stack, run_id: str, task: str, worker: Any) -> None:
    """kill -9 the worker while the task waits, and have the run taken up again as the service does."""
    await when(stack, run_id, task)
    worker.kill()
    await worker.wait()
    await reschedule(stack, run_id)


async def starts(stack: Stack, run_id: str) -> list[datetime]:
    """Return when the run was taken up by a worker, each time."""
    told = await events(stack, run_id)
    return [datetime.fromisoformat(event["at"]) for event in told if event["type"] == "run.held"]


async def test_a_sleep_goes_on_through_the_death_of_its_worker_and_does_not_begin_anew(stack: Stack) -> None:
    async with stack.worker("sleepy") as worker:
        run_id = await stack.submit({"name": "nap", "sleep": "12s"})
        await when(stack, run_id, "nap")
        until = await end_of(stack, f"{run_id}/nap")
        await killed_while(stack, run_id, "nap", worker)
    async with stack.worker("sleepy"):
        run = await stack.ended(run_id)
    assert (run["status"], run["error"]) == ("COMPLETED", None)
    assert await end_of(stack, f"{run_id}/nap") == until
    told = [(event["type"], datetime.fromisoformat(event["at"])) for event in await events(stack, run_id)]
    ended = next(at for type_, at in told if type_ == "task.completed")
    assert ended >= until, "the whole time was slept"
    assert len(await starts(stack, run_id)) == 2
    assert [row["state_type"] for row in await stack.task_runs(run_id, 1)] == ["COMPLETED"]


async def test_a_wait_survives_the_death_of_its_worker_and_signals_sent_meanwhile(stack: Stack) -> None:
    async with stack.worker("waiter") as worker:
        run_id = await stack.submit(wait("a", "go"), wait("b", "go", timeout="1h", dependencies=["a"]))
        await when(stack, run_id, "a")
        await send(stack, run_id, "go", 1)
        await killed_while(stack, run_id, "b", worker)
        await send(stack, run_id, "go", 2)
    async with stack.worker("waiter"):
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    assert await stack.results(run_id) == {"a": 1, "b": 2}
    assert len(await starts(stack, run_id)) == 2


async def test_a_parent_whose_worker_died_adopts_the_child_it_has(stack: Stack) -> None:
    async with stack.worker("parental") as worker:
        await stack.submit(wait("w", "go"), name="patient")
        run_id = await stack.submit({"name": "child", "workflow": "patient"}, name="adopting")
        child = await child_of(stack, run_id, "child")
        await when(stack, child, "w")
        await killed_while(stack, run_id, "child", worker)
        await reschedule(stack, child)
    async with stack.worker("parental"):
        await send(stack, child, "go", "grown")
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
        assert await stack.results(run_id) == {"child": {"w": "grown"}}
    assert await child_of(stack, run_id, "child") == child
    assert (len(await starts(stack, run_id)), len(await starts(stack, child))) == (2, 2)
    async with stack.http("admin") as http:
        runs = (await http.get("/v1/runs?page_size=500")).json()["runs"]
    assert [run["id"] for run in runs if run["parent_run_id"] == run_id] == [child]


@asynccontextmanager
async def tasks_of(stack: Stack) -> AsyncIterator[AsyncCollection[dict[str, Any]]]:
    mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(stack.environment["MONGODB_URI"])
    try:
        yield mongo[stack.environment["NJANGI_DATABASE"]]["tasks"]
    finally:
        await mongo.close()


async def end_of(stack: Stack, task_id: str) -> datetime:
    """Return when a task's sleep ends, as its plan says."""
    async with tasks_of(stack) as tasks:
        task = await tasks.find_one({"_id": task_id})
    assert task is not None
    return datetime.fromisoformat(json.loads(task["plan"])["until"])
