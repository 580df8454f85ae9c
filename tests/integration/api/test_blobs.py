"""Blobs over HTTP: parts of them, and uploads that break off."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from njangi_agent.protocol import Outcome, Report, SyncRequest
from njangi_agent.service.http_client import HttpService

from api.clock import utc_now
from api.runs.reported_blobs import vouched
from tests.integration.api.conftest import Client, put_task, reports

WHOLE = random.Random(2).randbytes(3 * 1024 * 1024)
SHA256 = hashlib.sha256(WHOLE).hexdigest()
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def named(sha256: str) -> dict[str, str]:
    return {"Upload-Metadata": f"filename YQ==,sha256 {base64.b64encode(sha256.encode()).decode()}"}


async def begin(http: httpx.AsyncClient, length: int = len(WHOLE), **headers: str) -> httpx.Response:
    return await http.post("/v1/uploads", headers={**TUS, "Upload-Length": str(length), **headers})


async def send(http: httpx.AsyncClient, place: str, offset: int, content: bytes) -> httpx.Response:
    return await http.patch(place, content=content, headers={**BYTES, "Upload-Offset": str(offset)})


async def break_off(http: httpx.AsyncClient, place: str, content: bytes) -> int:
    """Send some bytes of an upload and hang up; return how many are there then."""

    async def broken() -> AsyncIterator[bytes]:
        yield content
        raise OSError

    headers = {**BYTES, "Upload-Offset": "0", "Content-Length": str(len(WHOLE))}
    with pytest.raises(OSError):
        await http.patch(place, content=broken(), headers=headers)
    while True:
        there = int((await http.head(place, headers=TUS)).headers["upload-offset"])
        if there:
            return there
        await asyncio.sleep(0.01)


async def test_a_blob_is_answered_in_parts(client: Client) -> None:
    path = f"/v1/blobs/{await client.upload(WHOLE)}"
    async with client.http("admin") as http:
        part = await http.get(path, headers={"Range": "bytes=1000-1999"})
        assert (part.status_code, part.content) == (206, WHOLE[1000:2000])
        assert part.headers["content-range"] == f"bytes 1000-1999/{len(WHOLE)}"
        assert (await http.get(path, headers={"Range": "bytes=-5"})).content == WHOLE[-5:]
        beyond = await http.get(path, headers={"Range": f"bytes={len(WHOLE)}-"})
        assert (beyond.status_code, beyond.json()["type"]) == (416, "urn:njangi:range")
        assert beyond.headers["content-range"] == f"bytes */{len(WHOLE)}"
        other = await http.get(path, headers={"Range": "bytes=0-0", "If-Range": '"another"'})
        assert (other.status_code, other.content) == (200, WHOLE)
        assert (await http.get(path, headers={"If-None-Match": f'"{SHA256}"'})).status_code == 304
        head = await http.head(path)
        assert (head.headers["content-length"], head.headers["accept-ranges"]) == (str(len(WHOLE)), "bytes")


async def test_an_upload_goes_on_after_the_line_was_cut(client: Client) -> None:
    async with client.http("admin") as http:
        begun = await begin(http, **named(SHA256))
        assert (begun.status_code, begun.headers["upload-offset"]) == (201, "0")
        place = begun.headers["location"]
        there = await break_off(http, place, WHOLE[:1_500_000])
        again = await begin(http, **named(SHA256))
        assert (again.headers["location"], again.headers["upload-offset"]) == (place, str(there))
        done = await send(http, place, there, WHOLE[there:])
        assert (done.status_code, done.headers["upload-offset"]) == (204, str(len(WHOLE)))
        assert done.headers["njangi-sha256"] == SHA256
        assert (await http.get(f"/v1/blobs/{SHA256}")).content == WHOLE
        known = await begin(http, **named(SHA256))
        assert (known.headers["njangi-sha256"], known.headers["upload-offset"]) == (SHA256, str(len(WHOLE)))


async def test_who_does_not_hash_gets_the_hash_in_the_end(client: Client) -> None:
    async with client.http("admin") as http:
        place = (await begin(http)).headers["location"]
        assert "njangi-sha256" not in (await send(http, place, 0, WHOLE[:100])).headers
        assert (await send(http, place, 100, WHOLE[100:])).headers["njangi-sha256"] == SHA256
        assert (await http.head(place, headers=TUS)).headers["njangi-sha256"] == SHA256


async def test_what_is_wrong_with_an_upload_is_said(client: Client) -> None:
    async with client.http("admin") as http:
        options = await http.options("/v1/uploads")
        assert (options.status_code, options.headers["tus-extension"]) == (204, "creation,expiration,termination")
        assert (await http.post("/v1/uploads", headers={"Upload-Length": "1"})).status_code == 412
        assert (await http.post("/v1/uploads", headers=TUS)).status_code == 422
        assert (await begin(http, **{"Upload-Metadata": "sha256 YWJj"})).status_code == 400
        most = int(options.headers["tus-max-size"])
        assert (await begin(http, most + 1)).status_code == 413
        place = (await begin(http, 10)).headers["location"]
        offset = await send(http, place, 5, b"12345")
        assert (offset.status_code, offset.json()["type"]) == (409, "urn:njangi:upload-offset")
        assert (await http.patch(place, content=b"1", headers={**TUS, "Upload-Offset": "0"})).status_code == 415
        assert (await send(http, place, 0, b"12345678901")).status_code == 413
        assert (await http.delete(place, headers=TUS)).status_code == 204
        assert (await http.head(place, headers=TUS)).status_code == 404
        lie = await begin(http, 3, **named("0" * 64))
        assert (await send(http, lie.headers["location"], 0, b"abc")).json()["type"] == "urn:njangi:blob-mismatch"


async def test_a_volunteer_may_store_less_than_an_admin(client: Client) -> None:
    async with client.http("admin") as admin, await client.enrol() as agent:
        limits = [
            int((await http.options(path)).headers["tus-max-size"])
            for http, path in ((admin, "/v1/uploads"), (agent, "/v1/agent/uploads"))
        ]
        assert limits[0] > limits[1]
        place = (await begin(admin, 10)).headers["location"]
        stranger = await agent.head(place.replace("/v1/", "/v1/agent/"), headers=TUS)
        assert stranger.status_code == 404


async def test_an_agent_goes_on_with_what_broke_off_in_both_directions(client: Client, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(WHOLE)
    async with await client.enrol() as http:
        secret = http.headers["Authorization"].removeprefix("Bearer ")
        agent = HttpService(client.url, secret)
        begun = await http.post("/v1/agent/uploads", headers={**TUS, "Upload-Length": str(len(WHOLE)), **named(SHA256)})
        await break_off(http, begun.headers["location"], WHOLE[:1_000_000])
        await asyncio.to_thread(agent.put_blob, SHA256, source)
        uploads = client.services.stores.database["uploads"]
        assert await uploads.count_documents({}) == 1
        await asyncio.to_thread(agent.put_blob, SHA256, source)  # known by now
        target.write_bytes(WHOLE[:1_234_567])
        await asyncio.to_thread(agent.fetch_blob, SHA256, target)
        assert target.read_bytes() == WHOLE
        await asyncio.to_thread(agent.fetch_blob, SHA256, target)  # all is there
        assert target.read_bytes() == WHOLE
        agent.close()


async def test_a_result_counts_only_if_its_blob_is_stored_whole(client: Client) -> None:
    flow, run_id = await client.flow()
    stored, missing = await client.upload(b'"large"'), "0" * 64
    async with aclosing(flow), await client.enrol("a") as agent, await client.enrol("b") as another:
        await put_task(flow, run_id, "t", 3)
        found: list[dict[str, Any]] = []
        while len(found) < 3:
            answer = (await agent.post("/v1/agent/sync", json={"slots": 3, "wish": 3, "wait": 5})).json()
            found += reports(answer, result=None)
        for report, (blob, size) in zip(found, ((stored, 7), (stored, 8), (missing, 7)), strict=True):
            report |= {"blob": blob, "size": size}
        held = [{"subtask_id": found[2]["subtask_id"], "token": found[2]["token"], "details_blob": missing}]
        answer = await agent.post("/v1/agent/sync", json={"slots": 3, "held": held, "reports": found})
        assert answer.json()["verdicts"] == ["ACCEPTED"] * 3
        subtasks = [await client.services.stores.results.get(report["subtask_id"]) for report in found]
        assert [subtask.status for subtask in subtasks] == ["COMPLETED", "QUEUED", "QUEUED"]
        for subtask in subtasks[1:]:
            assert subtask.attempts[-1].error is not None
            assert subtask.attempts[-1].error["type"] == "ResultMissing"
        answer = (await another.post("/v1/agent/sync", json={"slots": 2, "wish": 2, "wait": 5})).json()
        assert answer["leases"] and not any(lease["details_blob"] for lease in answer["leases"])


async def test_a_blob_that_a_report_names_is_not_collected_meanwhile(client: Client) -> None:
    stores, old = client.services.stores, utc_now() - timedelta(days=30)
    sha256 = await client.upload(b'"large"')
    await stores.database["blobs.files"].update_one({}, {"$set": {"metadata.touched_at": old}})
    report = Report("s", "t", Outcome.RETURNED, blob=sha256, size=7)
    request = SyncRequest(1, reports=[report])
    assert (await vouched(request, stores.blobs, now=utc_now())).reports == [report]
    collected = await stores.blob_collection.collect(now=utc_now(), grace=timedelta(days=7), limit=10)
    assert collected.blobs == 0


async def test_flows_refer_only_to_blobs_that_are_stored(client: Client) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow):
        await put_task(flow, run_id, "t", 1)
        batch = {"index": 9, "subtasks": [{"index": 90, "parameters_blob": "0" * 64}]}
        path = f"/v1/flow/runs/{run_id}/tasks/t"
        for answer in (
            await flow.post(f"{path}/batches", json={"batches": [batch]}),
            await flow.put(path, json={"status": "COMPLETED", "blob": "0" * 64}),
        ):
            assert answer.status_code == 422
            assert "not stored" in answer.json()["detail"]
