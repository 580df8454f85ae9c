"""A service to measure: a real mongod and a real API process of its own, in a temporary folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.synthetic_agent import SyntheticAgent
from stack.mongod import Mongod

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Service:
    """Where a running service is and which processes it is made of."""

    host: str
    port: int
    home: Path
    api: psutil.Process
    mongod: psutil.Process
    mongodb_uri: str = ""  # of a service that is measured alone

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def token(self, role: str) -> str:
        return (self.home / "tokens" / role).read_text().strip()

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, that API and mongod have used."""
        return sum(sum(process.cpu_times()[:2]) for process in (self.api, self.mongod))

    async def enrol(self, name: str, slots: int) -> SyntheticAgent:
        machine = {"os": "Linux", "arch": "x86_64", "python": "3.11", "cpu": 2, "memory": 2**33, "storage": 2**35}
        async with httpx.AsyncClient(base_url=self.url, headers=_bearer(self.token("join"))) as http:
            answer = await http.post("/v1/agent/enrol", json={"name": name, "machine": machine | {"sandbox": "none"}})
            answer.raise_for_status()
        return SyntheticAgent(self.host, self.port, answer.json()["secret"], slots)


class Flow:
    """A run held open from outside Prefect, to queue subtasks into."""

    def __init__(self, service: Service, prefect_api: str | None = None) -> None:
        """`prefect_api` is the address of the service's Prefect server, where it has one."""
        self._prefect_api = prefect_api
        self._http = httpx.AsyncClient(base_url=service.url, headers=_bearer(service.token("flow")), timeout=60)
        self.run_id = ""

    async def start(self, name: str) -> None:
        flow_run = f"{name}-{os.urandom(8).hex()}" if self._prefect_api is None else await self._flow_run(name)
        adopted = await self._http.post("/v1/flow/runs:adopt", json={"prefect_flow_run_id": flow_run, "name": name})
        self.run_id = adopted.raise_for_status().json()["id"]
        held = await self._http.post(f"/v1/flow/runs/{self.run_id}:hold", json={"holder": "benchmark"})
        self._http.headers["Njangi-Run-Token"] = held.raise_for_status().json()["token"]

    async def _flow_run(self, name: str) -> str:
        """Create a flow run that Prefect starts nowhere, and return its id."""
        async with httpx.AsyncClient(base_url=f"{self._prefect_api}/", timeout=60) as prefect:
            flow = (await prefect.post("flows/", json={"name": name})).raise_for_status().json()
            running = {"flow_id": flow["id"], "state": {"type": "RUNNING"}}
            return str((await prefect.post("flow_runs/", json=running)).raise_for_status().json()["id"])

    async def define(self, task: str) -> None:
        definition = {"name": task, "source": "def f(x):\n    return x\n", "function": "f", "heartbeat": 120.0}
        answer = await self._http.put(
            f"/v1/flow/runs/{self.run_id}/tasks/{task}", json={"status": "RUNNING", "definition": definition}
        )
        answer.raise_for_status()

    async def change(self, task: str) -> None:
        """Change the state of a task, which is told as one event."""
        answer = await self._http.put(f"/v1/flow/runs/{self.run_id}/tasks/{task}", json={"status": "RUNNING"})
        answer.raise_for_status()

    async def queue(self, task: str, count: int, batch_size: int, first: int = 0) -> None:
        """Queue `count` subtasks with indexes from `first` on, which must be a multiple of `batch_size`."""
        for start in range(first, first + count, 2000):
            indexes = range(start, min(start + 2000, first + count))
            batches = [
                {
                    "index": at // batch_size,
                    "subtasks": [
                        {"index": i, "parameters": {"x": i}} for i in range(at, min(at + batch_size, indexes.stop))
                    ],
                }
                for at in range(indexes.start, indexes.stop, batch_size)
            ]
            answer = await self._http.post(
                f"/v1/flow/runs/{self.run_id}/tasks/{task}/batches", json={"batches": batches}
            )
            answer.raise_for_status()

    async def settled(self, batch_id: str) -> None:
        """Wait until a batch has settled."""
        waiting = {"waiting": [batch_id], "seconds": 20}
        while True:
            answer = await self._http.post(f"/v1/flow/runs/{self.run_id}/batches:settled", json=waiting)
            if answer.raise_for_status().json()["settled"]:
                return

    async def close(self) -> None:
        await self._http.aclose()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def running_service() -> AsyncIterator[Service]:
    """Start mongod and the API, and stop both at the end."""
    with tempfile.TemporaryDirectory(prefix="njangi-benchmark-", ignore_cleanup_errors=True) as folder:
        home, port = Path(folder), free_port()
        async with Mongod(home / "mongod") as mongod:
            environment = {
                **os.environ,
                "MONGODB_URI": mongod.uri,
                "NJANGI_HOME": str(home),
                "NJANGI_PORT": str(port),
                "NJANGI_REQUESTS_PER_TOKEN": "1000000000",
                "NJANGI_REQUESTS_PER_ADDRESS": "1000000000",
                "PREFECT_API_URL": "http://127.0.0.1:9/api",
                "PYTHONPATH": str(ROOT),
            }
            with (home / "api.log").open("wb") as log:
                api = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "api", env=environment, cwd=ROOT, stderr=log, stdout=log
                )
            try:
                await _ready(port, api, home / "api.log")
                pid = mongod.pid
                if pid is None:
                    raise RuntimeError("mongod has no process")
                yield Service("127.0.0.1", port, home, psutil.Process(api.pid), psutil.Process(pid), mongod.uri)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    api.terminate()
                await api.wait()


async def _ready(port: int, api: asyncio.subprocess.Process, log: Path) -> None:
    async with httpx.AsyncClient() as http:
        for _ in range(300):
            if api.returncode is not None:
                raise RuntimeError(f"the API ended with {api.returncode}; see {log}")
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise RuntimeError("the API did not become ready in 30 s")
