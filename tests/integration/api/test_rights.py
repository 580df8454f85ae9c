"""Owners, readers and strangers over HTTP."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from storage.people.users import Role
from tests.integration.api.conftest import Client
from tests.integration.api.people import SPEC, a_run, a_workflow, person

Call = tuple[str, str, Any]


def calls_on(workflow: str, run: str, schedule: str) -> tuple[list[Call], list[Call]]:
    """Return the calls that read these things and those that change them."""
    reading = [
        ("GET", f"/v1/workflows/{workflow}", None),
        ("GET", f"/v1/workflows/{workflow}/versions", None),
        ("GET", f"/v1/workflows/{workflow}/versions/1/diff/1", None),
        ("GET", f"/v1/workflows/{workflow}/export", None),
        ("GET", f"/v1/runs:compare?a={run}&b={run}", None),
        ("GET", f"/v1/runs/{run}", None),
        ("GET", f"/v1/runs/{run}/subtasks?task=t", None),
        ("GET", f"/v1/runs/{run}/events", None),
        ("GET", f"/v1/runs/{run}/history", None),
        ("GET", f"/v1/runs/{run}/results", None),
        ("GET", f"/v1/schedules/{schedule}", None),
    ]
    changing = [
        ("PUT", f"/v1/workflows/{workflow}", {"spec": SPEC}),
        ("POST", f"/v1/workflows/{workflow}:tag", {"tags": ["mine"]}),
        ("POST", f"/v1/workflows/{workflow}:archive", {}),
        ("POST", f"/v1/workflows/{workflow}:unarchive", {}),
        ("POST", f"/v1/workflows/{workflow}/runs", {}),
        ("POST", f"/v1/workflows/{workflow}:share", {"with": ["*"]}),
        ("POST", f"/v1/runs/{run}:pause", {}),
        ("POST", f"/v1/runs/{run}:resume", {}),
        ("POST", f"/v1/runs/{run}/tasks/t:pause", {}),
        ("POST", f"/v1/runs/{run}/signals", {"name": "go", "payload": 1}),
        ("POST", f"/v1/runs/{run}:rerun", {}),
        ("POST", f"/v1/schedules/{schedule}:pause", {}),
        ("DELETE", f"/v1/schedules/{schedule}", None),
        ("POST", "/v1/schedules", {"workflow_id": workflow, "interval": "1h"}),
        ("POST", f"/v1/runs/{run}:cancel", {}),
    ]
    return reading, changing


async def statuses(http: httpx.AsyncClient, calls: list[Call]) -> dict[str, int]:
    headers = {"If-Match": "*"}
    return {
        f"{method} {path}": (await http.request(method, path, json=body, headers=headers)).status_code
        for method, path, body in calls
    }


async def test_strangers_find_nothing_readers_change_nothing_and_owners_and_admins_may(client: Client) -> None:
    async with AsyncExitStack() as stack:
        ada, kofi, esi = [
            await stack.enter_async_context(await person(client, name, role))
            for name, role in (("ada", Role.SUBMITTER), ("kofi", Role.SUBMITTER), ("esi", Role.VIEWER))
        ]
        admin = await stack.enter_async_context(client.http("admin"))
        workflow = await a_workflow(ada)
        run = await a_run(ada, workflow)
        made = await ada.post("/v1/schedules", json={"workflow_id": workflow, "interval": "1h"})
        schedule = made.json()["id"]
        reading, changing = calls_on(workflow, run, schedule)

        assert set((await statuses(kofi, reading + changing)).values()) == {404}
        assert set((await statuses(esi, reading)).values()) == {404}
        assert set((await statuses(esi, changing)).values()) == {403}
        for noun in ("workflows", "runs", "schedules"):
            assert (await kofi.get(f"/v1/{noun}")).json()[noun] == []
            assert len((await ada.get(f"/v1/{noun}")).json()[noun]) == 1

        shared = await ada.post(f"/v1/workflows/{workflow}:share", json={"with": ["kofi", "esi"]})
        assert shared.json() == {"readers": ["ada", "kofi", "esi"]}
        later = await a_run(ada, workflow)
        of_run = [call for call in reading if "schedules" not in call[1]]
        of_later = [(method, path.replace(run, later), body) for method, path, body in of_run]
        for reader in (kofi, esi):
            assert set((await statuses(reader, of_run + of_later)).values()) == {200}
            assert len((await reader.get("/v1/runs")).json()["runs"]) == 2
        on_shared = [call for call in changing if "/schedules/" not in call[1]]
        assert set((await statuses(kofi, on_shared)).values()) == {403}

        gone = await ada.post(f"/v1/workflows/{workflow}:unshare", json={"with": ["kofi", "esi", "ada"]})
        assert gone.json() == {"readers": ["ada"]}, "an owner stays"
        assert set((await statuses(kofi, of_run + of_later)).values()) == {404}

        for owner in (ada, admin):
            assert set((await statuses(owner, reading)).values()) == {200}
        assert max((await statuses(admin, changing)).values()) < 300
        kept = await ada.get(f"/v1/runs/{await a_run(admin, workflow)}")
        assert (kept.status_code, kept.json()["owner"]) == (200, "admin"), "owners see who else ran their workflow"


async def test_everybody_may_be_let_in_but_nobody_who_does_not_exist(client: Client) -> None:
    async with await person(client, "ada") as ada, await person(client, "esi", Role.VIEWER) as esi:
        workflow = await a_workflow(ada)
        refused = await ada.post(f"/v1/workflows/{workflow}:share", json={"with": ["esi", "nobody"]})
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:njangi:unknown-user")
        assert "nobody" in refused.json()["detail"]
        assert (await esi.get(f"/v1/workflows/{workflow}")).status_code == 404
        assert (await ada.post(f"/v1/workflows/{workflow}:share", json={"with": ["*"]})).status_code == 200
        assert (await esi.get("/v1/workflows")).json()["workflows"][0]["id"] == workflow


@pytest.mark.parametrize("on_conflict", ["reject", "return_existing", "replace"])
async def test_a_taken_id_leads_nobody_to_what_is_anothers(client: Client, on_conflict: str) -> None:
    async with await person(client, "ada") as ada, await person(client, "kofi") as kofi:
        await a_workflow(ada, id="census")
        taken = await kofi.post("/v1/workflows", json={"spec": SPEC, "id": "census", "on_conflict": on_conflict})
        assert (taken.status_code, taken.json()["type"]) == (409, "urn:njangi:id-taken")
        assert (await ada.get("/v1/workflows/census")).json()["version"] == 1
        await ada.post("/v1/workflows/census:share", json={"with": ["kofi"]})
        again = await kofi.post("/v1/workflows", json={"spec": SPEC, "id": "census", "on_conflict": on_conflict})
        assert again.status_code == (200 if on_conflict == "return_existing" else 409)
        assert (await ada.get("/v1/workflows/census")).json()["version"] == 1


async def test_all_runs_of_an_owner_are_for_that_owner_and_admins_to_control(client: Client) -> None:
    async with await person(client, "ada") as ada, await person(client, "kofi") as kofi, client.http("admin") as admin:
        workflow = await a_workflow(ada)
        run, of_ada = await a_run(ada, workflow), {"filter": {"owner": "ada"}}
        for verb in ("pause", "resume", "cancel"):
            assert (await kofi.post(f"/v1/runs:{verb}", json=of_ada)).status_code == 403
        everything = {"filter": {"status": ["SUBMITTED", "PAUSED"]}}
        await ada.post(f"/v1/workflows/{workflow}:share", json={"with": ["*"]})
        assert (await kofi.post("/v1/runs:cancel", json=everything)).json()["runs"] == [], "to read is not to control"
        assert (await ada.post("/v1/runs:pause", json=everything)).json()["runs"] == [run]
        assert (await admin.post("/v1/runs:cancel", json=of_ada)).json()["runs"] == [run]


async def test_an_engineers_run_is_that_of_the_user_whom_the_flow_names(client: Client) -> None:
    async with await person(client, "ada") as ada, client.http("flow") as flow:
        for body, status, found in (({"owner": "ada"}, 200, 200), ({}, 200, 404), ({"owner": "nobody"}, 422, 404)):
            adoption = {"prefect_flow_run_id": f"flow-run-{body}", "name": "census", **body}
            adopted = await flow.post("/v1/flow/runs:adopt", json=adoption)
            assert adopted.status_code == status, adopted.text
            assert (await ada.get(f"/v1/runs/{adopted.json().get('id', 'r0')}")).status_code == found


async def test_blobs_are_sent_by_submitters_and_fetched_by_whoever_knows_their_hash(client: Client) -> None:
    digest = await client.upload(b"a result")
    async with await person(client, "esi", Role.VIEWER) as esi:
        assert (await esi.get(f"/v1/blobs/{digest}")).content == b"a result"
        assert (await esi.put(f"/v1/blobs/{digest}", content=b"a result")).status_code == 403
