"""Agents over HTTP: enrolment, long polls, reports, refusals."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

from tests.integration.api.conftest import MACHINE, Client, put_task, reports, until


async def test_a_join_token_enrols_and_its_secret_opens_the_sync(client: Client) -> None:
    async with await client.enrol() as agent:
        answer = await agent.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 0})
        assert answer.status_code == 200
        assert answer.json() == {"verdicts": [], "cancelled": [], "tasks": [], "leases": [], "wait": 0.0}


async def test_a_wrong_token_is_401_and_a_token_of_another_role_403(client: Client) -> None:
    async with client.bearer("nonsense") as stranger:
        for path in ("/v1/agent/sync", "/v1/agent/enrol", "/v1/workflows"):
            answer = await stranger.post(path, json={})
            assert answer.status_code == 401, path
            assert answer.headers["content-type"] == "application/problem+json"
    async with client.http("flow") as flow:
        assert (await flow.get("/v1/runs")).status_code == 403
    async with client.http("admin") as admin:
        assert (await admin.post("/v1/flow/runs:adopt", json={})).status_code == 403
    async with await client.enrol() as agent:
        assert (await agent.get("/v1/runs")).status_code == 401


async def test_work_reaches_an_agent_that_waits_for_it(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        waiting = asyncio.create_task(agent.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 20}))
        await until(lambda: client.services.dispatcher.parked == 1)
        await put_task(flow, run_id, "t", 1)
        answer = (await waiting).json()
        [lease] = answer["leases"]
        assert lease["parameters"] == {"x": 0} and lease["attempt"] == 1
        assert [task["task_id"] for task in answer["tasks"]] == [lease["task_id"]]


async def test_a_newer_sync_ends_the_older_one_that_waits(client: Client) -> None:
    async with await client.enrol() as agent:
        waiting = asyncio.create_task(agent.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 50}))
        await until(lambda: client.services.dispatcher.parked == 1)
        await agent.post("/v1/agent/sync", json={"slots": 1, "wish": 0, "wait": 0})
        assert (await waiting).json()["leases"] == []


async def test_an_agent_that_hangs_up_is_lent_nothing(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        waiting = asyncio.create_task(agent.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 50}))
        await until(lambda: client.services.dispatcher.parked == 1)
        waiting.cancel()
        await until(lambda: client.services.dispatcher.parked == 0)
        await put_task(flow, run_id, "t", 1)
        async with await client.enrol("another") as another:
            answer = await another.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 20})
            assert len(answer.json()["leases"]) == 1


async def test_short_work_is_lent_in_bundles_once_its_length_is_known(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 100, per_batch=100)
        first = (await agent.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 5})).json()
        assert len(first["leases"]) == 1
        tx = {"slots": 1, "wish": 1, "wait": 5, "reports": reports(first)}
        second = (await agent.post("/v1/agent/sync", json=tx)).json()
        assert second["verdicts"] == ["ACCEPTED"]
        assert len(second["leases"]) > 10


async def test_a_report_for_somebody_elses_lease_is_stale(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), await client.enrol("a") as agent, await client.enrol("b") as thief:
        await put_task(flow, run_id, "t", 1)
        answer = (await agent.post("/v1/agent/sync", json={"slots": 1, "wish": 1, "wait": 5})).json()
        stolen = await thief.post("/v1/agent/sync", json={"slots": 1, "reports": reports(answer, '"wrong"')})
        assert stolen.json()["verdicts"] == ["STALE"]
        honest = await agent.post("/v1/agent/sync", json={"slots": 1, "reports": reports(answer)})
        assert honest.json()["verdicts"] == ["ACCEPTED"]


async def test_what_is_no_sync_is_refused_with_the_field_named(client: Client) -> None:
    async with await client.enrol() as agent:
        for body, told in (
            ({"slots": -1}, "slots"),
            ({"slots": 1, "reports": {}}, "reports"),
            ([], "object"),
        ):
            answer = await agent.post("/v1/agent/sync", json=body)
            assert answer.status_code == 422 and told in answer.json()["detail"], answer.text
        assert (await agent.post("/v1/agent/sync", content=b"{")).status_code == 422


async def test_a_bad_report_fails_its_subtask_alone_and_at_once(client: Client) -> None:
    flow, run_id = await client.flow()
    bad = {1: '"\\ud800"', 2: "9" * 4301, 3: "nonsense", 4: "[NaN]", 5: "[" * 65 + "]" * 65}
    fine = {0: str(2**1279 - 1), 6: '"a\\u0000b"', 7: "[" * 64 + "]" * 64}
    results = {str(index): result for index, result in (bad | fine).items()}
    async with aclosing(flow), await client.enrol() as agent:
        await put_task(flow, run_id, "t", 8)
        told: list[dict[str, Any]] = []
        for _ in range(8):
            answer = (await agent.post("/v1/agent/sync", json={"slots": 8, "wish": 8, "wait": 5})).json()
            told += [report | {"result": results[report["subtask_id"][-1]]} for report in reports(answer)]
            if len(told) == 8:
                break
        told[3]["error"] = {"type": "x", "message": "\ud800\0"}
        body = json.dumps({"slots": 8, "held": [None, {"subtask_id": 3}], "reports": [*told, None, {}]})
        answer = await agent.post("/v1/agent/sync", content=body)
        assert answer.json()["verdicts"] == ["ACCEPTED"] * 8 + ["STALE"] * 2
        page = (await flow.get(f"/v1/flow/runs/{run_id}/tasks/t/results")).json()["results"]
        assert {row["index"]: row["result"] for row in page if row["status"] == "COMPLETED"} == fine
        assert [row["index"] for row in page if row["status"] == "FAILED"] == sorted(bad)
        failed = await client.services.stores.results.get(f"{run_id}/t/2")
        assert failed.error is not None and "4300 digits" in failed.error["message"]


async def test_a_body_too_large_is_413_before_it_is_read(client: Client) -> None:
    async with await client.enrol() as agent:
        answer = await agent.post("/v1/agent/sync", content=b"x" * (1024 * 1024 + 1))
        assert answer.status_code == 413

        async def endless() -> object:
            for _ in range(40):
                yield b"x" * 65536

        assert (await agent.post("/v1/agent/sync", content=endless())).status_code == 413


async def test_blobs_are_checked_bounded_and_stored_once(client: Client) -> None:
    digest = await client.upload(b"a" * 300_000)
    async with await client.enrol() as agent, client.http("admin") as admin:
        assert (await agent.get(f"/v1/agent/blobs/{digest}")).content == b"a" * 300_000
        assert (await admin.put(f"/v1/blobs/{digest}", content=b"a" * 300_000)).status_code == 200
        wrong = await admin.put(f"/v1/blobs/{'0' * 64}", content=b"abc")
        assert wrong.status_code == 422 and "SHA-256" in wrong.json()["detail"]
        assert (await admin.put(f"/v1/blobs/{'1' * 64}", content=b"x" * (5 * 2**20 + 1))).status_code == 413
        assert (await admin.get(f"/v1/blobs/{'0' * 64}")).status_code == 404
        assert (await admin.put("/v1/blobs/nothex", content=b"")).status_code == 422
        assert (await client.services.stores.database["blobs.files"].count_documents({})) == 1
        assert (await client.services.stores.database["blobs.chunks"].count_documents({})) == 2


async def test_the_list_of_volunteers_shows_machines_but_no_secret(client: Client) -> None:
    async with await client.enrol("salle 4") as agent, client.http("admin") as admin:
        await agent.post("/v1/agent/sync", json={"slots": 2})
        [shown] = (await admin.get("/v1/volunteers")).json()["volunteers"]
        assert shown["name"] == "salle 4" and shown["status"] == "ONLINE"
        assert shown["machine"] == MACHINE
        assert "secret" not in str(shown)


async def test_tokens_are_files_for_their_owner_only_and_stored_hashed(client: Client) -> None:
    for role in ("admin", "flow", "join"):
        file = client.home / "tokens" / role
        assert file.stat().st_mode & 0o777 == 0o600
        stored = str(await client.services.stores.database["users"].find({}).to_list())
        assert file.read_text().strip() not in stored
