"""Why a run waits, what failed in it and who ran what when, over HTTP."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from api.clock import utc_now
from storage.people.users import Role
from tests.integration.api.conftest import Client, definition, put_task, reports
from tests.integration.api.people import a_run, a_workflow, person


async def why(http: httpx.AsyncClient, run_id: str) -> list[dict[str, Any]]:
    answer = await http.get(f"/v1/runs/{run_id}/waiting")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["reasons"])


async def sync(agent: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await agent.post("/v1/agent/sync", json={"slots": 2, "wait": 0, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def kinds(client: Client, http: httpx.AsyncClient, run_id: str) -> list[tuple[str | None, str, int]]:
    """Return what a run waits for, by machines as they are now."""
    client.services.machines.forget()
    return [(reason["task"], reason["kind"], reason["count"]) for reason in await why(http, run_id)]


async def test_what_queued_work_waits_for_follows_the_machines(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin:
        await put_task(flow, run_id, "t", 5)
        assert await kinds(client, admin, run_id) == [(None, "no-volunteers", 5)]
        async with await client.enrol() as agent:
            await sync(agent)
            await client.services.dispatcher.keep_books()
            assert await kinds(client, admin, run_id) == [("t", "volunteers-busy", 5)]
            [busy] = await why(admin, run_id)
            assert busy["values"] == {"machines": 1, "online": 1, "slots": 2, "leased": 0}
            batch = {"index": 0, "subtasks": [{"index": 0, "parameters": {}}]}
            wide = definition(name="huge", memory=2**40)
            assert (
                await flow.put(f"/v1/flow/runs/{run_id}/tasks/huge", json={"status": "RUNNING", "definition": wide})
            ).is_success
            await flow.post(f"/v1/flow/runs/{run_id}/tasks/huge/batches", json={"batches": [batch]})
            assert ("huge", "no-fitting-volunteer", 1) in await kinds(client, admin, run_id)
            lent = await sync(agent, wish=2)
            assert ("t", "volunteers-busy", 3) in await kinds(client, admin, run_id)
            await sync(agent, reports=reports(lent))
            paused = await admin.post(f"/v1/runs/{run_id}/tasks/t:pause")
            assert paused.status_code == 202
            assert ("t", "paused", 3) in await kinds(client, admin, run_id)
        assert (await admin.post(f"/v1/runs/{run_id}:cancel")).status_code == 202
        assert await kinds(client, admin, run_id) == [(None, "none", 0)]


async def test_lists_tell_the_progress_that_each_run_tells_alone(client: Client) -> None:
    spec = {"name": "w", "tasks": [{"name": name, "command": "true"} for name in ("a", "b", "tidy")], "cleanup": "tidy"}
    async with client.http("admin") as admin, client.http("flow") as flow, await client.enrol() as agent:
        made = await admin.post("/v1/workflows", json={"spec": spec})
        waiting, begun = [await a_run(admin, made.json()["id"]) for _ in range(2)]
        held = await flow.post(f"/v1/flow/runs/{begun}:hold", json={"holder": "test"})
        flow.headers["Njangi-Run-Token"] = held.json()["token"]
        await put_task(flow, begun, "a", 4, per_batch=2)
        await sync(agent, reports=reports(await sync(agent, wish=2)))

        async def told() -> dict[str, float]:
            listed = {run["id"]: run["progress"] for run in (await admin.get("/v1/runs")).json()["runs"]}
            assert listed == {id_: (await admin.get(f"/v1/runs/{id_}")).json()["progress"] for id_ in listed}
            return listed

        assert await told() == {waiting: 0.0, begun: 0.25}, "two of four, and nothing of b; tidying does not count"
        assert (await flow.put(f"/v1/flow/runs/{begun}/tasks/b", json={"status": "COMPLETED"})).is_success
        assert await told() == {waiting: 0.0, begun: 0.75}
        assert (await flow.put(f"/v1/flow/runs/{begun}/tasks/a", json={"status": "COMPLETED"})).is_success
        assert await told() == {waiting: 0.0, begun: 1.0}, "a is done, whatever of it was not"
        assert (await admin.post(f"/v1/runs/{waiting}:cancel")).is_success
        assert await told() == {waiting: 0.0, begun: 1.0}, "who ends it does not bring it further"


async def test_a_run_that_no_flow_worker_took_has_not_started(client: Client) -> None:
    async with await person(client, "ada") as ada, await person(client, "kofi") as kofi:
        run_id = await a_run(ada, await a_workflow(ada))
        assert await kinds(client, ada, run_id) == [(None, "not-started", 0)]
        for what in ("waiting", "errors", "timeline"):
            assert (await kofi.get(f"/v1/runs/{run_id}/{what}")).status_code == 404
            assert (await ada.get(f"/v1/runs/none/{what}")).status_code == 404


async def test_an_owner_whose_quota_of_leases_is_used_up_is_told_so(client: Client) -> None:
    async with await person(client, "ada") as ada, client.http("admin") as admin, client.http("flow") as flow:
        assert (await admin.put("/v1/users/ada/quota", json={"leased": 0})).status_code == 200
        run_id = await a_run(ada, await a_workflow(ada))
        held = await flow.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
        flow.headers["Njangi-Run-Token"] = held.json()["token"]
        await put_task(flow, run_id, "t", 4)
        [reason] = await why(ada, run_id)
        assert (reason["kind"], reason["count"]) == ("quota", 4)
        assert reason["values"] == {"quota": "leased", "used": 0, "allowed": 0}


@pytest.mark.parametrize("engineers", [True, False])
async def test_waits_of_compiled_and_of_engineers_runs_are_told(client: Client, engineers: bool) -> None:
    name = "wait-approved-1" if engineers else "approval"
    spec = {"name": "w", "tasks": [{"name": "approval", "wait": {"signal": "approved", "timeout": "1h"}}]}
    async with client.http("admin") as admin, client.http("flow") as flow:
        if engineers:
            body = {"prefect_flow_run_id": "engineers", "name": "own"}
            run_id = (await flow.post("/v1/flow/runs:adopt", json=body)).json()["id"]
        else:
            made = await admin.post("/v1/workflows", json={"spec": spec})
            run_id = await a_run(admin, made.json()["id"])
        held = await flow.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
        flow.headers["Njangi-Run-Token"] = held.json()["token"]
        until = (await flow.post(f"/v1/flow/runs/{run_id}/tasks/{name}:wait", json={"seconds": 3600})).json()["until"]
        [reason] = await why(admin, run_id)
    assert (reason["task"], reason["kind"], reason["values"]["signal"]) == (name, "signal", "approved")
    assert datetime.fromisoformat(reason["values"]["until"]) == datetime.fromisoformat(until)


async def test_failed_subtasks_rest_until_their_next_try(client: Client) -> None:
    retry = {"maximum_attempts": 2, "initial_interval": "1h", "maximum_interval": "1h"}
    spec = {"name": "w", "tasks": [{"name": "t", "command": "true", "retry": retry}]}
    failed = {"outcome": "FAILED", "error": {"type": "E", "message": "m", "stderr": ""}}
    async with client.http("admin") as admin, client.http("flow") as flow, await client.enrol() as agent:
        made = await admin.post("/v1/workflows", json={"spec": spec})
        run_id = await a_run(admin, made.json()["id"])
        held = await flow.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
        flow.headers["Njangi-Run-Token"] = held.json()["token"]
        await put_task(flow, run_id, "t", 1)
        await sync(agent, reports=reports(await sync(agent, wish=1), **failed))
        [reason] = await why(admin, run_id)
        assert (reason["task"], reason["kind"], reason["count"]) == ("t", "backoff", 1)
        assert datetime.fromisoformat(reason["values"]["until"]) > utc_now() + timedelta(minutes=55)
        again = {"batch": f"{run_id}/t/b0", "try": 2}
        assert (await flow.post(f"/v1/flow/runs/{run_id}/batches:requeue", json=again)).status_code == 204
        await sync(agent, reports=reports(await sync(agent, wish=1), **failed))
        assert [item["kind"] for item in await why(admin, run_id)] == ["none"], "these failures are for good"


async def test_failures_are_grouped_by_cause_with_what_they_wrote(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin, await client.enrol() as agent:
        await put_task(flow, run_id, "t", 6)
        assert (await admin.get(f"/v1/runs/{run_id}/errors")).json() == {"groups": [], "more": False}
        lent = await sync(agent, slots=6, wish=6)
        said = []
        for place, report in enumerate(reports(lent)):
            index = int(report["subtask_id"].rpartition("/")[2])
            kind = "BadInput" if index < 4 else "Killed"
            error = {"type": kind, "message": f"row {index} of /tmp/box{place}/in.csv", "stderr": f"log of {index}"}
            said.append({**report, "outcome": "FAILED", "result": None, "error": error})
        await sync(agent, reports=said[:5])
        await sync(agent, reports=[{**said[5], "outcome": "RETURNED", "result": "1", "error": None}])
        found = (await admin.get(f"/v1/runs/{run_id}/errors")).json()
    returned = int(said[5]["subtask_id"].rpartition("/")[2])
    groups = {group["type"]: group for group in found["groups"]}
    assert {kind: group["count"] for kind, group in groups.items()} == {
        "BadInput": 4 - (returned < 4),
        "Killed": 2 - (returned >= 4),
    }
    largest = found["groups"][0]
    assert largest["message"] == "row <number> of <path>" and largest["volunteers"] == 1
    assert largest["tasks"] == {"t": largest["count"]} and found["more"] is False
    assert largest["stderr"] == f"log of {largest['examples'][0]['index']}"


async def test_what_was_retried_and_came_right_is_no_error(client: Client) -> None:
    flow, run_id = await client.flow()
    failed = {"outcome": "FAILED", "error": {"type": "E", "message": "m", "stderr": ""}}
    async with aclosing(flow), client.http("admin") as admin, await client.enrol() as agent:
        await put_task(flow, run_id, "t", 1)
        await sync(agent, reports=reports(await sync(agent, wish=1), **failed))
        assert len((await admin.get(f"/v1/runs/{run_id}/errors")).json()["groups"]) == 1
        again = {"batch": f"{run_id}/t/b0", "try": 2}
        await flow.post(f"/v1/flow/runs/{run_id}/batches:requeue", json=again)
        assert (await admin.get(f"/v1/runs/{run_id}/errors")).json()["groups"] == []
        await sync(agent, reports=reports(await sync(agent, wish=1)))
        assert (await admin.get(f"/v1/runs/{run_id}/errors")).json()["groups"] == []


async def test_the_timeline_tells_who_ran_what_when(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin:
        path = f"/v1/runs/{run_id}/timeline"
        empty = (await admin.get(path)).json()
        assert (empty["spans"], empty["since"], empty["left_out"]) == ([], None, 0)
        async with await client.enrol("one") as one, await client.enrol("two") as two:
            await put_task(flow, run_id, "t", 3)
            before = utc_now()
            first = await sync(one, wish=1)
            failed = {"outcome": "FAILED", "error": {"type": "E", "message": "m", "stderr": ""}}
            await sync(one, reports=reports(first, **failed))
            between = utc_now()
            second = await sync(two, wish=1)
            await sync(two, reports=reports(second))
            await sync(two, wish=1)
            found = (await admin.get(path)).json()
            names = [found["volunteers"][span[0]]["name"] for span in found["spans"]]
            assert list(zip(names, [span[5] for span in found["spans"]], strict=True)) == [
                ("one", "FAILED"),
                ("two", "RETURNED"),
                ("two", "LEASED"),
            ]
            assert {found["tasks"][span[1]] for span in found["spans"]} == {"t"}
            assert sorted(span[2] for span in found["spans"]) == [0, 1, 2]
            for _, _, _, begin, end, outcome in found["spans"]:
                assert begin >= before.timestamp() * 1000 - 1
                assert end is None if outcome == "LEASED" else begin <= end

            newest = (await admin.get(path, params={"limit": 1})).json()
            assert [span[5] for span in newest["spans"]] == ["LEASED"] and newest["left_out"] == 2
            late = (await admin.get(path, params={"since": between.isoformat()})).json()
            assert [span[5] for span in late["spans"]] == ["RETURNED", "LEASED"]
            early = (await admin.get(path, params={"until": between.isoformat()})).json()
            assert [span[5] for span in early["spans"]] == ["FAILED"]
            assert (await admin.get(path, params={"limit": 5001})).status_code == 422


async def test_a_volunteers_leases_are_named_to_those_who_may_read_their_runs(client: Client) -> None:
    flow, run_id = await client.flow()
    async with (
        aclosing(flow),
        client.http("admin") as admin,
        await person(client, "esi", Role.VIEWER) as esi,
        await client.enrol() as agent,
    ):
        await put_task(flow, run_id, "t", 2)
        await sync(agent, wish=2)
        [listed] = (await admin.get("/v1/volunteers")).json()["volunteers"]
        assert listed["leased"] == 2
        path = f"/v1/volunteers/{listed['id']}"
        one = (await admin.get(path)).json()
        assert one["leased"] == 2
        assert sorted((lease["run_id"], lease["task"], lease["index"]) for lease in one["leases"]) == [
            (run_id, "t", 0),
            (run_id, "t", 1),
        ]
        assert all(lease["since"] < lease["until"] for lease in one["leases"])
        others = (await esi.get(path)).json()
        assert (others["leased"], others["leases"]) == (2, [])
        await client.services.stores.database["runs"].update_one({"_id": run_id}, {"$set": {"readers": ["esi"]}})
        assert len((await esi.get(path)).json()["leases"]) == 2
