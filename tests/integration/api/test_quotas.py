"""Quotas: what an owner may have is looked at before anything is written."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from typing import Any

import httpx

from storage.people.users import Role
from tests.integration.api.conftest import Client, put_task, reports, until_true
from tests.integration.api.people import SPEC, a_run, a_workflow, person


async def allow(client: Client, name: str, **quota: int | None) -> None:
    async with client.http("admin") as admin:
        answer = await admin.put(f"/v1/users/{name}/quota", json=quota)
        assert answer.status_code == 200, answer.text


def refusal(answer: httpx.Response, status: int = 403) -> tuple[str, int, int]:
    assert (answer.status_code, answer.json()["type"]) == (status, "urn:njangi:quota-exceeded"), answer.text
    return answer.json()["quota"], answer.json()["used"], answer.json()["allowed"]


async def held(client: Client, run_id: str) -> httpx.AsyncClient:
    flow = client.http("flow")
    flow.headers["Njangi-Run-Token"] = (
        await flow.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
    ).json()["token"]
    return flow


async def test_of_many_at_once_no_more_workflows_and_runs_are_made_than_allowed(client: Client) -> None:
    async with await person(client, "ada") as ada, await person(client, "kofi") as kofi:
        await allow(client, "ada", workflows=2, runs=3)
        made = await asyncio.gather(*(ada.post("/v1/workflows", json={"spec": SPEC}) for _ in range(5)))
        assert sorted(item.status_code for item in made) == [201, 201, 403, 403, 403]
        assert refusal(next(item for item in made if item.status_code == 403)) == ("workflows", 2, 2)
        workflow = next(item.json()["id"] for item in made if item.status_code == 201)
        runs = await asyncio.gather(*(ada.post(f"/v1/workflows/{workflow}/runs", json={}) for _ in range(6)))
        assert sorted(item.status_code for item in runs) == [201, 201, 201, 403, 403, 403]
        stores = client.services.stores
        assert await stores.database["runs"].count_documents({"owner": "ada"}) == 3
        me = (await ada.get("/v1/me")).json()["quotas"]
        assert (me["workflows"], me["runs"]) == ({"used": 2, "allowed": 2}, {"used": 3, "allowed": 3})
        await a_run(kofi, await a_workflow(kofi))
        begun = next(item.json()["id"] for item in runs if item.status_code == 201)
        assert refusal(await ada.post(f"/v1/runs/{begun}:rerun", json={}))[0] == "runs"


async def test_admins_lift_and_restore_quotas(client: Client) -> None:
    async with await person(client, "ada") as ada, client.http("admin") as admin:
        await allow(client, "ada", workflows=0)
        assert refusal(await ada.post("/v1/workflows", json={"spec": SPEC})) == ("workflows", 0, 0)
        assert (await ada.put("/v1/users/ada/quota", json={"workflows": 9})).status_code == 403
        await allow(client, "ada", workflows=None)
        await a_workflow(ada)
        assert (await admin.get("/v1/users/ada")).json()["quotas"]["workflows"] == {"used": 1, "allowed": None}
        await allow(client, "ada")
        assert (await admin.get("/v1/users/ada")).json()["quotas"]["workflows"]["allowed"] == 1000
        assert (await admin.put("/v1/users/ada/quota", json={"workflows": -1})).status_code == 422
        assert (await admin.get("/v1/me")).json()["quotas"]["runs"]["allowed"] is None


async def test_what_is_stored_is_bounded_before_it_is_sent(client: Client) -> None:
    async with await person(client, "ada") as ada:
        await allow(client, "ada", stored_bytes=10)
        first, second = b"12345678", b"123"
        for content, status in ((first, 201), (second, 403)):
            answer = await ada.put(f"/v1/blobs/{hashlib.sha256(content).hexdigest()}", content=content)
            assert answer.status_code == status, answer.text
        assert refusal(answer) == ("stored_bytes", 8, 10)

        async def pieces() -> Any:
            yield second

        unannounced = await ada.put(f"/v1/blobs/{hashlib.sha256(second).hexdigest()}", content=pieces())
        assert unannounced.status_code == 413
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "3"}
        assert refusal(await ada.post("/v1/uploads", headers=headers)) == ("stored_bytes", 8, 10)
        assert (await ada.get("/v1/me")).json()["quotas"]["stored_bytes"] == {"used": 8, "allowed": 10}


async def test_a_flow_waits_while_as_many_subtasks_wait_as_may(client: Client) -> None:
    async with await person(client, "ada") as ada, await client.enrol() as agent:
        run_id = await a_run(ada, await a_workflow(ada))
        async with aclosing(await held(client, run_id)) as flow:
            await allow(client, "ada", queued=3)
            await put_task(flow, run_id, "t", 4)
            body = {"batches": [{"index": 7, "subtasks": [{"index": 70, "parameters": {}}]}]}
            path = f"/v1/flow/runs/{run_id}/tasks/t/batches"
            refused = await flow.post(path, json=body)
            assert refusal(refused, 429) == ("queued", 4, 3) and refused.headers["Retry-After"]
            lent = (await agent.post("/v1/agent/sync", json={"slots": 2, "wish": 2, "wait": 0})).json()
            assert len(lent["leases"]) == 2
            assert (await flow.post(path, json=body)).status_code == 204
            assert refusal(await flow.post(path, json=body), 429) == ("queued", 3, 3)
            assert (await ada.post(f"/v1/runs/{run_id}:cancel")).status_code == 202
            assert (await flow.post(path, json=body)).status_code == 204, "it need not wait to be told of its end"


async def test_an_owner_is_lent_no_more_at_a_time_than_allowed_and_goes_on_when_some_is_done(client: Client) -> None:
    async with await person(client, "ada") as ada, await person(client, "kofi") as kofi:
        await allow(client, "ada", leased=2)
        mine, other = [await a_run(http, await a_workflow(http)) for http in (ada, kofi)]
        async with (
            aclosing(await held(client, mine)) as flow,
            aclosing(await held(client, other)) as others,
            await client.enrol() as first,
            await client.enrol() as second,
        ):
            await put_task(flow, mine, "t", 5)
            lent = await sync(first, 4)
            assert len(lent["leases"]) == 2
            assert (await sync(second, 4))["leases"] == []
            await put_task(others, other, "t", 1)

            async def theirs_is_lent() -> bool:
                return [item["task_id"] for item in (await sync(second, 4))["leases"]] == [f"{other}/t"]

            await until_true(theirs_is_lent)
            waiting = asyncio.create_task(sync(second, 4, wait=30))
            assert (await sync(first, 0, reports=reports(lent)[:1]))["verdicts"] == ["ACCEPTED"]
            assert len((await asyncio.wait_for(waiting, 10))["leases"]) == 1, "one has been done: one more"
            async with client.http("admin") as admin:
                used = (await admin.get("/v1/users/ada")).json()["quotas"]
            assert (used["leased"], used["queued"]["used"]) == ({"used": 2, "allowed": 2}, 2)


async def sync(agent: httpx.AsyncClient, wish: int, **fields: Any) -> dict[str, Any]:
    answer = await agent.post("/v1/agent/sync", json={"slots": 4, "wish": wish, "wait": 0} | fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_viewers_have_nothing_to_count(client: Client) -> None:
    async with await person(client, "esi", Role.VIEWER) as esi:
        assert (await esi.get("/v1/me")).json()["quotas"]["runs"] == {"used": 0, "allowed": None}
