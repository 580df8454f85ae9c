"""What a run put out, over HTTP: archives and logs."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from contextlib import aclosing
from typing import Any

import httpx

from tests.integration.api.conftest import Client, put_task

LONG = "x" * 65_530 + "\u00e9 end\n"


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
            assert done.is_success, done.text
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


TOLD = ("stdout", "stderr", "stdout_bytes", "stderr_bytes", "stdout_is_result")


async def test_the_last_64_kib_of_both_streams_are_kept_of_every_attempt_that_tells_how_it_ended(
    client: Client,
) -> None:
    wrote: dict[int, dict[str, Any]] = {
        0: {"stdout": "a\n", "stderr": "$x\n", "stdout_bytes": 2, "stderr_bytes": 3},
        1: {"stdout": LONG, "stderr": LONG, "stdout_bytes": 3_000_000, "stderr_bytes": 65_536},
        2: {"stdout_bytes": 70_000},
        3: {"stderr": LONG, "stdout_bytes": 70_000, "stderr_bytes": 65_536},
        4: {},
        5: {"stdout": LONG, "stderr": "why\n", "stdout_bytes": 65_536, "stderr_bytes": 4},
    }
    shown = {
        0: ("a\n", "$x\n", 2, 3, False),
        1: (LONG, LONG, 3_000_000, 65_536, False),
        2: (None, "", 70_000, 0, True),
        3: (None, LONG, 70_000, 65_536, True),
        4: ("", "", 0, 0, False),
        5: (LONG, "why\n", 65_536, 4, False),
        6: (None, None, None, None, False),
    }
    http, run_id = await client.flow()
    async with await client.enrol() as agent, client.http("admin") as admin:
        await put_task(http, run_id, "t", 7)
        got = await agent.post("/v1/agent/sync", json={"slots": 7, "wish": 7, "wait": 5})
        reports = []
        for lease in got.json()["leases"]:
            index = int(lease["subtask_id"].rpartition("/")[2])
            told = {"subtask_id": lease["subtask_id"], "token": lease["token"], **wrote.get(index, {})}
            ending: dict[str, Any] = {"outcome": "RETURNED", "result": "1"}
            if index == 5:
                ending = {"outcome": "FAILED", "error": {"type": "NonZeroExit", "message": "1"}}
            reports.append({**told, **({"outcome": "HANDED_BACK"} if index == 6 else ending)})
        answer = await agent.post("/v1/agent/sync", json={"slots": 7, "reports": reports})
        assert answer.json()["verdicts"] == ["ACCEPTED"] * 7
        again = await agent.post("/v1/agent/sync", json={"slots": 7, "reports": reports[:6]})
        assert again.status_code == 200
        for index, expected in shown.items():
            subtask = (await admin.get(f"/v1/runs/{run_id}/subtasks/t/{index}")).json()
            [attempt] = subtask["attempts"]
            assert tuple(attempt[name] for name in TOLD) == expected, index
            if index == 5:
                assert subtask["error"]["stderr"] == "why\n"
        found = (await logs(admin, run_id))["logs"]
        assert {log["index"]: tuple(log[name] for name in TOLD) for log in found} == {
            index: shown[index] for index in (0, 1, 3, 5)
        }
        assert [log["index"] for log in (await logs(admin, run_id, text="\u00c9 END"))["logs"]] == [1, 3, 5]
        listed = (await admin.get(f"/v1/runs/{run_id}/subtasks", params={"task": "t"})).json()["subtasks"]
        assert [tuple(item["attempts"][0][name] for name in TOLD) for item in listed[:2]] == [
            shown[0],
            (None, None, 3_000_000, 65_536, False),
        ]
        assert await client.services.stores.database["logs"].count_documents({}) == 3
    await http.aclose()


async def test_results_leave_as_they_were_accepted(client: Client) -> None:
    texts = {"digits": str(2**1279 - 1), "deep": "[" * 80 + "]" * 80, "zeros": "[1.10,1e22]", "nul": '"\\u0000"'}
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as http:
        for name, text in texts.items():
            done = {"status": "COMPLETED", "result": text}
            assert (await flow.put(f"/v1/flow/runs/{run_id}/tasks/{name}", json=done)).is_success
            assert (await http.get(f"/v1/runs/{run_id}/results/{name}")).text == text
        whole = (await http.get(f"/v1/runs/{run_id}/results")).text
    fields = [f'"{name}":{text}' for name, text in texts.items()]
    assert all(field in whole for field in fields)
    assert len(whole) == len(",".join(fields)) + 2


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
