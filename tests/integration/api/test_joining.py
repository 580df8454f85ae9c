"""What somebody who was given a join token sees, and the program that joins with it."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import zipfile
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from api.agent_program import packed
from api.clock import utc_now
from tests.conftest import NOON
from tests.integration.api.conftest import MACHINE, Client, put_task, serving, until, until_true

LOOK = "/v1/join-tokens:look"


async def test_a_join_token_tells_what_it_is_for_and_who_came_by_it(client: Client) -> None:
    async with client.http("admin") as admin, httpx.AsyncClient(base_url=client.url) as nobody:
        made = (await admin.post("/v1/join-tokens", json={"name": "room 4", "uses": 2})).json()
        told = (await nobody.post(LOOK, json={"token": made["token"]})).json()
        assert (told["name"], told["by"], told["left"], told["volunteers"]) == ("room 4", "admin", 2, [])
        assert told["expires_at"][:19] == made["expires_at"][:19]
        assert told["service"] == {"name": "Njangi", "purpose": ""}
        await (await client.enrol("of another token")).aclose()
        async with client.bearer(made["token"]) as joiner:
            for name in ("first", "second"):
                answer = await joiner.post("/v1/agent/enrol", json={"name": name, "machine": MACHINE})
                assert answer.status_code == 201
        spent = await nobody.post(LOOK, json={"token": made["token"]})
        assert spent.status_code == 200 and spent.json()["left"] == 0, "the page that waited for it must see it"
        assert {item["name"] for item in spent.json()["volunteers"]} == {"first", "second"}
        assert {item["status"] for item in spent.json()["volunteers"]} == {"ONLINE"}


async def test_a_token_that_opens_nothing_says_why(client: Client) -> None:
    async with client.http("admin") as admin, httpx.AsyncClient(base_url=client.url) as nobody:
        made = (await admin.post("/v1/join-tokens", json={"name": "old"})).json()
        await admin.delete(f"/v1/join-tokens/{made['id']}")
        revoked = await nobody.post(LOOK, json={"token": made["token"]})
        assert revoked.status_code == 404 and "was revoked" in revoked.json()["detail"]
        late = (await admin.post("/v1/join-tokens", json={"name": "late"})).json()
        tokens = client.services.stores.database["join_tokens"]
        await tokens.update_one({"_id": late["id"]}, {"$set": {"expires_at": NOON}})
        expired = await nobody.post(LOOK, json={"token": late["token"]})
        assert expired.status_code == 404 and "expired on 2026-06-01" in expired.json()["detail"]
        unknown = await nobody.post(LOOK, json={"token": "njangi-join-none"})
        assert unknown.status_code == 404 and "not known" in unknown.json()["detail"]
        assert unknown.headers["content-type"] == "application/problem+json"


async def test_wrong_tokens_count_as_failed_sign_ins_do_and_right_ones_do_not(
    mongodb_uri: str, databases: str, tmp_path: Path
) -> None:
    async with (
        serving(mongodb_uri, tmp_path, f"{databases}_looks", failures_per_address=5) as client,
        client.http("admin") as admin,
        httpx.AsyncClient(base_url=client.url) as nobody,
    ):
        made = (await admin.post("/v1/join-tokens", json={"name": "room"})).json()
        for _ in range(20):
            assert (await nobody.post(LOOK, json={"token": made["token"]})).status_code == 200
        answers = [(await nobody.post(LOOK, json={"token": f"guess {n}"})).status_code for n in range(8)]
        assert answers[:4] == [404] * 4 and answers[-1] == 429
        assert (await admin.get("/v1/me")).status_code == 200, "who is known is let in meanwhile"


async def test_the_service_says_whose_it_is(mongodb_uri: str, databases: str, tmp_path: Path) -> None:
    said: dict[str, Any] = {"name": "Physics, Yaoundé", "purpose": "to fold proteins"}
    async with serving(mongodb_uri, tmp_path, f"{databases}_looks", **said) as client, client.http("admin") as admin:
        made = (await admin.post("/v1/join-tokens", json={"name": "room"})).json()
        assert (await admin.post(LOOK, json={"token": made["token"]})).json()["service"] == said


def test_the_same_sources_make_the_same_program(tmp_path: Path) -> None:
    package = tmp_path / "njangi_agent"
    package.mkdir()
    for name in ("__init__.py", "__main__.py"):
        (package / name).write_text("x = 1\n")
    first = packed(package)
    (package / "__main__.py").touch()
    assert packed(package) == first and first.startswith(b"#!/usr/bin/env python3\n")
    (package / "__main__.py").write_text("x = 2\n")
    assert packed(package) != first


async def test_the_agents_program_is_sent_once_and_then_known(client: Client) -> None:
    async with httpx.AsyncClient(base_url=client.url) as nobody:
        whole = await nobody.get("/agent.pyz")
        head = await nobody.head("/agent.pyz")
        again = await nobody.get("/agent.pyz", headers={"If-None-Match": whole.headers["etag"]})
        browser = await nobody.get("/agent.pyz", headers={"Accept": "text/html"})
    assert whole.status_code == head.status_code == 200 and head.content == b""
    assert head.headers["etag"] == whole.headers["etag"]
    assert head.headers["content-length"] == str(len(whole.content))
    assert (again.status_code, again.content) == (304, b"")
    assert browser.content == whole.content, "the console's page must not come in its place"
    assert "njangi_agent/loop.py" in zipfile.ZipFile(io.BytesIO(whole.content)).namelist()
    assert len(whole.content) <= 300_000


async def program(home: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "agent.pyz", *arguments),
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def places(client: Client, *, in_: float) -> int:
    """Return how many places there are `in_` seconds from now, if nothing more is heard of anybody."""
    await client.services.dispatcher.keep_books()
    return await client.services.stores.volunteers.online_slots(now=utc_now() + timedelta(seconds=in_))


async def test_a_machine_joins_and_works_with_nothing_but_the_program(client: Client, tmp_path: Path) -> None:
    flow, run_id = await client.flow()
    async with aclosing(flow), client.http("admin") as admin, httpx.AsyncClient(base_url=client.url) as nobody:
        await put_task(flow, run_id, "t", 1)
        made = (await admin.post("/v1/join-tokens", json={"name": "room"})).json()
        (tmp_path / "agent.pyz").write_bytes((await nobody.get("/agent.pyz")).content)
        agent = await program(tmp_path, "join", client.url, "--token", made["token"], "--slots", "1")
        try:

            async def done() -> bool:
                return bool((await admin.get(f"/v1/runs/{run_id}")).json()["tasks"][0]["completed"])

            await until_true(done, seconds=60)
            [came] = (await nobody.post(LOOK, json={"token": made["token"]})).json()["volunteers"]
            assert came["status"] == "ONLINE"

            await until(lambda: client.services.dispatcher.parked == 1)
            assert await places(client, in_=60) == 1, "it waits for work, so it may be silent"
            agent.kill()
            await agent.wait()
            await until(lambda: client.services.dispatcher.parked == 0)
            assert await places(client, in_=0) == 1, "it may only have lost its connection"
            assert await places(client, in_=16) == 0
            agent = await program(tmp_path, "run", "--slots", "1")
            await until(lambda: client.services.dispatcher.parked == 1)
            assert await places(client, in_=60) == 1
        finally:
            agent.terminate()
            _, said = await agent.communicate()
    assert agent.returncode == 0, said.decode()
