"""The life of a workflow over HTTP: checked, edited by several, kept in versions, compared, put aside, deleted."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import httpx
import jsonpatch

from api.clock import utc_now
from storage.people.users import Role, new_token
from storage.runs.models import FlowRunState, RunStatus
from storage.sharing import EVERYBODY
from tests.integration.api.conftest import Client, put_task, reports

TEXT = """\
# counts words
language: 2
name: words
tags: [text]
inputs: {book: book.txt}
tasks:
  - name: count  # one line a subtask
    command: wc -w {part}
    split: {lines: book, items_per_subtask: 2}
  - {name: sum, command: "cat {count.result}", dependencies: [count]}
"""
SPEC: dict[str, Any] = {"name": "greeting", "tasks": [{"name": "say", "command": ["echo", "hi"]}]}


async def made(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await http.post("/v1/workflows", json={"spec": SPEC, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def edited(http: httpx.AsyncClient, id_: str, spec: Any, if_match: str | None, **body: Any) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match is not None else {}
    return await http.put(f"/v1/workflows/{id_}", json={"spec": spec, **body}, headers=headers)


async def run_of(http: httpx.AsyncClient, workflow_id: str) -> dict[str, Any]:
    answer = await http.post(f"/v1/workflows/{workflow_id}/runs", json={})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def end(client: Client, run_id: str, status: RunStatus = RunStatus.COMPLETED) -> None:
    """Have a run end as Prefect would tell."""
    stores, now = client.services.stores, utc_now()
    await stores.run_recovery.set_flow_run(run_id, f"flow-{run_id}", now=now)
    state = FlowRunState(f"flow-{run_id}", status, status.capitalize(), None, now)
    await stores.ledger.write(lambda tx: stores.runs.follow(tx, state, status, now=now))


async def test_an_edit_names_the_version_that_it_was_made_on(client: Client) -> None:
    async with client.http("admin") as http:
        workflow = await made(http)
        read = await http.get(f"/v1/workflows/{workflow['id']}")
        assert read.headers["ETag"] == '"1"'
        without = await edited(http, workflow["id"], SPEC, None)
        assert (without.status_code, without.json()["type"]) == (428, "urn:njangi:precondition-required")
        first = await edited(http, workflow["id"], SPEC | {"description": "mine"}, '"1"')
        assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
        for tag in ('"1"', "nonsense", '"3"'):
            late = await edited(http, workflow["id"], SPEC | {"description": "theirs"}, tag)
            assert (late.status_code, late.json()["type"]) == (412, "urn:njangi:stale-version")
        assert (await http.get(f"/v1/workflows/{workflow['id']}")).json()["description"] == "mine"
        both = [edited(http, workflow["id"], SPEC | {"description": text}, '"2"') for text in ("a", "b", "c")]
        assert sorted(answer.status_code for answer in await asyncio.gather(*both)) == [200, 412, 412]
        assert len((await http.get(f"/v1/workflows/{workflow['id']}/versions")).json()["versions"]) == 3


async def test_versions_are_kept_as_they_were_written_and_differ_readably(client: Client) -> None:
    files = {"book.txt": await client.upload(b"a b\nc\n")}
    more = TEXT.replace("tags: [text]", "tags: [text, books]").replace("wc -w", "wc -c")
    more += "  - {name: report, command: echo, dependencies: [sum]}\n"
    async with client.http("admin") as http:
        workflow = await made(http, spec=TEXT, files=files)
        url = f"/v1/workflows/{workflow['id']}/versions"
        other = {"book.txt": await client.upload(b"other\n")}
        assert (await edited(http, workflow["id"], more, '"1"', files=other)).status_code == 200
        listed = (await http.get(url, params={"page_size": 1})).json()
        assert [item["version"] for item in listed["versions"]] == [2]
        rest = (await http.get(url, params={"page_token": listed["next_page_token"]})).json()
        assert [item["version"] for item in rest["versions"]] == [1] and rest["next_page_token"] is None
        one, two = [(await http.get(f"{url}/{number}")).json() for number in (1, 2)]
        assert one["source"] == TEXT and two["source"] == more
        difference = (await http.get(f"{url}/1/diff/2")).json()
        assert jsonpatch.apply_patch(one["spec"], difference["patch"]) == two["spec"]
        assert difference["summary"] == ["tags changed", "task count: command changed", "task report added"]
        assert "-    command: wc -w {part}" in difference["text"].splitlines()
        assert difference["files"] == {"book.txt": [files["book.txt"], other["book.txt"]]}
        back = (await http.get(f"{url}/2/diff/1")).json()
        assert jsonpatch.apply_patch(two["spec"], back["patch"]) == one["spec"]
        assert (await http.get(f"{url}/9")).status_code == 404


async def test_a_dry_run_tells_what_a_run_would_do_and_writes_nothing(client: Client) -> None:
    files = {"book.txt": await client.upload(b"a\n\nb\r\n  \nc\nd\ne")}
    async with client.http("admin") as http:
        answer = await http.post("/v1/workflows:validate", json={"spec": TEXT, "files": files})
        assert answer.status_code == 200, answer.text
        plan = answer.json()
        count, total = plan["tasks"]
        assert (count["task"], count["items"], count["subtasks"], count["batches"]) == ("count", 5, 3, 3)
        assert (total["task"], total["subtasks"], total["dependencies"]) == ("sum", 1, ["count"])
        assert (plan["subtasks"], plan["problems"]) == (4, [])
        nobody = {"reason": "no volunteer is online", "code": "no-volunteers", "values": {}}
        assert plan["estimate"] == {"soonest": None, "latest": None, "slots": 0, **nobody}
        unsent = await http.post("/v1/workflows:validate", json={"spec": TEXT, "files": {"book.txt": "0" * 64}})
        [count, _] = unsent.json()["tasks"]
        assert count["subtasks"] is None and "not stored" in count["reason"]
        assert (await http.get("/v1/workflows")).json()["workflows"] == []
        broken = await http.post("/v1/workflows", json={"spec": "name: [", "files": {}})
        assert broken.status_code == 422 and "line" in broken.json()["errors"][0]["detail"]


async def test_a_dry_run_says_what_no_machine_online_has(client: Client) -> None:
    huge = {"name": "t0", "command": "true", "resources": {"memory": "200TiB"}}
    spec = {"name": "huge", "tasks": [huge, {"name": "t1", "sleep": "1s"}]}
    async with client.http("admin") as http, await client.enrol() as agent:
        await agent.post("/v1/agent/sync", json={"slots": 1, "wish": 0})
        await client.services.dispatcher.keep_books()
        plan = (await http.post("/v1/workflows:validate", json={"spec": spec})).json()
    [reason] = plan["lacking"]
    assert (reason["task"], reason["kind"], reason["values"]["short"]) == ("t0", "no-fitting-volunteer", ["memory"])
    assert "200 TiB of memory" in reason["detail"]


async def test_tags_that_somebody_put_on_outlive_edits(client: Client) -> None:
    async with client.http("admin") as http:
        workflow = await made(http, spec=SPEC | {"tags": ["old"]})
        url = f"/v1/workflows/{workflow['id']}"
        for _ in range(2):
            tagged = await http.post(f"{url}:tag", json={"tags": ["mine", "yours"]})
            assert tagged.json()["tags"] == ["old", "mine", "yours"] and tagged.json()["version"] == 1
        await http.post(f"{url}:untag", json={"tags": ["yours", "never"]})
        again = await edited(http, workflow["id"], SPEC | {"tags": ["new"]}, '"1"')
        assert again.json()["tags"] == ["new", "mine"]
        run = await run_of(http, workflow["id"])
        assert run["tags"] == ["new", "mine"]
        found = (await http.get("/v1/runs", params={"tag": "mine"})).json()["runs"]
        assert [item["id"] for item in found] == [run["id"]]


async def test_an_archived_workflow_is_neither_listed_nor_started(client: Client) -> None:
    async with client.http("admin") as http:
        workflow = await made(http)
        url = f"/v1/workflows/{workflow['id']}"
        going = await run_of(http, workflow["id"])
        schedule = {"workflow_id": workflow["id"], "interval": "1h", "id": "hourly"}
        assert (await http.post("/v1/schedules", json=schedule)).status_code == 201
        assert (await http.post(f"{url}:archive")).json()["archived_at"] is not None
        assert (await http.get("/v1/workflows")).json()["workflows"] == []
        [aside] = (await http.get("/v1/workflows", params={"archived": True})).json()["workflows"]
        assert aside["id"] == workflow["id"]
        refused = await http.post(f"{url}/runs", json={})
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:njangi:workflow-archived")
        again = await http.post(f"/v1/runs/{going['id']}:rerun", json={})
        assert again.json()["type"] == "urn:njangi:workflow-archived"
        triggered = (await http.post("/v1/schedules/hourly:trigger")).json()
        assert triggered["outcome"] == "failed" and "archived" in triggered["detail"]
        assert (await http.post(f"{url}:unarchive")).json()["archived_at"] is None
        assert len((await http.get("/v1/workflows")).json()["workflows"]) == 1
        await run_of(http, workflow["id"])


async def test_a_workflow_is_deleted_once_nothing_of_it_runs_and_its_runs_stay(client: Client) -> None:
    async with client.http("admin") as http:
        workflow = await made(http)
        url = f"/v1/workflows/{workflow['id']}"
        run = await run_of(http, workflow["id"])
        await http.post("/v1/schedules", json={"workflow_id": workflow["id"], "interval": "1h", "id": "hourly"})
        refused = await http.delete(url)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:njangi:runs-under-way")
        assert run["id"] in refused.json()["detail"]
        await end(client, run["id"])
        assert (await http.delete(url)).status_code == 204
        for gone in (url, f"{url}/versions/1", "/v1/schedules/hourly"):
            assert (await http.get(gone)).status_code == 404
        assert (await http.delete(url)).status_code == 404
        [deleted] = (await http.get("/v1/events", params={"types": "workflow.deleted", "after": 0})).json()["events"]
        assert (deleted["workflow"], deleted["by"], deleted["owner"]) == (workflow["id"], "admin", "admin")
        kept = (await http.get(f"/v1/runs/{run['id']}")).json()
        assert (kept["status"], kept["workflow_id"]) == ("COMPLETED", workflow["id"])
        assert (await http.post(f"{url}/runs", json={})).status_code == 404


async def test_a_clone_is_a_workflow_of_its_own(client: Client) -> None:
    files = {"book.txt": await client.upload(b"a\n")}
    async with client.http("admin") as http:
        workflow = await made(http, spec=TEXT, files=files)
        url = f"/v1/workflows/{workflow['id']}"
        clone = (await http.post(f"{url}:clone")).json()
        assert clone["id"] != workflow["id"] and (clone["version"], clone["spec"]) == (1, workflow["spec"])
        kept = (await http.get(f"/v1/workflows/{clone['id']}/versions/1")).json()
        assert kept["source"] == TEXT and kept["files"] == files
        renamed = (await http.post(f"{url}:clone", json={"name": "other words"})).json()
        assert (renamed["name"], renamed["spec"]["name"]) == ("other words", "other words")
        assert (await http.post("/v1/workflows/none:clone")).status_code == 404
        token = new_token("viewer")
        await client.services.stores.users.add_token("esi", Role.VIEWER, token, now=utc_now())
        await http.post(f"{url}:share", json={"with": ["esi"]})
        async with client.bearer(token) as esi:
            assert (await esi.post(f"{url}:clone")).status_code == 403, "viewers have no workflows of their own"


async def test_lists_show_a_submitter_their_own_and_turn_pages(client: Client) -> None:
    token = new_token("submitter")
    await client.services.stores.users.add_token("ada", Role.SUBMITTER, token, now=utc_now())
    async with client.http("admin") as admin, client.bearer(token) as ada:
        public = await made(admin, spec=SPEC | {"name": "public"})
        readers = {"$set": {"readers": ["admin", EVERYBODY]}}
        await client.services.stores.database["workflows"].update_one({"_id": public["id"]}, readers)
        secret = await made(admin, spec=SPEC | {"name": "secret"})
        mine = [await made(ada, spec=SPEC | {"name": f"mine-{number}", "priority": 50 + number}) for number in range(3)]
        found: list[str] = []
        query: dict[str, Any] = {"page_size": 2, "sort": "name"}
        while True:
            page = (await ada.get("/v1/workflows", params=query)).json()
            found += [item["id"] for item in page["workflows"]]
            if page["next_page_token"] is None:
                break
            query["page_token"] = page["next_page_token"]
        assert found == [*(item["id"] for item in mine), public["id"]]
        everything = (await admin.get("/v1/workflows")).json()["workflows"]
        assert {item["id"] for item in everything} == {*found, secret["id"]}
        for query, names in (
            ({"owner": "ada", "prefix": "mine", "priority": 51}, ["mine-1"]),
            ({"q": "ECRE"}, ["secret"]),
            ({"sort": "-priority", "page_size": 1}, ["mine-2"]),
        ):
            page = (await admin.get("/v1/workflows", params=query)).json()
            assert [item["name"] for item in page["workflows"]] == names
        for wrong in (
            {"limit": 5},
            {"sort": "colour"},
            {"page_size": 0},
            {"page_token": "x"},
            {"created_since": "now"},
        ):
            assert (await admin.get("/v1/workflows", params=wrong)).status_code == 422


async def test_runs_are_controlled_in_bulk_and_counted_before(client: Client) -> None:
    async with client.http("admin") as http:
        workflow = await made(http, spec=SPEC | {"tags": ["night"]})
        runs = [(await run_of(http, workflow["id"]))["id"] for _ in range(3)]
        other = await run_of(http, (await made(http))["id"])
        await end(client, runs[0], RunStatus.FAILED)
        tag = {"filter": {"tag": "night"}}
        counted = (await http.post("/v1/runs:cancel", json=tag | {"dry_run": True})).json()
        assert counted == {"count": 2, "runs": [runs[2], runs[1]], "more": False}
        assert not any(run["cancel_requested"] for run in (await http.get("/v1/runs")).json()["runs"])
        failed = {"filter": {"tag": "night", "status": ["COMPLETED"]}}
        assert (await http.post("/v1/runs:cancel", json=failed)).json()["count"] == 0
        again = (await http.post("/v1/runs:rerun", json={"filter": {"status": ["FAILED"]}})).json()
        assert again["count"] == 1 and again["runs"][0] not in runs
        assert (await http.post("/v1/runs:cancel", json=tag)).json()["count"] == 3
        left = (await http.get(f"/v1/runs/{other['id']}")).json()
        assert left["cancel_requested"] is False
        refused = await http.post("/v1/runs:cancel", json={"filter": {}})
        assert refused.status_code == 422 and "which runs" in refused.json()["errors"][0]["detail"]


async def test_a_run_foretells_its_end_from_what_its_subtasks_took(client: Client) -> None:
    flow, run_id = await client.flow("by-hand")
    async with aclosing(flow), client.http("admin") as http, await client.enrol() as agent:
        before = (await http.get(f"/v1/runs/{run_id}")).json()["eta"]
        assert before["from"] is None and before["reason"]
        await put_task(flow, run_id, "t", 4)
        ask = {"slots": 2, "wish": 2, "wait": 5, "reports": []}
        leased = (await agent.post("/v1/agent/sync", json=ask)).json()
        told = {"slots": 2, "wish": 0, "wait": 0, "reports": reports(leased, seconds=0.001)}
        assert (await agent.post("/v1/agent/sync", json=told)).status_code == 200
        await client.services.dispatcher.keep_books()
        client.services.estimates.forget()
        eta = (await http.get(f"/v1/runs/{run_id}")).json()["eta"]
        assert eta["from"] is not None and eta["from"] <= eta["until"]
        assert "2 subtasks left, 2 slots online" in eta["reason"]
        index = leased["leases"][0]["subtask_id"].rpartition("/")[2]
        [attempt] = (await http.get(f"/v1/runs/{run_id}/subtasks/t/{index}")).json()["attempts"]
        assert attempt["outcome"] == "RETURNED"
        assert (await http.get(f"/v1/runs/{run_id}/subtasks/t/77")).status_code == 404
        page = (await http.get(f"/v1/runs/{run_id}/subtasks", params={"task": "t", "page_size": 3})).json()
        assert [item["index"] for item in page["subtasks"]] == [0, 1, 2]
        token = {"task": "t", "page_token": page["next_page_token"]}
        rest = (await http.get(f"/v1/runs/{run_id}/subtasks", params=token)).json()
        assert [item["index"] for item in rest["subtasks"]] == [3] and rest["next_page_token"] is None
        compared = (await http.get("/v1/runs:compare", params={"a": run_id, "b": run_id})).json()
        [task] = compared["tasks"]
        assert (task["a"]["subtasks"], task["a"]["mean_seconds"], task["a"]["seconds"]) == (4, 0.001, None)


async def test_two_runs_are_compared_by_spec_parameters_and_results(client: Client) -> None:
    spec = SPEC | {"parameters": {"x": 1}}
    async with client.http("admin") as http:
        workflow = await made(http, spec=spec)
        runs = []
        for x, result in ((1, "1"), (2, "2"), (1, "1")):
            body = {"parameters": {"x": x}}
            run = (await http.post(f"/v1/workflows/{workflow['id']}/runs", json=body)).json()["id"]
            done = {"$set": {"results": result, "status": "COMPLETED"}}
            await client.services.stores.database["tasks"].update_one({"_id": f"{run}/say"}, done)
            runs.append(run)
        first, second, third = runs
        other = (await http.get("/v1/runs:compare", params={"a": first, "b": second})).json()
        assert other["parameters"] == [{"op": "replace", "path": "/x", "value": 2}]
        assert (other["spec"], other["summary"]) == ([], [])
        assert [item["same_result"] for item in other["tasks"]] == [False]
        same = (await http.get("/v1/runs:compare", params={"a": first, "b": third})).json()
        assert [item["same_result"] for item in same["tasks"]] == [True] and same["parameters"] == []
        bare = await run_of(http, (await made(http))["id"])
        changed = (await http.get("/v1/runs:compare", params={"a": first, "b": bare["id"]})).json()
        assert changed["summary"] == ["parameters removed"]
        assert [item["same_result"] for item in changed["tasks"]] == [None]
        assert (await http.get("/v1/runs:compare", params={"a": first, "b": "none"})).status_code == 404
