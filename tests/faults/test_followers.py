"""kill -9 of the replica that somebody follows a run through: reconnected, the follower has seen every event once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from stack.settings import CHECKOUT, free_port
from storage.database import open_database

PATIENCE = 120.0
CHANGES = 120
LAST = "last"


class Replica:
    """One API process; `start` may be called again after `kill`, on the same port."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._port = free_port()
        self._environment = {**os.environ, **environment, "NJANGI_PORT": str(self._port)}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "api", env=self._environment, cwd=CHECKOUT, stdout=log, stderr=log
            )
        async with httpx.AsyncClient(timeout=5) as http, asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{self.url}/readyz")).status_code == httpx.codes.OK:
                        return
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def two_replicas(mongodb_uri: str, home: Path) -> AsyncIterator[tuple[Replica, Replica]]:
    database = f"test_{secrets.token_hex(6)}"
    environment = {
        "MONGODB_URI": mongodb_uri,
        "NJANGI_DATABASE": database,
        "NJANGI_HOME": str(home),
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
    }
    replicas = Replica(environment, home / "first.log"), Replica(environment, home / "second.log")
    try:
        for replica in replicas:
            await replica.start()
        yield replicas
    finally:
        for replica in replicas:
            await replica.kill()
        async with open_database(mongodb_uri, database) as opened:
            await opened.mongo.client.drop_database(database)


async def follow(url: str, token: str, run_id: str, seen: list[dict[str, Any]]) -> int:
    """Follow a run until its last task has run, reconnecting as a browser does; return how often that was needed."""
    connections = 0
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
        while True:
            connections += 1
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(seen[-1]["seq"] if seen else 0)}
            with contextlib.suppress(httpx.TransportError):
                async with http.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("data: "):
                            seen.append(json.loads(line[6:]))
                            if seen[-1].get("task") == LAST:
                                return connections
            await asyncio.sleep(0.05)


async def change(http: httpx.AsyncClient, urls: list[str], path: str) -> None:
    """Tell of a task through one replica, again and then through the next one while it is away."""
    for url in [*urls, *urls[::-1]] * 50:
        with contextlib.suppress(httpx.TransportError):
            answer = await http.put(f"{url}{path}", json={"status": "RUNNING"})
            assert answer.is_success, answer.text
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(path)


async def test_a_follower_of_a_killed_replica_sees_every_event_once(mongodb_uri: str, tmp_path: Path) -> None:
    async with two_replicas(mongodb_uri, tmp_path) as (first, second), asyncio.timeout(PATIENCE):
        tokens = {role: (tmp_path / "tokens" / role).read_text().strip() for role in ("admin", "flow")}
        flow = {"Authorization": f"Bearer {tokens['flow']}"}
        async with httpx.AsyncClient(headers=flow, timeout=30) as http:
            adoption = {"prefect_flow_run_id": secrets.token_hex(8), "name": "followed"}
            run_id = (await http.post(f"{second.url}/v1/flow/runs:adopt", json=adoption)).json()["id"]
            held = await http.post(f"{second.url}/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
            http.headers["Njangi-Run-Token"] = held.json()["token"]
            seen: list[dict[str, Any]] = []
            following = asyncio.create_task(follow(first.url, tokens["admin"], run_id, seen))
            for number in range(CHANGES):
                if number == CHANGES // 3:
                    await first.kill()
                    restarting = asyncio.create_task(first.start())
                if number == CHANGES * 2 // 3:
                    await restarting
                urls = [first.url, second.url] if number % 2 else [second.url, first.url]
                await change(http, urls, f"/v1/flow/runs/{run_id}/tasks/t{number}")
            await change(http, [second.url], f"/v1/flow/runs/{run_id}/tasks/{LAST}")
            assert await following >= 2, "the connection broke"
            http.headers["Authorization"] = f"Bearer {tokens['admin']}"
            lines = (await http.get(f"{second.url}/v1/runs/{run_id}/history")).text.splitlines()
    assert seen == [json.loads(line) for line in lines][: len(seen)]
    assert {event["task"] for event in seen if "task" in event} == {LAST, *(f"t{n}" for n in range(CHANGES))}
