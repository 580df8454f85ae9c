"""The number of the language over HTTP: who gets today's, who keeps their own; what a dry run warns of and shows."""

from __future__ import annotations

import json
from typing import Any

import httpx
from njangi_flows.workflow import spec as specs

from api.clock import utc_now
from storage.workflows.store import NewWorkflow, Workflow
from tests.doc_examples import examples
from tests.integration.api.conftest import Client
from tests.pages import DOCS, pages

OLD = """\
# written before languages had numbers
name: old
parameters: {n: 3, batch: 7}
tasks:
  - {name: say, command: ["echo", "--n={n}"]}
"""
TASKS: list[dict[str, Any]] = [{"name": "say", "command": ["echo", "--n={n}"]}]
SPEC: dict[str, Any] = {"name": "old", "parameters": {"n": 3, "batch": 7}, "tasks": TASKS}


async def an_old_workflow(client: Client, source: str | None = OLD, spec: dict[str, Any] = SPEC) -> Workflow:
    """Store a workflow as a service did that knew no numbers of languages."""
    new = NewWorkflow("old", "", 50, [], {}, spec, {}, {"cpu": 1.0, "memory": 0, "storage": 0}, source)
    return await client.services.stores.workflows.add(new, owner="admin", now=utc_now())


async def test_what_was_stored_without_a_number_keeps_the_first_language_wherever_it_goes(client: Client) -> None:
    old = await an_old_workflow(client)
    url = f"/v1/workflows/{old.id}"
    async with client.http("admin") as http:
        assert (await http.get(url)).json()["spec"] == {"language": 1, **SPEC}
        version = (await http.get(f"{url}/versions/1")).json()
        assert version["spec"]["language"] == 1
        with_number = OLD.replace("name: old", "language: 1\nname: old", 1)
        assert version["source"] == with_number
        assert (await http.get(f"{url}/export")).text == with_number
        assert (await http.get(f"{url}/export", params={"format": "json"})).json()["language"] == 1
        for body in ({}, {"name": "renamed"}):
            clone = (await http.post(f"{url}:clone", json=body)).json()
            assert clone["spec"]["language"] == 1
        again = await http.post("/v1/workflows:import", json={"document": (await http.get(f"{url}/export")).text})
        assert again.json()["spec"]["language"] == 1
        run = (await http.post(f"{url}/runs", json={"parameters": {"n": 4}})).json()
        assert "language" not in (await client.services.stores.runs.get(run["id"])).spec
        rerun = (await http.post(f"/v1/runs/{run['id']}:rerun", json={})).json()
        assert (await client.services.stores.runs.get(rerun["id"])).spec == SPEC


async def test_what_is_written_today_is_of_todays_language(client: Client) -> None:
    old = await an_old_workflow(client)
    async with client.http("admin") as http:
        made = (await http.post("/v1/workflows", json={"spec": SPEC})).json()
        assert (made["spec"], made["warnings"]) == ({"language": 2, **SPEC}, [])
        edit = await http.put(f"/v1/workflows/{old.id}", json={"spec": OLD}, headers={"If-Match": '"1"'})
        assert edit.json()["spec"]["language"] == 2
        difference = (await http.get(f"/v1/workflows/{old.id}/versions/1/diff/2")).json()
        assert difference["summary"] == ["language changed"]
        kept = await http.post("/v1/workflows", json={"spec": {"language": 1, **SPEC}})
        assert kept.json()["spec"]["language"] == 1
        unknown = await http.post("/v1/workflows", json={"spec": {"language": 3, **SPEC}})
        assert [problem["code"] for problem in unknown.json()["errors"]] == ["language"]


async def test_text_that_is_read_otherwise_today_is_not_given_out_as_what_was_stored(client: Client) -> None:
    source, stored = OLD.replace("batch: 7", "batch: 1_1"), {**SPEC, "parameters": {"n": 3, "batch": 11}}
    old = await an_old_workflow(client, source, stored)
    url = f"/v1/workflows/{old.id}"
    async with client.http("admin") as http:
        assert (await http.get(f"{url}/versions/1")).json()["source"] is None
        clone = (await http.post(f"{url}:clone")).json()
        assert clone["spec"] == {"language": 1, **stored}
        again = await http.post("/v1/workflows:import", json={"document": (await http.get(f"{url}/export")).text})
        assert again.json()["spec"] == {"language": 1, **stored}


