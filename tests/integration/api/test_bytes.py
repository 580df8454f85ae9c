"""Results that are bytes, over HTTP, through the typed client and from the command line."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import httpx
from njangi_flows.cli.app import app
from njangi_flows.client import Njangi
from typer.testing import CliRunner

from tests.integration.api.conftest import Client, put_task

PICTURE = bytes(range(256)) * 300


def place(content: bytes) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    return {"blob": sha256, "size": len(content), "media_type": "application/octet-stream"}


async def carried(client: Client) -> tuple[httpx.AsyncClient, str]:
    """Have three tasks carried: `one` is bytes, `parts` a list of them of which the second failed, `text` is text."""
    http, run_id = await client.flow()
    async with await client.enrol() as agent:
        for task, count in (("one", 1), ("parts", 2), ("text", 1)):
            await put_task(http, run_id, task, count, parse="text" if task == "text" else "bytes")
            got = await agent.post("/v1/agent/sync", json={"slots": 2, "wish": 2, "wait": 5})
            reports = []
            for lease in got.json()["leases"]:
                index = int(lease["subtask_id"].rpartition("/")[2])
                told = {"subtask_id": lease["subtask_id"], "token": lease["token"], "outcome": "RETURNED"}
                if index == 1:
                    error = {"type": "NonZeroExit", "message": "exit code 1"}
                    reports.append({**told, "outcome": "FAILED", "error": error})
                elif task == "text":
                    reports.append({**told, "result": '"1"'})
                else:
                    reports.append({**told, "blob": await client.upload(PICTURE), "size": len(PICTURE)})
            assert len(reports) == count
            await agent.post("/v1/agent/sync", json={"slots": 2, "reports": reports})
    for task, result in (
        ("one", {"blob": place(PICTURE)["blob"], "raw": True}),
        ("parts", {"result": json.dumps([place(PICTURE), None])}),
        ("text", {"result": '"1"'}),
    ):
        done = await http.put(f"/v1/flow/runs/{run_id}/tasks/{task}", json={"status": "COMPLETED", **result})
        assert done.is_success, done.text
    return http, run_id


async def test_bytes_are_served_as_they_are(client: Client) -> None:
    flow, run_id = await carried(client)
    await flow.aclose()
    async with client.http("admin") as http:
        for path in ("one", "one/0", "parts/0"):
            whole = await http.get(f"/v1/runs/{run_id}/results/{path}")
            assert (whole.content, whole.headers["content-type"]) == (PICTURE, "application/octet-stream"), path
            assert whole.headers["content-disposition"] == f'attachment; filename="{path.replace("/", "-")}.bin"'
            assert whole.headers["cache-control"] == "private, no-cache"
        part = await http.get(f"/v1/runs/{run_id}/results/one", headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, PICTURE[10:20])
        assert (await http.get(f"/v1/runs/{run_id}/results/parts")).json() == [place(PICTURE), None]
        assert (await http.get(f"/v1/runs/{run_id}/results/text/0")).json() == "1"
        for path in ("parts/1", "parts/7", "none/0"):
            assert (await http.get(f"/v1/runs/{run_id}/results/{path}")).status_code == 404
        small = (await http.get(f"/v1/runs/{run_id}/results")).json()
        assert small == {"one": place(PICTURE), "parts": [place(PICTURE), None], "text": "1"}
        tasks = {task["name"]: task["result_bytes"] for task in (await http.get(f"/v1/runs/{run_id}")).json()["tasks"]}
        assert tasks == {"one": len(PICTURE), "parts": None, "text": None}
        packed = await http.get(f"/v1/runs/{run_id}/archive", params={"format": "tar"})
        with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
            assert archive.getnames() == ["one.bin", "parts.json", "parts/0.bin", "text.json"]
            for name in ("one.bin", "parts/0.bin"):
                file = archive.extractfile(name)
                assert file is not None and file.read() == PICTURE
    known = (await flow_result(client, run_id, "one"), await flow_result(client, run_id, "text"))
    assert [(item["raw"], item["blob"]) for item in known] == [(True, place(PICTURE)["blob"]), (False, None)]


async def flow_result(client: Client, run_id: str, task: str) -> dict[str, Any]:
    async with client.http("flow") as http:
        found: dict[str, Any] = (await http.get(f"/v1/flow/runs/{run_id}/tasks/{task}/result")).json()
        return found


async def test_bytes_arrive_through_the_client_and_from_the_command_line(client: Client, tmp_path: Path) -> None:
    flow, run_id = await carried(client)
    await flow.aclose()
    token = (client.home / "tokens" / "admin").read_text().strip()
    async with Njangi(client.url, token) as njangi:
        assert await njangi.runs.result(run_id, "one") == PICTURE
        assert await njangi.runs.result(run_id, "parts", 0) == PICTURE
        assert await njangi.runs.result(run_id, "text") == "1"
    url = ["--url", client.url, "--token", token]
    for words in (["one"], ["parts", "0"]):
        file = tmp_path / "-".join(words)
        written = await asyncio.to_thread(CliRunner().invoke, app, ["results", run_id, *words, "-o", str(file), *url])
        assert written.exit_code == 0, written.output
        assert file.read_bytes() == PICTURE
    piped = await asyncio.to_thread(CliRunner().invoke, app, ["results", run_id, "one", *url])
    assert piped.stdout_bytes == PICTURE


def lines_of(file: str) -> dict[str, Any]:
    task = {"name": "town", "command": ["echo", "{part}"], "split": {"lines": "towns"}}
    return {"name": "towns", "inputs": {"towns": file}, "tasks": [task]}


async def test_an_input_that_is_no_utf_8_is_refused_with_its_encoding_before_it_runs(client: Client) -> None:
    text = "Yaound\u00e9\r\nDouala\rBuea\n\n"
    async with client.http("admin") as http:
        for encoding, seen in (("latin-1", "iconv -f LATIN1"), ("utf-16", "it looks like UTF-16")):
            files = {"towns.txt": await client.upload(text.encode(encoding))}
            for path in ("/v1/workflows", "/v1/workflows:validate"):
                refused = await http.post(path, json={"spec": lines_of("towns.txt"), "files": files})
                assert refused.status_code == 422, refused.text
                [problem] = refused.json()["errors"]
                assert problem["pointer"] == "/tasks/0/split/lines"
                assert seen in problem["detail"]
        files = {"towns.txt": await client.upload(text.encode("utf-8-sig"))}
        valid = await http.post("/v1/workflows:validate", json={"spec": lines_of("towns.txt"), "files": files})
        [plan] = valid.json()["tasks"]
        assert (plan["items"], plan["first"]["arguments"]) == (3, ["echo", "Yaound\u00e9"])


async def test_the_command_line_refuses_a_file_that_is_no_utf_8_before_it_sends_it(
    client: Client, tmp_path: Path
) -> None:
    workflow = tmp_path / "towns.json"
    workflow.write_text(json.dumps(lines_of("towns.txt")))
    (tmp_path / "towns.txt").write_bytes("Yaound\u00e9\n".encode("latin-1"))
    refused = await asyncio.to_thread(CliRunner().invoke, app, ["submit", str(workflow), "--url", client.url])
    assert refused.exit_code == 2
    assert "iconv -f LATIN1 -t UTF-8" in " ".join(refused.stderr.split())
