"""What a flow does over HTTP: hold a run, queue, wait, retry, hand in results; and being fenced off."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing

import httpx

from api.clock import utc_now
from storage.runs.models import FlowRunState
from tests.integration.api.conftest import Client, beat, definition, put_task, reports
from tests.integration.storage.leasing import counts_of

GO_ON = {"cancel": False, "skip_clean_up": False, "lost": False}
LOST = {**GO_ON, "lost": True}


async def work(agent: httpx.AsyncClient, wanted: int, **fields: object) -> int:
    """Lease and report until `wanted` subtasks were done."""
    done = 0
    pending: list[dict[str, object]] = []
    while done < wanted:
        tx = {"slots": 4, "wish": 4, "wait": 5, "reports": pending}
        answer = (await agent.post("/v1/agent/sync", json=tx)).json()
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


async def test_a_task_of_one_subtask_takes_one_call_to_queue_and_its_result_comes_as_it_settles(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        task = f"/v1/flow/runs/{run_id}/tasks/t"
        batch = {"index": 0, "subtasks": [{"index": 0, "parameters": {"x": 1}}]}
        whole = {"batches": [batch], "definition": definition(), "plan": {"subtasks": 1}, "last": True}
        assert (await flow.post(f"{task}/batches", json=whole)).status_code == 204
        found = await client.services.stores.tasks.get(f"{run_id}/t")
        assert (found.status, found.plan) == ("RUNNING", {"subtasks": 1})
        await put_task(flow, run_id, "many", 2)
        await work(agent, 3)
        waiting = {"waiting": [f"{run_id}/t/b0", f"{run_id}/many/b0"], "seconds": 5}
        settled = (await flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting)).json()["settled"]
    assert {item["id"]: item["result"] for item in settled} == {
        f"{run_id}/t/b0": {"result": "1", "blob": None, "raw": False},
        f"{run_id}/many/b0": None,
    }


async def test_batches_of_a_task_that_nobody_defined_are_refused(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow):
        batch = {"index": 0, "subtasks": [{"index": 0}]}
        answer = await flow.post(f"/v1/flow/runs/{run_id}/tasks/t/batches", json={"batches": [batch], "last": True})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:njangi:not-found")


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
        assert await beat(flow, run_id) == [GO_ON]
        flow.headers["Njangi-Run-Token"] = "stale"
        change = {"status": "RUNNING"}
        for answer in (
            await flow.put(f"/v1/flow/runs/{run_id}/tasks/t", json=change),
            await flow.post(f"/v1/flow/runs/{run_id}:release", json={}),
        ):
            assert answer.status_code == 409 and answer.json()["type"] == "urn:njangi:run-lease-lost"
        assert await beat(flow, run_id) == [LOST]
        assert await client.services.stores.tasks.of_run(run_id) == []


async def test_one_beat_extends_the_leases_of_many_runs_and_names_those_that_are_lost(client: Client) -> None:
    flows = [await client.flow() for _ in range(3)]
    run_ids = [run_id for _, run_id in flows]
    leases = [{"run_id": run_id, "token": flow.headers["Njangi-Run-Token"]} for flow, run_id in flows]
    for flow, _ in flows:
        await flow.aclose()
    stores = client.services.stores
    async with client.http("flow") as http, client.http("admin") as admin:
        again = await http.post(f"/v1/flow/runs/{run_ids[0]}:hold", json={"holder": "test"})
        await admin.post(f"/v1/runs/{run_ids[1]}:cancel")
        before = [(await stores.runs.get(run_id)).held_until for run_id in run_ids]
        answer = await http.post("/v1/flow/runs:beat", json={"leases": leases})
    assert answer.json()["orders"] == [LOST, {**GO_ON, "cancel": True}, GO_ON]
    after = [(await stores.runs.get(run_id)).held_until for run_id in run_ids]
    assert again.status_code == 200
    assert after[0] == before[0], "it is another's lease"
    assert after[1] > before[1] and after[2] > before[2]  # type: ignore[operator]


async def test_what_a_task_has_left_is_cancelled_when_it_fails_and_what_it_has_is_kept(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent, await client.enrol("busy") as busy:
        await put_task(flow, run_id, "t", 6)
        done = (await agent.post("/v1/agent/sync", json={"slots": 2, "wish": 2, "wait": 5})).json()
        await agent.post("/v1/agent/sync", json={"slots": 2, "reports": reports(done)})
        answer = (await busy.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 5})).json()
        await put_task(flow, run_id, "other", 1)
        failed = {"status": "FAILED", "error": "more than it tolerates"}
        assert (await flow.put(f"/v1/flow/runs/{run_id}/tasks/t", json=failed)).is_success
        late = await busy.post("/v1/agent/sync", json={"slots": 1, "reports": reports(answer)})
        waiting = {"waiting": [f"{run_id}/t/b0"], "seconds": 5}
        [settled] = (await flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting)).json()["settled"]
    assert late.json()["verdicts"] == ["STALE"]
    counts = await counts_of(client.services.stores, run_id)
    assert (settled["completed"], settled["failed"]) == (2, 0)
    assert counts["t"] == Counter(total=6, completed=2, cancelled=4)
    assert counts["other"]["queued"] == 1


async def test_a_settled_batch_counts_all_its_failures_by_their_type(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 5)
        answer = (await agent.post("/v1/agent/sync", json={"slots": 5, "wish": 5, "wait": 5})).json()
        said = reports(answer, outcome="FAILED", result=None)
        for index, item in enumerate(said):
            item["error"] = {"type": "BadInput" if index == 4 else "Flaky", "message": "", "stderr": ""}
        await agent.post("/v1/agent/sync", json={"slots": 5, "reports": said})
        batch = f"{run_id}/t/b0"
        waiting = {"waiting": [batch], "seconds": 5}
        [settled] = (await flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting)).json()["settled"]
        assert settled["error_types"] == {"Flaky": 4, "BadInput": 1}
        body = {"batch": batch, "try": 2, "but": ["BadInput"]}
        await flow.post(f"/v1/flow/runs/{run_id}/batches:requeue", json=body)
        await work(agent, 4)
        [settled] = (await flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting)).json()["settled"]
    assert (settled["completed"], settled["failed"], settled["tries"]) == (4, 1, 2)
    assert settled["error_types"] == {"BadInput": 1}


async def test_a_run_that_completed_without_some_parts_says_so_in_every_answer(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent, client.http("admin") as http:
        await put_task(flow, run_id, "t", 6)
        await work(agent, 4)
        await work(agent, 2, outcome="FAILED", result=None, error={"type": "NonZeroExit", "message": "", "stderr": ""})
        before = (await http.get(f"/v1/runs/{run_id}")).json()
        assert (before["failed_parts"], before["tasks"][0]["failed"]) == (0, 2), "they may be tried again"
        await flow.put(f"/v1/flow/runs/{run_id}/tasks/t", json={"status": "COMPLETED", "result": "4"})
        await put_task(flow, run_id, "single", 1)
        await work(agent, 1)
        flow_run_id = before["prefect_flow_run_id"]
        await client.services.mirror.take(FlowRunState(flow_run_id, "COMPLETED", "Completed", "1 tasks", utc_now()))
        run = (await http.get(f"/v1/runs/{run_id}")).json()
        [listed] = (await http.get("/v1/runs")).json()["runs"]
        compared = (await http.get("/v1/runs:compare", params={"a": run_id, "b": run_id})).json()
        again = (await http.post(f"/v1/runs/{run_id}:retry-failed")).json()
    assert again["type"] == "urn:njangi:failures-tolerated" and again["detail"].startswith("2 subtasks failed in run")
    by_task = {task["name"]: task for task in run["tasks"]}
    for counted in (run, listed, by_task["t"], compared["a"], compared["tasks"][0]["b"]):
        assert (counted["status"], counted["failed_parts"], counted["parts"]) == ("COMPLETED", 2, 6)
    assert run["error"] is None
    assert (by_task["single"]["failed_parts"], by_task["single"]["parts"]) == (0, 1)


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
