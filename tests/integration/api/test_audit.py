"""Who did what is written down, also what was refused; and for how long it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx

from storage.stores import Stores
from tests.conftest import NOON
from tests.integration.api.conftest import Client
from tests.integration.api.people import SPEC, a_run, a_workflow, person, signed_in, signs_in


async def entries(http: httpx.AsyncClient, **query: Any) -> list[tuple[str, str, dict[str, str], int | None]]:
    """Return what is logged, the oldest first."""
    answer = await http.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return [(item["who"], item["action"], item["on"], item["status"]) for item in reversed(answer.json()["entries"])]


async def test_changes_are_logged_with_who_what_and_how_it_ended_and_reads_are_not(client: Client) -> None:
    async with await person(client, "ada") as ada, await person(client, "kofi") as kofi, client.http("admin") as admin:
        workflow = await a_workflow(ada)
        run = await a_run(ada, workflow)
        await ada.get("/v1/runs")
        await ada.post("/v1/workflows:validate", json={"spec": SPEC})
        cancelled = await ada.post(f"/v1/runs/{run}:cancel")
        assert (await kofi.post(f"/v1/runs/{run}:cancel")).status_code == 404
        assert (await kofi.post("/v1/users/ada:disable")).status_code == 403
        assert await entries(admin) == [
            ("ada", "POST /v1/workflows", {}, 201),
            ("ada", "POST /v1/workflows/{workflow_id}/runs", {"workflow_id": workflow}, 201),
            ("ada", "POST /v1/runs/{run_id}:cancel", {"run_id": run}, 202),
            ("kofi", "POST /v1/runs/{run_id}:cancel", {"run_id": run}, 404),
            ("kofi", "POST /v1/users/{name}:disable", {"name": "ada"}, 403),
        ]
        assert [item[0] for item in await entries(admin, on=run)] == ["ada", "kofi"]
        assert len(await entries(admin, who="kofi", action=":cancel")) == 1
        newest = (await admin.get("/v1/audit", params={"who": "ada"})).json()["entries"][0]
        assert newest["request_id"] == cancelled.headers["X-Request-ID"] and newest["address"] == "127.0.0.1"
        assert len(await entries(admin, since=newest["at"])) == 3
        assert len(await entries(admin, until=newest["at"])) == 2
        assert (await kofi.get("/v1/audit")).status_code == 403


async def test_signing_in_is_logged_also_when_it_fails(client: Client) -> None:
    async with signed_in(client, "ada"), client.http("admin") as admin:
        await signs_in(client, "ada", "wrong password")
        await signs_in(client, "nobody", "wrong password")
        await signs_in(client, "ada")
        assert [(who, action, status) for who, action, _, status in await entries(admin)] == [
            ("admin", "POST /v1/invitations", 201),
            ("ada", "POST /v1/invitations:accept", 201),
            ("ada", "POST /v1/session", 401),
            ("nobody", "POST /v1/session", 401),
            ("ada", "POST /v1/session", 200),
        ]
        kept = str(await client.services.stores.database["audit"].find().to_list())
        assert "wrong password" not in kept


async def test_the_log_is_read_page_by_page(client: Client) -> None:
    async with client.http("admin") as admin:
        made = [await a_workflow(admin) for _ in range(5)]
        found: list[str] = []
        token: str | None = ""
        while token is not None:
            answer = await admin.get("/v1/audit", params={"limit": 2} | ({"page_token": token} if token else {}))
            found += [item["id"] for item in answer.json()["entries"]]
            token = answer.json()["next_page_token"]
        assert len(found) == len(set(found)) == len(made)
        assert (await admin.get("/v1/audit", params={"page_token": "é"})).status_code == 422


async def test_what_the_service_died_over_is_logged_without_an_outcome(stores: Stores) -> None:
    await stores.audit.begin("ada", "10.0.0.1", "POST /v1/workflows", {}, None, now=NOON)
    [entry] = await stores.audit.page(limit=10)
    assert (entry.who, entry.status) == ("ada", None)


async def test_how_long_entries_are_kept_can_be_changed(stores: Stores) -> None:
    for days in (365, 30, 30):
        await stores.audit.keep_for(timedelta(days=days))
        index = (await stores.database["audit"].index_information())["kept"]
        assert index["expireAfterSeconds"] == days * 86_400
