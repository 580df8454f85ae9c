"""What a flow does over HTTP: hold a run, queue, wait, retry, hand in results; and being fenced off."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import httpx

from tests.integration.api.conftest import Client, put_task, reports


async def work(agent: httpx.AsyncClient, wanted: int, **fields: object) -> int:
    """Lease and report until `wanted` subtasks were done."""
    done = 0
    pending: list[dict[str, object]] = []
    while done < wanted:
        turn = {"slots": 4, "wish": 4, "wait": 5, "reports": pending}
        answer = (await agent.post("/v1/agent/sync", json=turn)).json()
        done += answer["verdicts"].count("ACCEPTED")
        pending = reports(answer, **fields)
    return done


async def test_a_flow_is_told_when_its_batches_settle(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 20)
        waiting = {"waiting": [f"{run_id}/t/b0", f"{run_id}/t/b1"], "seconds": 20}
        told = asyncio.create_task(flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting))
        await work(agent, 20)
        settled = (await told).json()
        assert settled["cancel"] is False and settled["settled"]
        page = (await flow.get(f"/v1/flow/runs/{run_id}/tasks/t/results", params={"limit": 15})).json()
        assert [item["index"] for item in page["results"]] == list(range(15)) and page["next"] == 14
        rest = (await flow.get(f"/v1/flow/runs/{run_id}/tasks/t/results", params={"after": 14})).json()
        assert [item["result"] for item in rest["results"]] == ["1"] * 5 and rest["next"] is None


async def test_failed_subtasks_come_with_their_reason_and_go_back_for_the_next_try(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 3)
        error = {"type": "NonZeroExit", "message": "exit code 3", "stderr": "no such file"}
        await work(agent, 3, outcome="FAILED", result=None, error=error)
        batch = f"{run_id}/t/b0"
        waiting = {"waiting": [batch], "seconds": 5}
        [settled] = (await flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting)).json()["settled"]
        assert (settled["failed"], settled["completed"]) == (3, 0)
        assert settled["errors"][0] == {"subtask_id": f"{run_id}/t/0", **error}
        again = await flow.post(f"/v1/flow/runs/{run_id}/batches:requeue", json={"batch": batch, "try": 2})
        assert again.status_code == 204
        await work(agent, 3)
        [settled] = (await flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting)).json()["settled"]
        assert (settled["failed"], settled["completed"], settled["tries"]) == (0, 3, 2)


async def test_a_run_is_held_by_one_flow_and_stale_tokens_change_nothing(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow):
        other = await flow.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "another"})
        assert other.status_code == 409 and other.json()["type"] == "urn:njangi:run-held"
        assert (await flow.post(f"/v1/flow/runs/{run_id}:beat", json={})).json()["cancel"] is False
        flow.headers["Njangi-Run-Token"] = "stale"
        change = {"status": "RUNNING"}
        for answer in (
            await flow.put(f"/v1/flow/runs/{run_id}/tasks/t", json=change),
            await flow.post(f"/v1/flow/runs/{run_id}:beat", json={}),
            await flow.post(f"/v1/flow/runs/{run_id}:release", json={}),
        ):
            assert answer.status_code == 409 and answer.json()["type"] == "urn:njangi:run-lease-lost"
        assert await client.services.stores.tasks.of_run(run_id) == []


async def test_a_flow_cannot_wait_for_another_runs_batches(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow):
        answer = await flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json={"waiting": ["r2/t/b0"], "seconds": 0})
        assert answer.status_code == 409


async def test_large_integers_survive_the_way_to_the_agent_and_back(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 1)
        big = 2**127 - 1
        batch = {"index": 1, "subtasks": [{"index": 10, "parameters": {"p": big, "$where": {"a.b": 1}}}]}
        await flow.post(f"/v1/flow/runs/{run_id}/tasks/t/batches", json={"batches": [batch]})
        answer = (await agent.post("/v1/agent/sync", json={"slots": 2, "wish": 2, "wait": 5})).json()
        parameters = {item["subtask_id"].rpartition("/")[2]: item["parameters"] for item in answer["leases"]}
        assert parameters["10"] == {"p": big, "$where": {"a.b": 1}}
        await agent.post("/v1/agent/sync", json={"slots": 1, "reports": reports(answer, str(big))})
        page = (await flow.get(f"/v1/flow/runs/{run_id}/tasks/t/results", params={"after": 0})).json()
        assert page["results"][0]["result"] == str(big)


async def test_an_expired_lease_is_back_in_the_queue_within_five_seconds(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol("dies") as dead, await client.enrol("lives") as agent:
        definition = {"name": "t", "command": ["true"], "heartbeat": 0.5}
        await flow.put(f"/v1/flow/runs/{run_id}/tasks/t", json={"status": "RUNNING", "definition": definition})
        batch = {"index": 0, "subtasks": [{"index": 0}]}
        await flow.post(f"/v1/flow/runs/{run_id}/tasks/t/batches", json={"batches": [batch]})
        assert len((await dead.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 5})).json()["leases"]) == 1
        answer = await agent.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 5.5})
        assert answer.json()["leases"][0]["attempt"] == 2
