"""Ids that callers choose, and repeated requests, over HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from storage.errors import StorageUnavailableError
from storage.people.users import Role, User
from storage.runs.models import Run
from tests.conftest import NOON
from tests.integration.api.conftest import Client
from tests.integration.api.test_workflows import SPEC

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def workflow_of(http: httpx.AsyncClient, **fields: Any) -> str:
    made = await http.post("/v1/workflows", json={"spec": SPEC, **fields})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_an_id_that_is_no_slug_is_refused_with_what_would_be_right(client: Client) -> None:
    async with client.http("admin") as http:
        for id_ in ("", "Nightly", "-a", "a" * 65, "a/b", "a b", "é", 7):
            answer = await http.post("/v1/workflows", json={"spec": SPEC, "id": id_})
            assert answer.status_code == 422
            [error] = answer.json()["errors"]
            assert error["pointer"] == "/id" and ("a-z" in error["detail"] or "string" in error["detail"])


async def test_a_workflow_gets_the_id_that_its_caller_chose_once(client: Client) -> None:
    async with client.http("admin") as http:
        assert await workflow_of(http, id="greeting") == "greeting"
        taken = await http.post("/v1/workflows", json={"spec": SPEC, "id": "greeting"})
        assert (taken.status_code, taken.json()["type"]) == (409, "urn:njangi:id-taken")
        other = SPEC | {"description": "another"}
        body = {"spec": other, "id": "greeting", "on_conflict": "return_existing"}
        existing = await http.post("/v1/workflows", json=body)
        assert (existing.status_code, existing.json()["version"]) == (200, 1)
        replaced = await http.post("/v1/workflows", json=body | {"on_conflict": "replace"})
        assert (replaced.status_code, replaced.json()["version"]) == (200, 2)
        assert replaced.json()["description"] == "another"
        unknown = await http.post("/v1/workflows", json=body | {"on_conflict": "shrug"})
        assert unknown.status_code == 422


async def test_of_many_callers_with_one_id_one_makes_the_run_and_the_others_meet_it(client: Client) -> None:
    async with client.http("admin") as http:
        url = f"/v1/workflows/{await workflow_of(http)}/runs"
        body = {"id": "nightly-1", "on_conflict": "return_existing"}
        answers = await asyncio.gather(*(http.post(url, json=body) for _ in range(12)))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 11}
        assert {answer.json()["id"] for answer in answers} == {"nightly-1"}
        assert len((await http.get("/v1/runs")).json()["runs"]) == 1
        assert (await http.post(url, json={"id": "nightly-1"})).status_code == 409
        elsewhere = f"/v1/workflows/{await workflow_of(http)}/runs"
        for policy in ("return_existing", "replace"):
            answer = await http.post(elsewhere, json={"id": "nightly-1", "on_conflict": policy})
            assert answer.status_code == 409, "the id names a run of another workflow"


async def test_replacing_a_run_cancels_the_one_that_stands_for_the_id(client: Client) -> None:
    async with client.http("admin") as http:
        url = f"/v1/workflows/{await workflow_of(http)}/runs"
        body = {"id": "nightly", "on_conflict": "replace"}
        first = (await http.post(url, json=body)).json()
        assert first["id"] == "nightly"
        second = await http.post(url, json=body)
        third = await http.post(url, json=body)
        assert second.status_code == third.status_code == 201
        runs = {run["id"]: run for run in (await http.get("/v1/runs")).json()["runs"]}
        second_id, third_id = second.json()["id"], third.json()["id"]
        assert runs.keys() == {"nightly", second_id, third_id}
        assert [runs[id_]["cancel_requested"] for id_ in ("nightly", second_id, third_id)] == [True, True, False]
        assert runs["nightly"]["replaced_by"] == third_id
        existing = await http.post(url, json=body | {"on_conflict": "return_existing"})
        assert (existing.status_code, existing.json()["id"]) == (200, third_id)


async def test_of_runs_that_replace_each_other_at_once_one_is_left(client: Client) -> None:
    async with client.http("admin") as http:
        url = f"/v1/workflows/{await workflow_of(http)}/runs"
        body = {"id": "nightly", "on_conflict": "replace"}
        answers = await asyncio.gather(*(http.post(url, json=body) for _ in range(6)))
        assert [answer.status_code for answer in answers] == [201] * 6
        runs = (await http.get("/v1/runs")).json()["runs"]
        assert len(runs) == 6
        [left] = [run["id"] for run in runs if not run["cancel_requested"]]
        assert {run["id"]: run["replaced_by"] for run in runs}["nightly"] == left


async def test_a_repeated_request_is_answered_as_the_first_time(client: Client) -> None:
    async with client.http("admin") as http:
        first = await http.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)
        again = await http.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)
        assert first.status_code == again.status_code == 201
        assert first.content == again.content
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["content-type"] == "application/json"
        assert len((await http.get("/v1/workflows")).json()["workflows"]) == 1
        url = f"/v1/workflows/{first.json()['id']}"
        edits = [
            await http.put(
                url,
                json={"spec": SPEC | {"description": text}},
                headers={"Idempotency-Key": text, "If-Match": f'"{version}"'},
            )
            for text, version in (("b", 1), ("c", 2), ("b", 1))
        ]
        assert [edit.json()["version"] for edit in edits] == [2, 3, 2]
        assert (await http.get(url)).json()["version"] == 3


async def test_another_request_under_the_same_key_is_refused(client: Client) -> None:
    async with client.http("admin") as http:
        made = (await http.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)).json()
        for url, body in (
            ("/v1/workflows", {"spec": SPEC, "id": "x"}),
            (f"/v1/workflows/{made['id']}/runs", {"spec": SPEC}),
            ("/v1/workflows?a=b", {"spec": SPEC}),
        ):
            answer = await http.post(url, json=body, headers=KEY)
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:njangi:idempotency-key-reused")
        for key in ("", "x" * 256, "a\tb"):
            answer = await http.post("/v1/workflows", json={"spec": SPEC}, headers={"Idempotency-Key": key})
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:njangi:invalid-idempotency-key"), key


async def test_keys_are_apart_for_each_caller_and_strangers_write_nothing(client: Client) -> None:
    users = client.services.stores.users
    await users.add_token("kofi", Role.SUBMITTER, "njangi-kofi", now=NOON)
    await users.add_token("esi", Role.VIEWER, "njangi-esi", now=NOON)
    async with client.http("admin") as admin, client.bearer("njangi-kofi") as kofi, client.bearer("njangi-esi") as esi:
        one, two = [await http.post("/v1/workflows", json={"spec": SPEC}, headers=KEY) for http in (admin, kofi)]
        assert one.json()["id"] != two.json()["id"]
        assert (one.json()["owner"], two.json()["owner"]) == ("admin", "kofi")
        assert (await esi.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)).status_code == 403
    async with client.bearer("nonsense") as stranger:
        assert (await stranger.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)).status_code == 401
    assert await client.services.stores.database["idempotency"].count_documents({}) == 2


async def test_a_request_that_was_refused_may_come_corrected_under_its_key(client: Client) -> None:
    async with client.http("admin") as http:
        refused = await http.post("/v1/workflows", json={"spec": {}}, headers=KEY)
        assert refused.status_code == 422
        assert (await http.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)).status_code == 201


async def test_while_the_first_is_under_way_the_second_is_told_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    start_run = client.services.reconciler.start

    async def slow(run: Run) -> Run:
        reached.set()
        await go_on.wait()
        return await start_run(run)

    monkeypatch.setattr(client.services.reconciler, "start", slow)
    async with client.http("admin") as http:
        url = f"/v1/workflows/{await workflow_of(http)}/runs"
        first = asyncio.create_task(http.post(url, json={}, headers=KEY))
        await asyncio.wait_for(reached.wait(), 20)
        second = await http.post(url, json={}, headers=KEY)
        assert (second.status_code, second.json()["type"]) == (409, "urn:njangi:under-way")
        assert 1 <= int(second.headers["retry-after"]) <= 60
        go_on.set()
        third = await http.post(url, json={}, headers=KEY) if (await first).status_code == 201 else None
        assert third is not None and third.content == (await first).content
        assert len((await http.get("/v1/runs")).json()["runs"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="an id of its own"),
        pytest.param({"id": "mine"}, id="a chosen id"),
        pytest.param({"id": "taken", "on_conflict": "replace"}, id="one that replaces"),
    ],
)
@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "workflow edited meanwhile"])
async def test_a_kill_between_the_work_and_the_answer_doubles_no_run(
    client: Client, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], edited: bool
) -> None:
    """The process dies once the run is written: its key is given free as by the end of the lease, not answered."""
    stores = client.services.stores

    async def dies(*args: object, **more: object) -> None:
        raise StorageUnavailableError("killed")

    async with client.http("admin") as http:
        workflow_id = await workflow_of(http)
        url = f"/v1/workflows/{workflow_id}/runs"
        await http.post(url, json={"id": "taken"})
        with monkeypatch.context() as patch:
            patch.setattr(stores.idempotency, "answered", dies)
            patch.setattr(client.services.reconciler, "start", dies)
            request = {"parameters": {"greeting": "hi"}, **body}
            assert (await http.post(url, json=request, headers=KEY)).status_code == 503
        if edited:
            spec = {"name": "other", "tasks": [{"name": "t", "command": ["true"]}]}
            edit = {"json": {"spec": spec}, "headers": {"If-Match": "*"}}
            assert (await http.put(f"/v1/workflows/{workflow_id}", **edit)).status_code == 200
        again = await http.post(url, json=request, headers=KEY)
        assert again.status_code == 201, again.text
        repeated = await http.post(url, json=request, headers=KEY)
        assert repeated.content == again.content
        runs = (await http.get("/v1/runs")).json()["runs"]
        assert {run["id"] for run in runs} == {"taken", again.json()["id"]}
        assert again.json()["cancel_requested"] is False
        assert body.get("id") in (None, "taken") or again.json()["id"] == "mine"


@pytest.mark.parametrize("chosen", [{}, {"id": "mine"}, {"id": "taken", "on_conflict": "replace"}])
async def test_a_kill_between_the_work_and_the_answer_doubles_no_workflow_and_no_version(
    client: Client, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, Any]
) -> None:
    store = client.services.stores.idempotency

    async def dies(*args: object, **more: object) -> None:
        raise OSError("killed")

    async with client.http("admin") as http:
        await workflow_of(http, id="taken")
        body = {"spec": SPEC | {"description": "new"}, **chosen}
        with monkeypatch.context() as patch:
            patch.setattr(store, "answered", dies)
            assert (await http.post("/v1/workflows", json=body, headers=KEY)).status_code == 500
        await client.services.stores.database["idempotency"].update_one({}, {"$set": {"lease.until": NOON}})
        again = await http.post("/v1/workflows", json=body, headers=KEY)
        assert again.status_code == (200 if "on_conflict" in chosen else 201), again.text
        assert again.json()["version"] == (2 if "on_conflict" in chosen else 1)
        workflows = (await http.get("/v1/workflows")).json()["workflows"]
        assert {item["id"] for item in workflows} == {"taken", again.json()["id"]}


async def test_a_body_over_the_bound_is_refused_unread_with_a_key_too(client: Client) -> None:
    async with client.http("admin") as http:

        async def endless() -> Any:
            for _ in range(40):
                yield b"x" * 65536

        assert (await http.post("/v1/workflows", content=b"x" * (2**20 + 1), headers=KEY)).status_code == 413
        assert (await http.post("/v1/workflows", content=endless(), headers=KEY)).status_code == 413
    assert await client.services.stores.database["idempotency"].count_documents({}) == 0


async def test_agents_and_flows_and_blobs_need_no_key(client: Client) -> None:
    flow, run_id = await client.flow()
    for _ in range(2):
        answer = await flow.put(f"/v1/flow/runs/{run_id}/tasks/t", json={"status": "RUNNING"}, headers=KEY)
        assert answer.is_success
    await flow.aclose()
    assert await client.services.stores.database["idempotency"].count_documents({}) == 0


async def test_a_kill_between_the_work_and_the_answer_doubles_no_signal(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = client.services.stores.idempotency

    async def dies(*args: object, **more: object) -> None:
        raise OSError("killed")

    async with client.http("admin") as http:
        run_id = (await http.post(f"/v1/workflows/{await workflow_of(http)}/runs", json={})).json()["id"]
        url, body = f"/v1/runs/{run_id}/signals", {"name": "go", "payload": 1}
        with monkeypatch.context() as patch:
            patch.setattr(store, "answered", dies)
            assert (await http.post(url, json=body, headers=KEY)).status_code == 500
        await client.services.stores.database["idempotency"].update_one({}, {"$set": {"lease.until": NOON}})
        again = await http.post(url, json=body, headers=KEY)
        assert (again.status_code, again.json()["number"]) == (202, 1)
        another = await http.post(url, json=body, headers={"Idempotency-Key": "another"})
        assert (another.status_code, another.json()["number"]) == (202, 2)
        events = (await http.get(f"/v1/runs/{run_id}/events")).json()["events"]
        assert [event["number"] for event in events if event["type"] == "signal.sent"] == [1, 2]


async def test_a_keyed_request_whose_caller_cannot_be_looked_up_is_not_done_without_its_key(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = client.services.stores.users
    by_token, looks = users.by_token, 0

    async def away_at_first(token: str) -> User | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise StorageUnavailableError("a failover")
        return await by_token(token)

    await users.add_token("new here", Role.SUBMITTER, "a token nobody has used", now=NOON)
    monkeypatch.setattr(users, "by_token", away_at_first)
    async with client.bearer("a token nobody has used") as http:
        first = await http.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)
        assert (first.status_code, first.headers["retry-after"]) == (503, "2")
        assert (await http.post("/v1/workflows", json={"spec": SPEC}, headers=KEY)).status_code == 201
        assert len((await http.get("/v1/workflows")).json()["workflows"]) == 1
