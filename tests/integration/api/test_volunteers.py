"""Join tokens, and what suspending, resuming and retiring do to a machine at work."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from storage.errors import JoinTokenSpentError
from storage.stores import Stores
from tests.conftest import NOON
from tests.integration.api.conftest import MACHINE, Client, put_task, reports, until_true

WISH = {"slots": 2, "wish": 2, "wait": 0}


async def sync(agent: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await agent.post("/v1/agent/sync", json=WISH | fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def held(answer: dict[str, Any]) -> list[dict[str, str]]:
    return [{"subtask_id": item["subtask_id"], "token": item["token"]} for item in answer["leases"]]


async def the_volunteer(admin: httpx.AsyncClient) -> str:
    [found] = (await admin.get("/v1/volunteers")).json()["volunteers"]
    return str(found["id"])


async def test_a_suspended_machine_gives_back_what_it_holds_and_gets_nothing_until_resumed(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin, await client.enrol() as agent:
        await put_task(flow, run_id, "t", 2)
        lent = await sync(agent)
        assert len(lent["leases"]) == 2
        id_ = await the_volunteer(admin)
        assert (await admin.get(f"/v1/volunteers/{id_}")).json()["leased"] == 2
        waiting = asyncio.create_task(sync(agent, wait=50, held=held(lent)))
        await until_true(lambda: _parked(client))
        suspended = await admin.post(f"/v1/volunteers/{id_}:suspend", json={"note": "too hot"})
        assert (suspended.json()["status"], suspended.json()["note"]) == ("SUSPENDED", "too hot")
        await asyncio.wait_for(waiting, 10)
        assert (await admin.get(f"/v1/volunteers/{id_}")).json()["leased"] == 0
        counts = (await admin.get(f"/v1/runs/{run_id}")).json()["tasks"][0]
        assert (counts["queued"], counts["leased"]) == (2, 0)

        late = await sync(agent, reports=reports(lent), held=held(lent), wait=0)
        assert (late["verdicts"], late["leases"]) == (["STALE", "STALE"], [])
        assert sorted(late["cancelled"]) == sorted(item["subtask_id"] for item in lent["leases"])
        assert late["wait"] > 30, "the agent need not ask all the time"
        assert (await agent.get(f"/v1/agent/blobs/{'0' * 64}")).status_code == 503

        resumed = await admin.post(f"/v1/volunteers/{id_}:resume")
        assert (resumed.json()["status"], resumed.json()["note"]) == ("ONLINE", "")
        again = await sync(agent)
        assert sorted(item["attempt"] for item in again["leases"]) == [2, 2]
        assert (await sync(agent, reports=reports(again), wish=0))["verdicts"] == ["ACCEPTED", "ACCEPTED"]


async def test_a_replica_forgets_a_secret_that_it_remembers(client: Client, replica: Client) -> None:
    async with client.http("admin") as admin, await client.enrol() as agent:
        secret = agent.headers["Authorization"].removeprefix("Bearer ")
        async with replica.bearer(secret) as there:
            assert (await sync(there))["wait"] == 0
            id_ = await the_volunteer(admin)
            await admin.post(f"/v1/volunteers/{id_}:suspend")

            async def waits() -> bool:
                return bool((await sync(there))["wait"] > 30)

            await until_true(waits)
            assert (await admin.post(f"/v1/volunteers/{id_}:retire")).json()["status"] == "RETIRED"

            async def refused() -> bool:
                return (await there.post("/v1/agent/sync", json=WISH)).status_code == 401

            await until_true(refused)


async def test_a_retired_machines_secret_is_dead_for_good(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin, await client.enrol() as agent:
        await put_task(flow, run_id, "t", 1)
        assert len((await sync(agent))["leases"]) == 1
        id_ = await the_volunteer(admin)
        assert (await admin.post(f"/v1/volunteers/{id_}:retire", json={"note": "sold"})).status_code == 200
        assert (await agent.post("/v1/agent/sync", json=WISH)).status_code == 401
        assert (await admin.get(f"/v1/runs/{run_id}")).json()["tasks"][0]["queued"] == 1
        for verb in ("suspend", "resume", "retire"):
            refused = await admin.post(f"/v1/volunteers/{id_}:{verb}")
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:njangi:volunteer-retired")
            assert (await admin.post(f"/v1/volunteers/v0:{verb}")).status_code == 404


async def test_a_join_token_enrols_as_many_machines_as_it_is_for(client: Client) -> None:
    machine = {"name": "m", "machine": MACHINE}
    async with client.http("admin") as admin:
        made = await admin.post("/v1/join-tokens", json={"name": "room 4", "uses": 2})
        assert made.status_code == 201, made.text
        async with client.bearer(made.json()["token"]) as joiner:
            answers = await asyncio.gather(*(joiner.post("/v1/agent/enrol", json=machine) for _ in range(5)))
            assert sorted(item.status_code for item in answers) == [201, 201, 403, 403, 403]
            assert (await joiner.get("/v1/runs")).status_code == 403
        [listed] = (await admin.get("/v1/join-tokens")).json()["join_tokens"]
        assert (listed["name"], listed["uses"], listed["used"]) == ("room 4", 2, 2)
        assert "token" not in listed and listed["last_used_at"] is not None
        volunteers = (await admin.get("/v1/volunteers")).json()["volunteers"]
        assert [item["join_token"] for item in volunteers] == [listed["id"]] * 2

        other = (await admin.post("/v1/join-tokens", json={"name": "room 5", "uses": 9})).json()
        async with client.bearer(other["token"]) as joiner:
            assert (await joiner.post("/v1/agent/enrol", json=machine)).status_code == 201
            assert (await admin.delete(f"/v1/join-tokens/{other['id']}")).status_code == 204
            assert (await joiner.post("/v1/agent/enrol", json=machine)).status_code == 401


async def test_a_join_token_expires(stores: Stores) -> None:
    until = NOON + timedelta(days=1)
    made, secret = await stores.join_tokens.add("room", uses=1, by="admin", expires_at=until, now=NOON)
    assert await stores.join_tokens.owner(secret, now=NOON) is not None
    assert await stores.join_tokens.owner(secret, now=until) is None
    with pytest.raises(JoinTokenSpentError):
        await stores.ledger.write(lambda tx: stores.join_tokens.use(tx, made.id, now=until))


async def _parked(client: Client) -> bool:
    return client.services.dispatcher.parked == 1
