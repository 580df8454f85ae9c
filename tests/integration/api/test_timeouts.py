"""Limits and heartbeat details over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx

from api.clock import utc_now
from tests.integration.api.conftest import Client, definition, put_task, reports


async def put(http: httpx.AsyncClient, run_id: str, task: str, **fields: Any) -> None:
    """Define a task with some limits and queue one subtask."""
    await http.put(
        f"/v1/flow/runs/{run_id}/tasks/{task}", json={"status": "RUNNING", "definition": definition(**fields)}
    )
    batches = [{"index": 0, "subtasks": [{"index": 0}]}]
    answer = await http.post(f"/v1/flow/runs/{run_id}/tasks/{task}/batches", json={"batches": batches})
    assert answer.status_code == 204, answer.text


async def settled(http: httpx.AsyncClient, run_id: str, task: str) -> dict[str, Any]:
    batch = f"{run_id}/{task}/b0"
    async with asyncio.timeout(30):
        while True:
            body = {"waiting": [batch], "seconds": 20}
            found = (await http.post(f"/v1/flow/runs/{run_id}/batches:settled", json=body)).json()["settled"]
            if found:
                return dict(found[0])


async def sync(agent: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await agent.post("/v1/agent/sync", json={"slots": 1, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def held(answer: dict[str, Any], **told: Any) -> list[dict[str, Any]]:
    return [{"subtask_id": item["subtask_id"], "token": item["token"], **told} for item in answer["leases"]]


async def test_details_go_from_one_volunteer_to_the_next_and_progress_to_whoever_looks(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol("a") as first, await client.enrol("b") as second:
        await put_task(flow, run_id, "t", 1)
        answer = await sync(first, wish=1, wait=5)
        assert (answer["leases"][0]["details"], answer["leases"][0]["details_blob"]) == (None, None)
        for step in (1, 2):  # the second comes at once after the first, and is kept all the same
            told = held(answer, details=f'{{"done":{step}}}', progress=step / 10)
            assert (await sync(first, held=told))["cancelled"] == []
        async with client.http("admin") as admin:
            shown = (await admin.get(f"/v1/runs/{run_id}/subtasks", params={"task": "t"})).json()["subtasks"]
        assert shown[0]["progress"] == 0.2
        last = held(answer, details='{"done":3}')
        handed_back = reports(answer, outcome="HANDED_BACK", result=None)
        assert (await sync(first, held=last, reports=handed_back))["verdicts"] == ["ACCEPTED"]
        again = await sync(second, wish=1, wait=5)
        assert again["leases"][0]["details"] == '{"done":3}'


async def test_details_that_cannot_be_kept_hold_up_nothing(client: Client) -> None:
    async with await client.enrol() as agent:
        for told in ({"details": "{"}, {"details": 1}, {"details": "1", "details_blob": "0" * 64}):
            body = {"slots": 1, "held": [{"subtask_id": "s", "token": "t", **told}]}
            answer = await agent.post("/v1/agent/sync", json=body)
            assert answer.status_code == 200, answer.text


async def test_agents_are_not_told_limits_that_are_not_theirs(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put(flow, run_id, "t", schedule_to_start=60.0, schedule_to_close=None, start_to_close=5.0)
        [task] = (await sync(agent, wish=1, wait=5))["tasks"]
        assert task["start_to_close"] == 5.0
        assert not {"schedule_to_start", "schedule_to_close"} & task.keys()


async def test_a_demand_that_no_machine_meets_fails_in_time_and_says_so(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put(flow, run_id, "t", schedule_to_start=0.1, cpu=1000)
        assert (await sync(agent, wish=1, wait=0))["leases"] == []
        batch = await settled(flow, run_id, "t")
        assert (batch["failed"], batch["errors"][0]["type"]) == (1, "ScheduleToStartTimedOut")
        assert "1000 cores" in batch["errors"][0]["message"]


async def test_an_attempt_past_the_limit_on_the_whole_is_called_back(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put(flow, run_id, "t", schedule_to_close=1.0)
        answer = await sync(agent, wish=1, wait=5)
        batch = await settled(flow, run_id, "t")
        assert batch["errors"][0]["type"] == "ScheduleToCloseTimedOut"
        assert (await sync(agent, held=held(answer)))["cancelled"] == [answer["leases"][0]["subtask_id"]]
        assert (await sync(agent, reports=reports(answer)))["verdicts"] == ["STALE"]


async def test_heartbeats_carry_a_lease_no_further_than_start_to_close_and_its_grace(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put(flow, run_id, "t", start_to_close=5.0, heartbeat=3600.0, storage=0)
        answer = await sync(agent, wish=1, wait=5)
        assert (await sync(agent, held=held(answer)))["cancelled"] == []
        later = utc_now() + timedelta(seconds=66)
        assert await client.services.stores.subtasks.expire(now=later - timedelta(seconds=10)) == 0
        assert await client.services.stores.subtasks.expire(now=later) == 1
        [attempt] = (await client.services.stores.results.page(f"{run_id}/t", after=-1, limit=1))[0].attempts
        assert attempt.outcome == "TIMED_OUT"
