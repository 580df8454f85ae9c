"""What a service on a real socket does to callers that ask too much of it, by mistake or not."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio

from api.http.connections import LARGEST_HEAD, LONGEST_URL, MOST_HEADERS, Connection
from tests.conftest import emptied
from tests.integration.api.conftest import Client, serving

Serve = Callable[..., contextlib.AbstractAsyncContextManager[Client]]


class Hasty(Connection):
    head_seconds = 0.5


@pytest_asyncio.fixture(loop_scope="session")
async def serve(mongodb_uri: str, databases: str, tmp_path: Path) -> AsyncIterator[Serve]:
    """Start services with limits of their own over one database."""
    database = f"{databases}_limits"

    def start(**settings: Any) -> contextlib.AbstractAsyncContextManager[Client]:
        return serving(mongodb_uri, tmp_path, database, http=Hasty, **settings)

    async with emptied(mongodb_uri, database):
        yield start


async def dial(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = httpx.URL(client.url)
    return await asyncio.open_connection(url.host, url.port)


async def answer_to(client: Client, *pieces: bytes) -> bytes:
    """Send raw bytes on a connection of their own; return all that comes back until it is closed."""
    reader, writer = await dial(client)
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


async def what_comes_before_the_end(reader: asyncio.StreamReader) -> bytes:
    """Read until the connection is closed, or reset: which of them depends on what the service had read by then."""
    with contextlib.suppress(ConnectionResetError):
        return await reader.read()
    return b""


async def test_requests_that_never_begin_are_dropped_and_others_answered_meanwhile(serve: Serve) -> None:
    async with serve() as client, client.http("admin") as http, contextlib.AsyncExitStack() as open_connections:
        held = [await dial(client) for _ in range(300)]
        for _, writer in held:
            open_connections.callback(writer.close)
        for _, writer in held[:200]:
            writer.write(b"GET /v1/runs HTTP/1.1\r\nHost: here\r\nX-Slow: ")  # and never more
        async with asyncio.timeout(20):
            for _ in range(5):
                assert (await http.get("/v1/runs")).status_code == 200
            ends = await asyncio.gather(*(what_comes_before_the_end(reader) for reader, _ in held))
        assert set(ends) == {b""}


async def test_a_head_that_trickles_gets_no_more_time(serve: Serve) -> None:
    async with serve() as client:
        reader, writer = await dial(client)
        writer.write(b"GET /healthz HTTP/1.1\r\n")

        async def trickle() -> None:
            while True:
                writer.write(b"X-More: 1\r\n")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        async with asyncio.timeout(20):
            assert await what_comes_before_the_end(reader) == b""
        trickling.cancel()
        writer.close()


async def test_a_connection_that_waits_between_requests_may_be_used_again(serve: Serve) -> None:
    async with serve() as client:
        reader, writer = await dial(client)
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            async with asyncio.timeout(20):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(15) == b'{"status":"ok"}'
        writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * (LONGEST_URL + 1)), 414, id="address"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MOST_HEADERS + 1) + b"\r\n", 431, id="many headers"),
        pytest.param(b"GET / HTTP/1.1\r\nX: %s\r\n\r\n" % (b"y" * LARGEST_HEAD), 431, id="a large header"),
        pytest.param(b"\x16\x03\x01 hello\r\n\r\n", 400, id="no HTTP"),
    ],
)
async def test_the_head_of_a_request_is_bounded(serve: Serve, head: bytes, status: int) -> None:
    async with serve() as client:
        answer = await answer_to(client, head)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"application/problem+json" in answer
        assert answer.rstrip().endswith(b"}")


async def test_a_header_without_end_ends_the_connection(serve: Serve) -> None:
    async with serve() as client:
        _, writer = await dial(client)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(b"y" * LARGEST_HEAD)
                    await writer.drain()
        writer.close()


@pytest.mark.parametrize("head", [b"Content-Length: 1073741824", b"Transfer-Encoding: chunked"])
async def test_a_body_of_a_gigabyte_is_refused_and_never_kept(serve: Serve, head: bytes) -> None:
    async with serve() as client:
        token = (client.home / "tokens" / "admin").read_text().strip().encode()
        reader, writer = await dial(client)
        before = psutil.Process(os.getpid()).memory_info().rss
        writer.write(b"POST /v1/workflows HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer %s\r\n" % token)
        writer.write(b"Content-Type: application/json\r\n%s\r\n\r\n" % head)
        chunk = b" " * 2**20
        framed = b"100000\r\n%s\r\n" % chunk if head.startswith(b"Transfer") else chunk
        answer = asyncio.create_task(reader.read(100))
        sent = 0
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                for _ in range(1024):
                    writer.write(framed)
                    await writer.drain()
                    sent += 1
                    if answer.done() and sent > 64:
                        break
            assert (await answer).startswith(b"HTTP/1.1 413 ")
        assert psutil.Process(os.getpid()).memory_info().rss - before < 50 * 2**20
        writer.close()


async def test_a_body_that_hardly_comes_is_cut_off(serve: Serve) -> None:
    async with serve(body_grace=0.3) as client:
        head = b"POST /v1/session HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
        assert (await answer_to(client, head, b"{")).startswith(b"HTTP/1.1 408 ")


async def test_a_slow_body_that_comes_at_the_rate_is_waited_for(serve: Serve) -> None:
    async with serve(body_grace=0.2, body_rate=100) as client, client.http("admin") as http:
        digest = "0" * 64

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 100  # which are worth a second each
                await asyncio.sleep(0.1)

        answer = await http.put(f"/v1/blobs/{digest}", content=pieces())
        assert answer.json()["type"] == "urn:njangi:blob-mismatch"  # all of it was read


async def test_what_an_upload_sent_before_it_was_cut_off_stays(serve: Serve) -> None:
    async with serve(body_grace=0.3) as client, client.http("admin") as http:
        http.headers["Tus-Resumable"] = "1.0.0"
        made = await http.post("/v1/uploads", headers={"Upload-Length": "1000"})
        token = http.headers["Authorization"]
        head = (
            f"PATCH {made.headers['Location']} HTTP/1.1\r\nAuthorization: {token}\r\nTus-Resumable: 1.0.0\r\n"
            "Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\n\r\n"
        )
        assert (await answer_to(client, head.encode() + b"x" * 40)).startswith(b"HTTP/1.1 408 ")
        assert (await http.head(made.headers["Location"])).headers["Upload-Offset"] == "40"


async def test_a_body_that_would_unfold_is_not_unpacked(client: Client) -> None:
    bomb = gzip.compress(b"[" + b"0," * 500_000 + b"0]")
    async with client.http("admin") as http:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = await http.post("/v1/workflows", content=bomb, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (415, "urn:njangi:encoded-body")
        plain = await http.post("/v1/workflows", json={"spec": {}}, headers={"Content-Encoding": "identity"})
        assert plain.json()["type"] == "urn:njangi:invalid-spec"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"spec":' + "[" * 100_000 + "]" * 100_000 + "}", id="100,000 levels"),
        pytest.param('{"spec":' + '{"a":' * 400 + "1" + "}" * 400 + "}", id="400 levels"),
        pytest.param('{"spec": {"a": 18446744073709551616}}', id="an integer of 65 bits"),
        pytest.param('{"spec": {"a": NaN}}', id="NaN"),
        pytest.param('{"spec": {"a": 1e999}}', id="infinity"),
        pytest.param('{"spec": {"a\\u0000": 1}}', id="NUL in a key"),
        pytest.param('{"spec": ["\\ud800"]}', id="half a surrogate pair"),
        pytest.param('{"spec": ', id="half a document"),
        pytest.param("9" * 10_000, id="10,000 digits"),
    ],
)
async def test_json_that_cannot_be_kept_is_refused(client: Client, body: str) -> None:
    async with client.http("admin") as http:
        answer = await http.post("/v1/workflows", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_token_that_asks_too_often_is_told_when_to_come_again(serve: Serve) -> None:
    async with serve(requests_per_token=20) as client, client.http("admin") as http, client.http("flow") as flow:
        answers = [await http.get("/v1/runs") for _ in range(30)]
        assert {answer.status_code for answer in answers[:20]} == {200}
        late = answers[-1]
        assert (late.status_code, late.json()["type"]) == (429, "urn:njangi:too-many-requests")
        assert 1 <= int(late.headers["Retry-After"]) <= 60
        for _ in range(30):
            beaten = await flow.post("/v1/flow/runs:beat", json={"leases": []})
            assert beaten.status_code == 200  # flows are not counted
        machine = await client.enrol()
        for _ in range(30):
            assert (await machine.post("/v1/agent/sync", json={"slots": 1})).status_code == 200
        await machine.aclose()


async def test_an_address_that_asks_too_often_is_refused_under_any_token(serve: Serve) -> None:
    async with serve(requests_per_address=10) as client, client.http("admin") as http:
        for _ in range(20):
            answer = await http.get("/healthz")
        assert answer.status_code == 429
        assert (await http.get("/v1/runs")).status_code == 429


async def test_who_guesses_at_tokens_is_slowed_down_but_not_the_others_behind_its_address(serve: Serve) -> None:
    async with serve(failures_per_address=10) as client, client.http("admin") as http:
        machine = await client.enrol()
        assert (await machine.post("/v1/agent/sync", json={"slots": 1})).status_code == 200
        assert (await http.get("/v1/runs")).status_code == 200
        for path in ("/v1/runs", "/v1/flow/runs:beat", "/v1/agent/sync"):
            for guess in range(10):
                async with client.bearer(f"guess-{guess}") as stranger:
                    answer = await stranger.post(path, json={})
                    assert answer.status_code in (401, 405, 429)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"]
        async with client.bearer("another") as stranger:
            assert (await stranger.get("/v1/runs")).status_code == 429
        assert (await http.get("/v1/runs")).status_code == 200
        assert (await machine.post("/v1/agent/sync", json={"slots": 1})).status_code == 200
        await machine.aclose()


async def test_every_answer_says_what_browsers_may_do_with_it(client: Client) -> None:
    async with client.http("admin") as http:
        for path in ("/healthz", "/v1/runs", "/v1/nothing", "/openapi.json", f"/v1/blobs/{'0' * 64}"):
            headers = (await http.get(path)).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert ("Cache-Control" in headers) == path.startswith("/v1/")
            assert "Strict-Transport-Security" not in headers
        secure = await http.get("/v1/runs", headers={"X-Forwarded-Proto": "https"})
        assert secure.headers["Strict-Transport-Security"]
        blob = await http.get(f"/v1/blobs/{await client.upload(b'kept')}")
        assert blob.headers.get_list("Cache-Control") == ["private, max-age=31536000, immutable"]


async def test_pages_of_other_origins_may_call_only_if_they_are_named(client: Client, serve: Serve) -> None:
    asked = {"Origin": "https://ours.example", "Access-Control-Request-Method": "PUT"}
    async with client.http("admin") as http:
        assert "Access-Control-Allow-Origin" not in (await http.options("/v1/runs", headers=asked)).headers
    async with serve(cors_origins=("https://ours.example",)) as open_, open_.http("admin") as http:
        allowed = await http.options("/v1/runs", headers=asked)
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://ours.example"
        assert "Access-Control-Allow-Credentials" not in allowed.headers
        other = await http.get("/v1/runs", headers={"Origin": "https://theirs.example"})
        assert "Access-Control-Allow-Origin" not in other.headers


async def test_the_service_answers_to_its_own_names_if_it_is_told_them(serve: Serve) -> None:
    async with serve(hosts=("njangi.example",)) as client, client.http("admin") as http:
        assert (await http.get("/healthz")).status_code == 421
        assert (await http.get("/healthz", headers={"Host": "njangi.example:8400"})).status_code == 200


async def test_a_405_names_all_methods_that_the_address_takes(client: Client) -> None:
    async with client.http("admin") as http:
        answer = await http.patch("/v1/workflows/w1")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET, PUT")
        blob = await http.delete(f"/v1/blobs/{'0' * 64}")
        assert (blob.status_code, blob.headers["Allow"]) == (405, "GET, HEAD, PUT")


async def test_a_fault_is_pointed_at_in_body_and_parameters(client: Client) -> None:
    async with client.http("admin") as http:
        body = await http.post("/v1/workflows", json={"spec": {}, "files": {"a/b~c": 1}})
        assert [(item["in"], item["pointer"]) for item in body.json()["errors"]] == [("body", "/files/a~1b~0c")]
        query = await http.get("/v1/runs", params={"page_size": 0})
        assert [(item["in"], item["pointer"]) for item in query.json()["errors"]] == [("query", "/page_size")]


async def test_a_stranger_is_told_so_before_anything_else(client: Client) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        assert (await http.post("/v1/uploads")).status_code == 401
        assert (await http.patch("/v1/agent/uploads/u1", content=b"x")).status_code == 401


async def test_a_nul_character_in_any_address_is_refused_before_anything_is_asked_of_mongodb(client: Client) -> None:
    async with client.http("admin") as http:
        document = (await http.get("/openapi.json")).json()
        answers: dict[str, int] = {}
        for path, calls in document["paths"].items():
            for method, call in calls.items():
                given = {item["name"]: item["in"] for item in call.get("parameters", ())}
                plain = re.sub(r"\{\w+\}", "a", path)
                asked = [f"{plain}?{name}=a%00b" for name, place in given.items() if place == "query"]
                if "{" in path:
                    asked.append(re.sub(r"\{\w+\}", "a%00b", path))
                for address in asked:
                    answer = await http.request(method, address, json={})
                    answers[f"{method} {address}"] = answer.status_code
    assert len(answers) > 100
    assert {address: status for address, status in answers.items() if status != 422} == {}
