"""Workflows in and out over HTTP."""

from __future__ import annotations

import json

from njangi_flows.workflow.spec import load

from tests.integration.api.conftest import Client
from tests.wfformat_shapes import recorded

TEXT = """\
# what it is for
language: 2
name: noted
tasks:
  - name: say  # aloud
    command: echo hi
"""


async def test_yaml_comes_out_as_it_was_written_and_in_every_other_format(client: Client) -> None:
    async with client.http("admin") as http:
        made = await http.post("/v1/workflows:import", json={"document": TEXT})
        assert made.status_code == 201, made.text
        url = f"/v1/workflows/{made.json()['id']}/export"
        assert (await http.get(url)).text == TEXT
        assert json.loads((await http.get(url, params={"format": "json"})).text) == load(TEXT)
        out = (await http.get(url, params={"format": "wfformat"})).json()
        assert (out["schemaVersion"], out["workflow"]["specification"]["tasks"][0]["id"]) == ("1.5", "say")
        other = {"json": {"spec": {"name": "other", "tasks": [{"name": "t", "command": ["true"]}]}}}
        assert (await http.put(url.removesuffix("/export"), **other, headers={"If-Match": "*"})).status_code == 200
        assert load((await http.get(url)).text)["name"] == "other"
        assert (await http.get(url, params={"version": 1})).text == TEXT
        assert (await http.get(url, params={"version": 9})).status_code == 404
        assert (await http.get(url, params={"format": "xml"})).status_code == 422


async def test_a_recorded_workflow_comes_in_and_goes_out_and_in_again(client: Client) -> None:
    document = recorded("epigenomics", 100)
    async with client.http("admin") as http:
        for given in (document, json.dumps(document)):
            made = await http.post("/v1/workflows:import", json={"document": given, "scale": 0.01})
            assert made.status_code == 201, made.text
        workflow = made.json()
        assert len(workflow["spec"]["tasks"]) == len(document["workflow"]["specification"]["tasks"])
        out = await http.get(f"/v1/workflows/{workflow['id']}/export", params={"format": "wfformat"})
        again = await http.post("/v1/workflows:import", json={"document": out.text, "scale": 0.01})
        assert again.json()["spec"] == workflow["spec"] | {"description": out.json()["description"]}
        document["workflow"]["specification"]["tasks"][1]["parents"] = ["nobody"]
        broken = await http.post("/v1/workflows:import", json={"document": document})
        assert broken.status_code == 422
        [problem] = broken.json()["errors"]
        assert problem["pointer"] == "/workflow/specification/tasks/1/parents/0"


async def test_a_recorded_workflow_that_says_something_twice_is_refused(client: Client) -> None:
    text = json.dumps(recorded("epigenomics", 40)).replace('"schemaVersion"', '"name": "another", "schemaVersion"', 1)
    async with client.http("admin") as http:
        refused = await http.post("/v1/workflows:import", json={"document": text})
    assert refused.status_code == 422
    assert "'name'" in refused.text and "twice" in refused.text
