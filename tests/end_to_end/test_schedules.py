"""Schedules on the real stack: runs at their times, one at a time, and none lost or doubled by kills."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx

from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter

INTERVAL = timedelta(seconds=2)


@asynccontextmanager
async def schedule(stack: Stack, command: list[str], **fields: Any) -> AsyncIterator[str]:
    """Have a workflow of one command run every INTERVAL, for the length of the block; yield the schedule's id."""
    token = (stack.settings.home / "tokens" / "admin").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=stack.settings.url, headers=headers, timeout=60) as http:
        spec = {"name": "scheduled", "tasks": [{"name": "t", "command": command}]}
        workflow = (await http.post("/v1/workflows", json={"spec": spec})).raise_for_status().json()
        body = {"workflow_id": workflow["id"], "interval": INTERVAL.total_seconds(), **fields}
        id_ = str((await http.post("/v1/schedules", json=body)).raise_for_status().json()["id"])
        try:
            yield id_
        finally:
            await http.delete(f"/v1/schedules/{id_}")


async def runs_of(submitter: Submitter, schedule_id: str) -> list[dict[str, Any]]:
    """Return the schedule's runs, the earliest first."""
    runs = (await submitter.get("/v1/runs", page_size=500))["runs"]
    mine = [run for run in runs if run["schedule"] is not None and run["schedule"]["id"] == schedule_id]
    return sorted(mine, key=_at)


def _at(run: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(run["schedule"]["at"])


async def test_with_overlap_skip_runs_follow_each_other_and_times_in_between_are_skipped(
    submitter: Submitter, stack: Stack
) -> None:
    async with schedule(stack, ["sleep", "3"], overlap="skip") as id_, asyncio.timeout(400):
        while sum(run["status"] == "COMPLETED" for run in await runs_of(submitter, id_)) < 3:
            await asyncio.sleep(0.5)
        shown = await submitter.get(f"/v1/schedules/{id_}")
    ended = [run for run in await runs_of(submitter, id_) if run["ended_at"] is not None]
    for earlier, later in pairwise(ended):
        assert datetime.fromisoformat(later["created_at"]) >= datetime.fromisoformat(earlier["ended_at"])
    assert {taken["outcome"] for taken in shown["recent"]} == {"started", "skipped"}
    async with httpx.AsyncClient(base_url=f"{stack.settings.prefect_url}/api", timeout=30) as prefect:
        wanted = {"flow_runs": {"tags": {"all_": [f"schedule:{id_}"]}}}
        found = (await prefect.post("/flow_runs/filter", json=wanted)).json()
    assert {run["prefect_flow_run_id"] for run in ended} <= {run["id"] for run in found}


async def test_kills_of_the_api_lose_and_double_no_time(submitter: Submitter, stack: Stack) -> None:
    async with schedule(stack, ["true"], overlap="allow") as id_, asyncio.timeout(600):
        for enough in (2, 4):
            while len(await runs_of(submitter, id_)) < enough:
                await asyncio.sleep(0.1)
            pid = stack.pid("api")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await stack.replaced("api", pid)
        while len(await runs_of(submitter, id_)) < 8:
            await asyncio.sleep(0.2)
    runs = await runs_of(submitter, id_)
    times = [_at(run) for run in runs]
    assert times == [times[0] + number * INTERVAL for number in range(len(times))]
    for run in runs:
        await submitter.completed(run["id"], 300)
