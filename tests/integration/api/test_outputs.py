"""What a run put out, over HTTP: archives and logs."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from typing import Any

import httpx

from tests.integration.api.conftest import Client, put_task


async def carried(client: Client, stderr: dict[int, str], *, failing: tuple[int, ...] = ()) -> tuple[str, str]:
    """Have a task of 10 subtasks carried by a volunteer who reports these logs; return the run's id and a blob's."""
    blob = await client.upload(b'"large"')
    http, run_id = await client.flow()
    async with await client.enrol() as agent:
        await put_task(http, run_id, "t", 10)
        got = await agent.post("/v1/agent/sync", json={"slots": 10, "wish": 10, "wait": 5})
        reports = [report(lease, stderr, failing) for lease in got.json()["leases"]]
        assert len(reports) == 10
        await agent.post("/v1/agent/sync", json={"slots": 10, "reports": reports})
        for task, result in (("t", {"result": "[1]"}), ("u", {"blob": blob})):
            done = await http.put(f"/v1/flow/runs/{run_id}/tasks/{task}", json={"status": "COMPLETED", **result})
            assert done.status_code == 204, done.text
    await http.aclose()
    return run_id, blob


def report(lease: dict[str, Any], stderr: dict[int, str], failing: tuple[int, ...]) -> dict[str, Any]:
    index = int(lease["subtask_id"].rpartition("/")[2])
    told = {"subtask_id": lease["subtask_id"], "token": lease["token"]}
    if index in failing:
        error = {"type": "NonZeroExit", "message": "1", "stderr": stderr.get(index, "")}
        return {**told, "outcome": "FAILED", "error": error}
    return {**told, "outcome": "RETURNED", "result": "1", "stderr": stderr.get(index, "")}


async def logs(http: httpx.AsyncClient, run_id: str, **query: Any) -> dict[str, Any]:
    answer = await http.get(f"/v1/runs/{run_id}/logs", params={"task": "t", **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_what_attempts_wrote_is_kept_whether_they_returned_or_failed(client: Client) -> None:
    run_id, _ = await carried(client, {2: "warm-up\n", 3: "Disk is slow", 7: "no such disk"}, failing=(7,))
    async with client.http("admin") as http:
        found = await logs(http, run_id)
        assert [(log["index"], log["outcome"], log["stderr"]) for log in found["logs"]] == [
            (2, "RETURNED", "warm-up\n"),
            (3, "RETURNED", "Disk is slow"),
            (7, "FAILED", "no such disk"),
        ]
        assert found["next"] is None
        assert [log["index"] for log in (await logs(http, run_id, text="DISK"))["logs"]] == [3, 7]
        first = await logs(http, run_id, limit=1)
        assert ([log["index"] for log in first["logs"]], first["next"]) == ([2], 2)
        assert [log["index"] for log in (await logs(http, run_id, after=2, limit=1))["logs"]] == [3]
        for what in ("logs", "subtasks"):
            assert (await http.get(f"/v1/runs/{run_id}/{what}", params={"task": "none"})).status_code == 404


async def test_a_log_is_only_the_end_of_what_was_written(client: Client) -> None:
    run_id, _ = await carried(client, {0: "x" * 10_000 + "end"})
    async with client.http("admin") as http:
        [log] = (await logs(http, run_id))["logs"]
    assert len(log["stderr"]) <= 4096 and log["stderr"].endswith("end")


async def test_all_results_come_as_one_archive(client: Client) -> None:
    run_id, _ = await carried(client, {})
    async with client.http("admin") as http:
        packed = await http.get(f"/v1/runs/{run_id}/archive")
        assert packed.headers["content-disposition"] == f'attachment; filename="{run_id}.zip"'
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            assert {name: json.loads(archive.read(name)) for name in archive.namelist()} == {
                "t.json": [1],
                "u.json": "large",
            }
        tar = await http.get(f"/v1/runs/{run_id}/archive", params={"format": "tar"})
        with tarfile.open(fileobj=io.BytesIO(tar.content)) as archive_:
            assert archive_.getnames() == ["t.json", "u.json"]
        assert (await http.get(f"/v1/runs/{run_id}/archive", params={"format": "rar"})).status_code == 422
        assert (await http.get("/v1/runs/none/archive")).status_code == 404