async def test_a_dry_run_warns_and_shows_the_first_call_of_each_task(client: Client) -> None:
    text = """\
name: shown
inputs: {book: book.txt}
parameters: {who: Ada, version: 1.10}
tasks:
  - {name: hello, command: "echo 'Hello {who}' x{whom} v{version}"}
  - {name: count, command: "wc -w {part} --in={book}", split: {lines: book, items_per_subtask: 2}}
  - {name: many, command: "echo {part}", split: {range: 5000, items_per_subtask: 1000}}
  - name: python
    python: {source: "def f(**given): return given", function: f}
    parameters: {text: "for {who}", sum: "{hello.result}", of: "{part}!"}
    dependencies: [hello]
    split: {items: ["{who}", b]}
  - {name: later, command: "echo x{part}", dependencies: [hello], split: {items: ["{hello.result}"]}}
"""
    files = {"book.txt": await client.upload(b"a b\n\nc\n")}
    async with client.http("admin") as http:
        answer = await http.post("/v1/workflows:validate", json={"spec": text, "files": files})
        assert answer.status_code == 200, answer.text
        plan = answer.json()
        assert plan["problems"] == []
        assert [(item["pointer"], item["code"]) for item in plan["warnings"]] == [
            ("/parameters/version", "zeros-lost"),
            ("/tasks/0/command/2", "stays-as-it-is"),
        ]
        first = {task["task"]: task["first"] for task in plan["tasks"]}
        assert first["hello"]["arguments"] == ["echo", "Hello Ada", "x{whom}", "v1.1"]
        assert first["count"]["arguments"] == ["wc", "-w", "a b", "c", "--in=book.txt"]
        assert first["many"]["arguments"] == ["echo", *map(str, range(20)), "… (+980)"]
        assert first["python"] == {
            "arguments": None,
            "parameters": {"text": "for Ada", "sum": "{hello.result}", "of": "Ada!", "part": "Ada"},
        }
        assert first["later"]["arguments"] == ["echo", "x{part}"]
        later = next(task for task in plan["tasks"] if task["task"] == "later")
        assert (later["subtasks"], later["code"]) == (None, "items-of-result")
        made = await http.post("/v1/workflows", json={"spec": text, "files": files})
        assert [item["code"] for item in made.json()["warnings"]] == ["zeros-lost", "stays-as-it-is"]
        edit = await http.put(
            f"/v1/workflows/{made.json()['id']}", json={"spec": text, "files": files}, headers={"If-Match": "*"}
        )
        assert [item["code"] for item in edit.json()["warnings"]] == ["zeros-lost", "stays-as-it-is"]


async def test_what_a_run_gives_is_refused_before_it_starts(client: Client) -> None:
    spec = {
        "name": "w",
        "parameters": {"n": 3, "s": "a", "x": None},
        "tasks": [{"name": "t", "command": ["e", "x{x}"]}],
    }
    async with client.http("admin") as http:
        made = (await http.post("/v1/workflows", json={"spec": spec})).json()
        url = f"/v1/workflows/{made['id']}/runs"
        for given, pointer, code in (
            ({"n": "many"}, "/parameters/n", "parameter-number"),
            ({"s": 1.1}, "/parameters/s", "parameter-text"),
            ({"x": [1]}, "/tasks/0/command/1", "no-scalar"),
            ({"x": "y" * 200_000}, "/tasks/0/command", "argument-too-long"),
        ):
            refused = await http.post(url, json={"parameters": given})
            assert refused.status_code == 422
            assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [(pointer, code)]
        run = await http.post(url, json={"parameters": {"n": "12", "s": "1.10"}})
        assert run.json()["parameters"] == {"n": 12, "s": "1.10", "x": None}
        schedule = {"workflow_id": made["id"], "interval": "1h", "parameters": {"n": "many"}}
        assert (await http.post("/v1/schedules", json=schedule)).status_code == 422


async def test_the_service_finds_the_workflows_of_the_documentation_valid(client: Client) -> None:
    whole = [example for page in pages() for example in examples(page) if example.is_whole]
    alone = [it for it in whole if not specs.needed_files(specs.WorkflowSpec.model_validate(it.value))]
    assert len(alone) > 10
    async with client.http("admin") as http:
        for example in alone:
            checked = await http.post("/v1/workflows:validate", json={"spec": example.text})
            assert (checked.status_code, checked.json()["problems"]) == (200, []), example


async def test_anybody_gets_the_schema_of_workflows_and_may_keep_it(client: Client) -> None:
    async with httpx.AsyncClient(base_url=client.url) as nobody:
        schema = await nobody.get("/v1/schema/workflow.json")
        assert schema.json() == json.loads((DOCS / "workflow.schema.json").read_text())
        assert "max-age" in schema.headers["cache-control"]
        again = await nobody.get("/v1/schema/workflow.json", headers={"If-None-Match": schema.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
