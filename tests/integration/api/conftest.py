"""A real service on a real socket, over a database of the test's own; Prefect is away unless a test says otherwise."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import uvicorn

from api.app import create_app
from api.http.connections import Connection
from api.services import Services
from api.settings import Settings
from tests.conftest import emptied

MACHINE = {
    "os": "Linux",
    "arch": "x86_64",
    "python": "3.11",
    "cpu": 2,
    "memory": 2**33,
    "storage": 2**35,
    "sandbox": "none",
    "missing": [],
}


@dataclass
class Client:
    """Callers in each role."""

    url: str
    home: Path
    services: Services

    def http(self, role: str) -> httpx.AsyncClient:
        return self.bearer((self.home / "tokens" / role).read_text().strip())

    def bearer(self, token: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    async def enrol(self, name: str = "old laptop") -> httpx.AsyncClient:
        async with self.http("join") as join:
            answer = await join.post("/v1/agent/enrol", json={"name": name, "machine": MACHINE})
        assert answer.status_code == 201, answer.text
        return self.bearer(answer.json()["secret"])

    async def flow(self, name: str = "by-hand") -> tuple[httpx.AsyncClient, str]:
        """Return a client that holds a run, and the run's id."""
        http = self.http("flow")
        adopted = await http.post(
            "/v1/flow/runs:adopt", json={"prefect_flow_run_id": secrets.token_hex(8), "name": name}
        )
        run_id = adopted.json()["id"]
        held = await http.post(f"/v1/flow/runs/{run_id}:hold", json={"holder": "test"})
        http.headers["Njangi-Run-Token"] = held.json()["token"]
        return http, run_id

    async def upload(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        async with self.http("admin") as http:
            answer = await http.put(f"/v1/blobs/{digest}", content=content)
        assert answer.status_code in (200, 201)
        return digest


@asynccontextmanager
async def serving(
    mongodb_uri: str, home: Path, database: str, *, http: type[Connection] = Connection, **changed: Any
) -> AsyncIterator[Client]:
    """Run a service with `changed` settings; several over one database are replicas."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    settings = Settings(
        mongodb_uri=mongodb_uri,
        database=database,
        prefect_api_url="http://127.0.0.1:9/api",
        port=port,
        home=home,
        largest_json=1024 * 1024,
        largest_blob=4 * 1024 * 1024,
        largest_blob_trusted=5 * 1024 * 1024,
        **changed,
    )
    app = create_app(settings)
    config = uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1, http=http)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    try:
        yield Client(f"http://127.0.0.1:{port}", home, app.state.services)
    finally:
        server.should_exit = True
        await task


@pytest_asyncio.fixture(loop_scope="session")
async def client(mongodb_uri: str, databases: str, tmp_path: Path) -> AsyncIterator[Client]:
    database = f"{databases}_api"
    async with emptied(mongodb_uri, database), serving(mongodb_uri, tmp_path, database) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def replica(client: Client, mongodb_uri: str) -> AsyncIterator[Client]:
    """A second service over the same database."""
    async with serving(mongodb_uri, client.home, client.services.settings.database) as made:
        yield made


def definition(**fields: Any) -> dict[str, Any]:
    return {"name": "t", "command": ["true"], "files": [], "paths": {}, **fields}


async def put_task(
    http: httpx.AsyncClient, run_id: str, task: str, count: int, *, per_batch: int = 10, **fields: Any
) -> None:
    """Define a task, with `fields` in its definition, and queue `count` subtasks."""
    changed = await http.put(
        f"/v1/flow/runs/{run_id}/tasks/{task}", json={"status": "RUNNING", "definition": definition(**fields)}
    )
    assert changed.is_success, changed.text
    batches = [
        {
            "index": at // per_batch,
            "subtasks": [{"index": i, "parameters": {"x": i}} for i in range(at, min(count, at + per_batch))],
        }
        for at in range(0, count, per_batch)
    ]
    put = await http.post(f"/v1/flow/runs/{run_id}/tasks/{task}/batches", json={"batches": batches})
    assert put.status_code == 204, put.text


async def beat(http: httpx.AsyncClient, *run_ids: str) -> list[dict[str, Any]]:
    """Beat for runs under the token that the client carries; return the orders for each."""
    leases = [{"run_id": run_id, "token": http.headers["Njangi-Run-Token"]} for run_id in run_ids]
    answer = await http.post("/v1/flow/runs:beat", json={"leases": leases})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["orders"])


def reports(answer: dict[str, Any], result: str = "1", **fields: Any) -> list[dict[str, Any]]:
    """Return what an agent says when every lease of a sync's answer came to `result`."""
    common = {"outcome": "RETURNED", "result": result, "seconds": 0.01} | fields
    return [{"subtask_id": item["subtask_id"], "token": item["token"], **common} for item in answer["leases"]]


def _subtask(index: int) -> dict[str, Any]:
    return {"index": index, "parameters": {"x": index}}


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition that something else brings about. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def until_true(look: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    """Look until it is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.02)
