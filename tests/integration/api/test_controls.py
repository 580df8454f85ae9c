"""Controlling runs over HTTP; Prefect is away, so what it must hear waits in our record."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.clock import utc_now
from storage.ledger import Transaction
from storage.runs.models import FlowRunState, RunStatus, Tell
from tests.integration.api.conftest import Client, beat, put_task, reports

WISH = {"slots": 4, "wish": 4, "wait": 0}


async def lease(agent: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await agent.post("/v1/agent/sync", json=WISH | fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def task(name: str, *dependencies: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "command": "true", "dependencies": list(dependencies), **fields}


async def started(http: httpx.AsyncClient, *tasks: dict[str, Any], body: Any = None, **spec: Any) -> dict[str, Any]:
    """Create a workflow and start a run of it."""
    made = await http.post("/v1/workflows", json={"spec": {"name": "w", "tasks": list(tasks), **spec}})
    assert made.status_code == 201, made.text
    run = await http.post(f"/v1/workflows/{made.json()['id']}/runs", json=body or {})
    assert run.status_code == 201, run.text
    return dict(run.json())


async def held(client: Client, run_id: str) -> httpx.AsyncClient:
    """Return a client that holds the run as a flow does."""
    http = client.http("flow")
    answer = await http.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
    assert answer.status_code == 200, answer.text
    http.headers["Njangi-Run-Token"] = answer.json()["token"]
    return http


async def ends(client: Client, run_id: str, type_: str, status: RunStatus) -> None:
    """Have a run end as the mirror does when Prefect says so."""
    stores = client.services.stores
    run = await stores.runs.get(run_id)
    if run.prefect_flow_run_id is None:
        await stores.run_recovery.set_flow_run(run_id, f"flow-run-of-{run_id}", now=utc_now())
    flow_run_id = run.prefect_flow_run_id or f"flow-run-of-{run_id}"
    await client.services.mirror.take(FlowRunState(flow_run_id, type_, type_.title(), "it failed", utc_now()))
    assert (await stores.runs.get(run_id)).status is status


async def test_a_paused_run_gives_agents_nothing_until_it_is_resumed(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin, await client.enrol() as agent:
        await put_task(flow, run_id, "t", 3)
        for _ in range(2):
            paused = await admin.post(f"/v1/runs/{run_id}:pause")
            assert (paused.status_code, paused.json()["status"]) == (202, "PAUSED")
        assert (await lease(agent))["leases"] == []
        waiting = asyncio.create_task(lease(agent, wait=20))
        for _ in range(2):
            resumed = await admin.post(f"/v1/runs/{run_id}:resume")
            assert (resumed.status_code, resumed.json()["status"]) == (202, "RUNNING")
        assert (await waiting)["leases"], "the agent that waited is woken"
        run = await client.services.stores.runs.get(run_id)
        assert run.to_tell is Tell.RESUME, "Prefect hears of it when it is back"


async def test_calling_back_tells_the_agent_and_counts_nothing_against_anyone(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin, await client.enrol() as agent:
        await put_task(flow, run_id, "t", 1)
        answer = await lease(agent, wait=5)
        [mine] = answer["leases"]
        assert (await admin.post(f"/v1/runs/{run_id}:pause", json={"call_back": True})).status_code == 202
        late = await lease(agent, reports=reports(answer), held=[])
        assert late["verdicts"] == ["STALE"]
        page = await admin.get(f"/v1/runs/{run_id}/subtasks", params={"task": "t"})
        [subtask] = page.json()["subtasks"]
        assert (subtask["status"], [item["outcome"] for item in subtask["attempts"]]) == ("QUEUED", ["HANDED_BACK"])
        await admin.post(f"/v1/runs/{run_id}:resume")
        [again] = (await lease(agent, wait=5))["leases"]
        assert (again["subtask_id"], again["attempt"]) == (mine["subtask_id"], 2)


async def test_one_paused_task_does_not_hold_the_others(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin, await client.enrol() as agent:
        await put_task(flow, run_id, "waits", 1)
        await put_task(flow, run_id, "goes-on", 1)
        paused = await admin.post(f"/v1/runs/{run_id}/tasks/waits:pause")
        assert paused.status_code == 202 and paused.json()["paused_tasks"] == ["waits"]
        assert [item["task_id"] for item in (await lease(agent, wait=5))["leases"]] == [f"{run_id}/goes-on"]
        resumed = await admin.post(f"/v1/runs/{run_id}/tasks/waits:resume")
        assert resumed.status_code == 202 and resumed.json()["paused_tasks"] == []
        assert [item["task_id"] for item in (await lease(agent, wait=5))["leases"]] == [f"{run_id}/waits"]
        assert (await admin.post(f"/v1/runs/{run_id}/tasks/none:pause")).status_code == 404


@pytest.mark.parametrize(
    ("type_", "status", "tell"),
    [("COMPLETED", RunStatus.COMPLETED, Tell.COMPLETE), ("CANCELLED", RunStatus.CANCELLED, Tell.CANCEL)],
)
async def test_prefect_is_told_how_a_run_ended_whose_flow_was_started_again_after_that_and_failed(
    client: Client, type_: str, status: RunStatus, tell: Tell
) -> None:
    stores = client.services.stores
    async with client.http("admin") as http:
        run_id = (await started(http, task("a")))["id"]
        await ends(client, run_id, type_, status)
        ended = await stores.runs.get(run_id)
        for later, told in ((timedelta(seconds=-5), None), (timedelta(seconds=5), tell)):
            failed = FlowRunState(f"flow-run-of-{run_id}", "FAILED", "Failed", "it had ended", utc_now() + later)
            await client.services.mirror.take(failed)
            assert (await stores.runs.get(run_id)).to_tell is told
        assert (await http.get(f"/v1/runs/{run_id}")).json()["status"] == status
        assert (await stores.runs.get(run_id)).ended_at == ended.ended_at


async def test_all_runs_of_an_owner_are_controlled_at_once(client: Client) -> None:
    async with client.http("admin") as http:
        mine = {(await started(http, task("a")))["id"] for _ in range(3)}
        owner = {"filter": {"owner": "admin"}}
        for call, status in ((":pause", "PAUSED"), (":resume", "SUBMITTED")):
            answer = await http.post(f"/v1/runs{call}", json=owner)
            assert (answer.status_code, set(answer.json()["runs"])) == (202, mine)
            assert {run["status"] for run in (await http.get("/v1/runs")).json()["runs"]} == {status}
        assert (await http.post("/v1/runs:pause", json={"filter": {"owner": "nobody"}})).json()["runs"] == []
        assert set((await http.post("/v1/runs:cancel", json=owner)).json()["runs"]) == mine
        assert {run["cancel_requested"] for run in (await http.get("/v1/runs")).json()["runs"]} == {True}
        paused = await http.post(f"/v1/runs/{min(mine)}:pause")
        assert (paused.status_code, paused.json()["type"]) == (409, "urn:njangi:run-cancelled")


@pytest.mark.parametrize(
    ("call", "body", "status"),
    [
        pytest.param("/v1/runs/none:pause", None, 404, id="no such run"),
        pytest.param("/v1/runs:pause", {"filter": {}}, 422, id="no criterion"),
        pytest.param("/v1/runs/RUN:pause", {"callback": True}, 422, id="a misspelt field"),
        pytest.param("/v1/runs/none:retry-failed", None, 404, id="nothing to retry in"),
        pytest.param("/v1/runs/none:reset", {"task": "a"}, 404, id="nothing to reset"),
        pytest.param("/v1/runs/RUN:reset", {}, 422, id="reset to what"),
        pytest.param("/v1/runs/none:rerun", None, 404, id="nothing to run again"),
    ],
)
async def test_what_cannot_be_controlled_is_refused(client: Client, call: str, body: Any, status: int) -> None:
    async with client.http("admin") as http:
        if "RUN" in call:
            call = call.replace("RUN", (await started(http, task("a")))["id"])
        answer = await http.post(call, json=body) if body is not None else await http.post(call)
        assert answer.status_code == status, answer.text


async def test_only_what_failed_is_done_again(client: Client) -> None:
    async with client.http("admin") as http, await client.enrol() as agent:
        run_id = (await started(http, task("a"), task("b", "a"), deadline="1h"))["id"]
        under_way = await http.post(f"/v1/runs/{run_id}:retry-failed")
        assert (under_way.status_code, under_way.json()["type"]) == (409, "urn:njangi:run-under-way")
        async with aclosing(await held(client, run_id)) as flow:
            await put_task(flow, run_id, "a", 2)
            answer = await lease(agent, wait=5)
            first, second = reports(answer)
            error = {"type": "Bad", "message": "luck", "stderr": ""}
            await lease(agent, wish=0, reports=[first, second | {"outcome": "FAILED", "result": None, "error": error}])
            change = {"status": "FAILED", "error": "bad luck", "plan": {"subtasks": 2}}
            await flow.put(f"/v1/flow/runs/{run_id}/tasks/a", json=change)
            await flow.put(f"/v1/flow/runs/{run_id}/tasks/b", json={"status": "SKIPPED"})
            await flow.post(f"/v1/flow/runs/{run_id}:release", json={"error": "bad luck"})
        await ends(client, run_id, "FAILED", RunStatus.FAILED)
        [group] = (await http.get(f"/v1/runs/{run_id}/errors")).json()["groups"]
        for body, status in (
            ({"tasks": ["none"]}, 404),
            ({"error_group": "0" * 12}, 404),
            ({"error_group": "Bad"}, 422),
            ({"error_group": group["id"], "tasks": ["b"]}, 409),
            ({"error_group": group["id"], "tasks": ["a"]}, 202),
        ):
            assert (await http.post(f"/v1/runs/{run_id}:retry-failed", json=body)).status_code == status, body
        run = (await http.get(f"/v1/runs/{run_id}")).json()
        assert (run["status"], run["error"], run["ended_at"]) == ("SUBMITTED", None, None)
        assert {item["name"]: item["status"] for item in run["tasks"]} == {"a": "PENDING", "b": "PENDING"}
        [again] = (await lease(agent, wait=5))["leases"]
        assert again["subtask_id"] == second["subtask_id"]
        assert (await http.post(f"/v1/runs/{run_id}:reset", json={"task": "a"})).status_code == 409


async def test_a_reset_needs_a_task_of_the_run_and_a_run_that_has_ended(client: Client) -> None:
    async with client.http("admin") as http:
        run_id = (await started(http, task("a"), task("b", "a")))["id"]
        assert (await http.post(f"/v1/runs/{run_id}:reset", json={"task": "a"})).status_code == 409
        async with aclosing(await held(client, run_id)) as flow:
            for name in ("a", "b"):
                done = {"status": "COMPLETED", "result": "1"}
                await flow.put(f"/v1/flow/runs/{run_id}/tasks/{name}", json=done)
        await ends(client, run_id, "COMPLETED", RunStatus.COMPLETED)
        nothing = await http.post(f"/v1/runs/{run_id}:retry-failed")
        assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:njangi:nothing-to-retry")
        assert (await http.post(f"/v1/runs/{run_id}:reset", json={"task": "c"})).status_code == 404
        reset = await http.post(f"/v1/runs/{run_id}:reset", json={"task": "b"})
        assert (reset.status_code, reset.json()["status"]) == (202, "SUBMITTED")
        assert {item["name"]: item["status"] for item in reset.json()["tasks"]} == {"a": "COMPLETED", "b": "PENDING"}
        assert (await http.get(f"/v1/runs/{run_id}/results")).json() == {"a": 1}


async def test_the_run_of_a_flow_of_its_own_says_what_can_be_done_again_of_it(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as http:

        async def told(call: str, body: dict[str, Any]) -> tuple[int, str, str]:
            answer = await http.post(f"/v1/runs/{run_id}:{call}", json=body)
            problem = answer.json()
            return answer.status_code, problem["type"].removeprefix("urn:njangi:"), problem["detail"]

        assert (await told("retry-failed", {}))[:2] == (409, "run-under-way")
        await ends(client, run_id, "FAILED", RunStatus.FAILED)
        status, type_, detail = await told("reset", {"task": "t"})
        assert (status, type_) == (409, "no-spec") and ":retry-failed or :rerun begin it again" in detail
        status, type_, detail = await told("retry-failed", {"tasks": ["t"]})
        assert (status, type_) == (409, "no-spec") and "leave out 'tasks'" in detail
        for call in ("retry-failed", "rerun"):
            assert (await told(call, {}))[:2] == (503, "prefect-unavailable"), "only Prefect can start it"


async def test_a_rerun_is_of_the_same_version_with_parameters_of_its_own(client: Client) -> None:
    async with client.http("admin") as http:
        spec = {"parameters": {"bound": 1, "base": 2}}
        run = await started(http, task("a"), body={"parameters": {"bound": 5}}, **spec)
        edited = {"spec": {"name": "w", "tasks": [task("other")], **spec}}
        url = f"/v1/workflows/{run['workflow_id']}"
        assert (await http.put(url, json=edited, headers={"If-Match": '"1"'})).status_code == 200
        again = await http.post(f"/v1/runs/{run['id']}:rerun", json={"parameters": {"base": 3}})
        assert again.status_code == 201, again.text
        new = again.json()
        assert new["id"] != run["id"] and new["version"] == run["version"] == 1
        assert new["parameters"] == {"bound": 5, "base": 3}
        assert [item["name"] for item in new["tasks"]] == ["a"]
        unknown = await http.post(f"/v1/runs/{run['id']}:rerun", json={"parameters": {"no": 3}})
        assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/parameters/no")


async def test_a_deadline_is_kept_by_the_service_though_no_flow_worker_lives(client: Client) -> None:
    async with client.http("admin") as http:
        by_spec = await started(http, task("a"), deadline="6h")
        assert by_spec["deadline"] is not None
        run_id = (await started(http, task("a"), deadline="6h", body={"deadline": 0.5}))["id"]
        async with asyncio.timeout(20):
            while (run := (await http.get(f"/v1/runs/{run_id}")).json())["status"] != "FAILED":
                await asyncio.sleep(0.1)
        assert "deadline" in run["error"] and run["tasks"][0]["status"] == "SKIPPED"
        assert (await http.get(f"/v1/runs/{by_spec['id']}")).json()["status"] == "SUBMITTED"
        never = await http.post(f"/v1/workflows/{run['workflow_id']}/runs", json={"deadline": -1})
        assert never.status_code == 422


async def test_a_flow_hears_of_a_cancellation_and_of_the_second_one_that_skips_the_clean_up(client: Client) -> None:
    async with client.http("admin") as http, await client.enrol() as agent:
        run_id = (await started(http, task("a"), task("tidy"), cleanup="tidy"))["id"]
        async with aclosing(await held(client, run_id)) as flow:
            await put_task(flow, run_id, "a", 1)
            await http.post(f"/v1/runs/{run_id}:cancel")
            assert await beat(flow, run_id) == [{"cancel": True, "skip_clean_up": False, "lost": False}]
            again = await flow.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
            flow.headers["Njangi-Run-Token"] = again.json()["token"]
            assert (again.json()["run"]["cancel"], again.json()["run"]["clean_up"]) == (True, "tidy")
            await put_task(flow, run_id, "tidy", 1)
            [mine] = (await lease(agent, wait=5))["leases"]
            assert mine["task_id"] == f"{run_id}/tidy"
            waiting = {"waiting": [f"{run_id}/tidy/b0"], "seconds": 20}
            told = asyncio.create_task(flow.post(f"/v1/flow/runs/{run_id}/batches:settled", json=waiting))
            await http.post(f"/v1/runs/{run_id}:cancel")
            answer = (await told).json()
            assert (answer["cancel"], answer["skip_clean_up"]) == (True, True)
        await ends(client, run_id, "CANCELLED", RunStatus.CANCELLED)


async def test_what_somebody_does_in_prefect_is_done_here(client: Client) -> None:
    flow, run_id = await client.flow()
    stores, take = client.services.stores, client.services.mirror.take
    flow_run_id = (await stores.runs.get(run_id)).prefect_flow_run_id or ""
    at = utc_now()

    async def says(type_: str, name: str, seconds: int) -> RunStatus:
        for _ in range(2):
            await take(FlowRunState(flow_run_id, type_, name, "", at + timedelta(seconds=seconds)))
        return (await stores.runs.get(run_id)).status

    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 1)
        assert await says("RUNNING", "Running", 1) is RunStatus.RUNNING
        assert await says("PAUSED", "Suspended", 2) is RunStatus.PAUSED
        assert (await lease(agent))["leases"] == []
        assert await says("RUNNING", "Running", 1) is RunStatus.PAUSED, "news from before the pause"
        assert await says("SCHEDULED", "Resuming", 3) is RunStatus.RUNNING
        assert len((await lease(agent, wait=5))["leases"]) == 1
        await says("CANCELLING", "Cancelling", 4)
        assert (await stores.runs.get(run_id)).cancel_requested


async def test_a_run_that_was_cancelled_in_prefect_before_it_was_taken_up_cleans_up_first(client: Client) -> None:
    stores = client.services.stores
    async with client.http("admin") as http:
        run_id = (await started(http, task("a"), task("tidy"), cleanup="tidy"))["id"]
        await stores.run_recovery.set_flow_run(run_id, "fr", now=utc_now())
        await client.services.mirror.take(FlowRunState("fr", "CANCELLED", "Cancelled", "", utc_now()))
        run = await stores.runs.get(run_id)
        assert (run.status, run.cancel_requested, run.to_tell) == (RunStatus.SUBMITTED, True, Tell.RESUME)
        async with aclosing(await held(client, run_id)) as flow:
            done = await flow.put(f"/v1/flow/runs/{run_id}/tasks/tidy", json={"status": "COMPLETED", "result": "1"})
            assert done.is_success
        await ends(client, run_id, "CANCELLED", RunStatus.CANCELLED)


async def test_what_is_answered_to_a_cancellation_is_how_the_run_ends(client: Client) -> None:
    stores = client.services.stores
    async with client.http("admin") as http:
        early, late = [(await started(http, task("a")))["id"] for _ in range(2)]
        async with aclosing(await held(client, late)) as flow:
            await flow.put(f"/v1/flow/runs/{late}/tasks/a", json={"status": "COMPLETED", "result": "1"})
        answers = {}
        for run_id in (early, late):
            await stores.run_recovery.set_flow_run(run_id, f"fr-{run_id}", now=utc_now())
            refused = [
                (await http.post(f"/v1/runs/{run_id}:{verb}", json={})).status_code for verb in ("pause", "cancel")
            ]
            await client.services.mirror.take(FlowRunState(f"fr-{run_id}", "COMPLETED", "Completed", "", utc_now()))
            answers[run_id] = refused, (await stores.runs.get(run_id)).status
    assert answers == {early: ([202, 202], RunStatus.CANCELLED), late: ([409, 409], RunStatus.COMPLETED)}


async def test_a_reset_task_reaches_agents_as_it_is_defined_now(client: Client) -> None:
    async with client.http("admin") as http, await client.enrol() as agent:
        run_id = (await started(http, task("a")))["id"]
        for text in ("one", "two"):
            async with aclosing(await held(client, run_id)) as flow:
                definition = {"name": "a", "command": ["echo", text], "files": [], "paths": {}}
                await flow.put(f"/v1/flow/runs/{run_id}/tasks/a", json={"status": "RUNNING", "definition": definition})
                batch = {"index": 0, "subtasks": [{"index": 0}]}
                await flow.post(f"/v1/flow/runs/{run_id}/tasks/a/batches", json={"batches": [batch]})
                answer = await lease(agent, wait=5)
                assert [item["command"] for item in answer["tasks"]] == [["echo", text]]
                await lease(agent, wish=0, reports=reports(answer))
                done = {"status": "COMPLETED", "result": "1"}
                await flow.put(f"/v1/flow/runs/{run_id}/tasks/a", json=done)
            await ends(client, run_id, "COMPLETED", RunStatus.COMPLETED)
            await http.post(f"/v1/runs/{run_id}:reset", json={"task": "a"})
            await tell(client, run_id)


async def tell(client: Client, run_id: str) -> None:
    """Stand in for Prefect hearing that a run begins again."""
    stores = client.services.stores
    run = await stores.runs.get(run_id)
    state = FlowRunState(run.prefect_flow_run_id or "", "SCHEDULED", "AwaitingRetry", "", utc_now())
    await stores.controls.told(run, state, held=False, now=utc_now())


async def test_a_deadline_that_passes_calls_the_agents_back(client: Client) -> None:
    async with client.http("admin") as http, await client.enrol() as agent:
        run_id = (await started(http, task("a"), body={"deadline": "1h"}))["id"]
        async with aclosing(await held(client, run_id)) as flow:
            await put_task(flow, run_id, "a", 1)
            answer = await lease(agent, wait=5)
            await client.services.stores.controls.miss_deadline(run_id, now=utc_now() + timedelta(hours=2))
            assert (await lease(agent, reports=reports(answer)))["verdicts"] == ["STALE"]
            assert await beat(flow, run_id) == [{"cancel": False, "skip_clean_up": False, "lost": True}]


async def test_nothing_is_changed_when_a_write_is_not(client: Client) -> None:
    flow, run_id = await client.flow()
    stores = client.services.stores

    async def dies(tx: Transaction) -> None:
        await stores.controls.pause(tx, run_id, call_back=True, by="ada", now=utc_now())
        raise RuntimeError("killed before the commit")

    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 1)
        with pytest.raises(RuntimeError):
            await stores.ledger.write(dies)
        assert (await stores.runs.get(run_id)).status is not RunStatus.PAUSED
        assert len((await lease(agent, wait=5))["leases"]) == 1
