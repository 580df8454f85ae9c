"""Submitters over HTTP: create, edit, start, follow, cancel; and every kind of bad input."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import Client

SPEC: dict[str, Any] = {
    "name": "greeting",
    "parameters": {"greeting": "hello"},
    "tasks": [
        {"name": "say", "command": ["echo", "{greeting}"]},
        {"name": "shout", "command": ["cat", "{say.result}"], "dependencies": ["say"]},
    ],
}


async def test_a_workflow_is_created_edited_listed_and_keeps_its_versions_apart(client: Client) -> None:
    async with client.http("admin") as http:
        created = await http.post("/v1/workflows", json={"spec": SPEC})
        assert created.status_code == 201, created.text
        workflow = created.json()
        assert (workflow["version"], workflow["status"], workflow["owner"]) == (1, "VALIDATED", "admin")
        run = (await http.post(f"/v1/workflows/{workflow['id']}/runs", json={})).json()
        edit = {"json": {"spec": SPEC | {"name": "greetings"}}, "headers": {"If-Match": created.headers["ETag"]}}
        edited = await http.put(f"/v1/workflows/{workflow['id']}", **edit)
        assert (edited.json()["version"], edited.json()["name"]) == (2, "greetings")
        kept = (await http.get(f"/v1/runs/{run['id']}")).json()
        assert (kept["version"], kept["name"]) == (1, "greeting")
        listed = (await http.get("/v1/workflows")).json()["workflows"]
        assert [item["id"] for item in listed] == [workflow["id"]]
        assert (await http.get("/v1/workflows/w0")).status_code == 404


async def test_every_problem_of_a_spec_is_told_at_once_with_its_place(client: Client) -> None:
    bad = {
        "name": "bad",
        "colour": "blue",
        "tasks": [
            {"name": "a", "command": ["x"], "dependencies": ["b"]},
            {"name": "b", "command": ["x", "{nobody}"], "dependencies": ["a"], "resources": {"memory": -1}},
            {"name": "c", "command": ["x"], "dependencies": ["zz"], "files": ["gone.py"]},
        ],
    }
    async with client.http("admin") as http:
        for path in ("/v1/workflows", "/v1/workflows:validate"):
            answer = await http.post(path, json={"spec": bad})
            assert answer.status_code == 422
            assert answer.json()["type"] == "urn:njangi:invalid-spec"
            pointers = [item["pointer"] for item in answer.json()["errors"]]
            for expected in ("/colour", "/tasks/1/resources/memory", "/tasks/2/dependencies/0", "/tasks/2/files/0"):
                assert expected in pointers, pointers
            assert any("nobody" in item["detail"] for item in answer.json()["errors"])
            assert all(item["code"] and item["values"] is not None for item in answer.json()["errors"])
            [gone] = [item for item in answer.json()["errors"] if item["code"] == "no-file"]
            assert gone["values"] == {"name": "gone.py"}
            assert answer.json()["values"] == {"count": len(answer.json()["errors"])}
            assert any(
                "circ" in item["detail"].lower() or "cycle" in item["detail"] for item in answer.json()["errors"]
            )


async def test_files_must_have_been_sent_before_the_workflow_names_them(client: Client) -> None:
    spec = {"name": "f", "files": ["a.py"], "tasks": [{"name": "t", "command": ["python3", "a.py"], "files": ["a.py"]}]}
    async with client.http("admin") as http:
        absent = await http.post("/v1/workflows", json={"spec": spec, "files": {"a.py": "0" * 64}})
        assert absent.status_code == 422 and "0000" in absent.json()["detail"]
        digest = await client.upload(b"print(1)")
        assert (await http.post("/v1/workflows", json={"spec": spec, "files": {"a.py": digest}})).status_code == 201


async def test_a_run_knows_its_tasks_from_the_start_even_while_prefect_is_away(client: Client) -> None:
    async with client.http("admin") as http:
        workflow = (await http.post("/v1/workflows", json={"spec": SPEC})).json()
        started = await http.post(f"/v1/workflows/{workflow['id']}/runs", json={"parameters": {"greeting": "bonjour"}})
        assert started.status_code == 201
        run = started.json()
        assert run["status"] == "SUBMITTED" and run["prefect_flow_run_id"] is None
        assert run["parameters"] == {"greeting": "bonjour"}
        assert {task["name"]: task["status"] for task in run["tasks"]} == {"say": "PENDING", "shout": "PENDING"}
        assert (await http.get("/v1/runs")).json()["runs"][0]["id"] == run["id"]
        wrong = await http.post(f"/v1/workflows/{workflow['id']}/runs", json={"parameters": {"greting": "x"}})
        assert wrong.status_code == 422 and wrong.json()["errors"][0]["pointer"] == "/parameters/greting"


async def test_cancelling_is_asked_for_once_and_shows(client: Client) -> None:
    async with client.http("admin") as http:
        workflow = (await http.post("/v1/workflows", json={"spec": SPEC})).json()
        run = (await http.post(f"/v1/workflows/{workflow['id']}/runs", json={})).json()
        cancelled = await http.post(f"/v1/runs/{run['id']}:cancel")
        assert cancelled.status_code == 202 and cancelled.json()["cancel_requested"] is True
        assert (await http.post("/v1/runs/r0:cancel")).status_code == 404
        events = (await http.get(f"/v1/runs/{run['id']}/events")).json()["events"]
        assert [event["type"] for event in events][:2] == ["run.submitted", "run.cancel_requested"]


async def test_events_resume_where_the_reader_stopped(client: Client) -> None:
    flow, run_id = await client.flow()
    await flow.put(f"/v1/flow/runs/{run_id}/tasks/t", json={"status": "RUNNING"})
    await flow.aclose()
    async with client.http("admin") as http:
        events = (await http.get(f"/v1/runs/{run_id}/events")).json()["events"]
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(events[0]["seq"])}
        ids: list[int] = []
        async with http.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("id: "):
                    ids.append(int(line[4:]))
                if len(ids) == len(events) - 1:
                    break
        assert ids == [event["seq"] for event in events[1:]]


async def test_health_needs_no_token_and_tells_of_mongodb(client: Client) -> None:
    async with client.bearer("none") as http:
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert (await http.get("/readyz")).json()["status"] == "ok"


async def test_a_number_that_is_kept_as_one_is_refused_when_it_is_too_large(client: Client) -> None:
    async with client.http("admin") as http:
        invited = await http.put("/v1/users/admin/quota", json={"runs": 2**64})
    assert invited.status_code == 422, invited.text
