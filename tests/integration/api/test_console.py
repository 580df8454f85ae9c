"""The console's files as a browser gets them, and what is not theirs as programs get it."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from api.console import FILES, Console
from tests.integration.api.conftest import Client

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
IDENTITY = {"Accept-Encoding": "identity"}
PROGRAM = {"Accept": "application/json"}


def shipped(name: str) -> bytes:
    return gzip.decompress((FILES / f"{name}.gz").read_bytes())


def an_asset() -> str:
    return re.findall(rb'"/(assets/[^"]+\.js)"', shipped("index.html"))[0].decode()


def test_there_is_a_console() -> None:
    assert b"<html" in shipped("index.html")


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [
        pytest.param("gzip, deflate, br", "br", id="brotli"),
        pytest.param("gzip;q=1.0, deflate", "gzip", id="gzip"),
        pytest.param("identity", None, id="as it is"),
    ],
)
async def test_a_file_comes_packed_as_the_browser_likes_it(client: Client, accepts: str, packed: str | None) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        async with http.stream("GET", "/", headers=BROWSER | {"Accept-Encoding": accepts}) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
        assert answer.headers.get("content-encoding") == packed
        assert answer.headers["vary"] == "Accept-Encoding"
        wanted = shipped("index.html") if packed is None else (FILES / f"index.html.{'br' if packed == 'br' else 'gz'}")
        assert raw == (wanted if isinstance(wanted, bytes) else wanted.read_bytes())


async def test_a_file_that_the_browser_has_is_not_sent_again(client: Client) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        first = await http.get("/", headers=BROWSER)
        again = await http.get("/", headers=BROWSER | {"If-None-Match": first.headers["etag"]})
        other = await http.get("/", headers=BROWSER | {"If-None-Match": '"other"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert other.status_code == 200


async def test_the_page_lets_in_no_script_but_its_own(client: Client) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        page = await http.get("/", headers=BROWSER)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy
    assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff" and page.headers["cache-control"] == "no-cache"
    assert not re.search(rb"<script(?![^>]*\bsrc=)|<style|\son\w+=", page.content)


async def test_what_has_its_digest_in_its_name_is_kept_for_good(client: Client) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        asset = await http.get(f"/{an_asset()}")
        worker = await http.get("/worker.js")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"].partition(";")[0] in ("text/javascript", "application/javascript")
    assert asset.content == shipped(an_asset())
    assert worker.status_code == 200 and worker.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/runs/r1/grid", "/workflows/new", "/join/token", "/no/such/page"])
async def test_every_address_that_a_browser_opens_is_the_page(client: Client, path: str) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        page = await http.get(path, headers=BROWSER)
    assert (page.status_code, page.content) == (200, shipped("index.html"))


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        pytest.param("GET", "/v1/nothing", BROWSER, id="a call that there is not"),
        pytest.param("GET", "/v1/runs", BROWSER, id="a call without token"),
        pytest.param("GET", "/no/such/page", PROGRAM, id="a program"),
        pytest.param("GET", "/assets/gone-12345678.js", {}, id="an asset of another build"),
        pytest.param("POST", "/runs/r1", BROWSER, id="a form"),
    ],
)
async def test_what_is_not_of_the_console_is_a_problem(
    client: Client, method: str, path: str, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        answer = await http.request(method, path, headers=headers)
    assert answer.status_code in (401, 404, 405)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("missing", [False, True])
async def test_a_console_that_is_built_anew_is_sent_by_a_service_that_goes_on(tmp_path: Path, missing: bool) -> None:
    """Also while it is being built, which is when files are missing."""

    def build(number: int) -> None:
        for name, text in {"index.html": "page", f"assets/main-{number}.js": "script", "worker.js": "worker"}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(f"{text} {number}".encode()))
            (tmp_path / f"{name}.br").write_bytes(b"")

    def empty() -> None:
        for file in tmp_path.rglob("*.*" if missing else "main-*"):
            file.unlink()

    build(1)
    application = Starlette(routes=[Console(tmp_path)])
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://console", headers=IDENTITY) as http:

        async def got(path: str) -> str:
            answer = await http.get(path, headers=BROWSER if path == "/" else {})
            return answer.text if answer.is_success else str(answer.status_code)

        assert [await got(path) for path in ("/", "/assets/main-1.js")] == ["page 1", "script 1"]
        empty()
        if missing:
            assert [await got(path) for path in ("/", "/worker.js", "/assets/main-2.js")] == ["page 1", "404", "404"]
        build(2)
        assert [await got(path) for path in ("/", "/worker.js", "/assets/main-2.js")] == [
            "page 2",
            "worker 2",
            "script 2",
        ]
        assert await got("/assets/main-1.js") == "script 1", "for who has the page of before"


async def test_heads_are_the_same_without_a_body(client: Client) -> None:
    async with httpx.AsyncClient(base_url=client.url) as http:
        for path in ("/", f"/{an_asset()}"):
            whole, head = await http.get(path, headers=BROWSER), await http.head(path, headers=BROWSER)
            assert head.content == b"" and head.status_code == 200
            assert {**head.headers, "date": "", "x-request-id": ""} == {
                **whole.headers,
                "date": "",
                "x-request-id": "",
            }


@pytest.mark.parametrize(
    "path",
    [
        "/../api/console.py",
        "/assets/../../package.json",
        "/..%2f..%2fpackage.json",
        "/%2e%2e/%2e%2e/package.json",
        "/assets/..%5c..%5cpackage.json",
        "//etc/passwd",
        "/index.html.gz",
        "/assets",
        f"/{'long' * 100}",
    ],
)
async def test_no_address_leads_out_of_the_consoles_folder(client: Client, path: str) -> None:
    """Written by hand: clients tidy such paths before they send them."""
    host, port = client.url.removeprefix("http://").split(":")

    def asked() -> bytes:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))

    answer = await asyncio.to_thread(asked)
    assert answer.split()[1] == b"404" and b"application/problem+json" in answer
