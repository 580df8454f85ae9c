"""The real processes that the flows need: Prefect, the service, a flow worker; and a volunteer made of code."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from njangi_agent import codec
from njangi_agent.executors.zygote import arguments

CHECKOUT = Path(__file__).resolve().parents[3]
MACHINE = {
    "os": "Linux",
    "arch": "x86_64",
    "python": "3.11",
    "cpu": 64,
    "memory": 2**40,
    "storage": 2**40,
    "sandbox": "none",
    "missing": [],
}
ENDED = ("COMPLETED", "FAILED", "CANCELLED")

Behaviour = Callable[[dict[str, Any], int], Any]
"""What a volunteer does with a subtask: (parameters, attempt) -> result, or raises SubtaskError."""


class SubtaskError(Exception):
    """The task's own error, as an attempt reports it."""

    def __init__(self, type_: str, message: str, stderr: str = "") -> None:
        super().__init__(type_, message, stderr)
        self.report = {"type": type_, "message": message, "stderr": stderr}


@asynccontextmanager
async def process(module: str, environment: Mapping[str, str], *arguments: str, log: Path) -> AsyncIterator[Any]:
    """Run `python -m module` until the block ends."""
    with log.open("ab") as output:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            env={**os.environ, **environment},
            cwd=CHECKOUT,
            stdout=output,
            stderr=output,
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(child.wait(), 20)
            except TimeoutError:
                child.kill()
                await child.wait()


async def answers(url: str, child: Any, log: Path) -> None:
    """Wait until `url` answers 200."""
    async with httpx.AsyncClient(timeout=5) as http, asyncio.timeout(120):
        while True:
            if child.returncode is not None:
                raise RuntimeError(f"the process ended; see {log}")
            try:
                if (await http.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@dataclass
class Stack:
    """Where everything is, and how a submitter speaks to it."""

    url: str
    prefect_api: str
    environment: Mapping[str, str]
    home: Path
    logs: Path
    behaviours: dict[str, Behaviour] = field(default_factory=dict)

    def http(self, role: str) -> httpx.AsyncClient:
        token = (self.home / "tokens" / role).read_text().strip()
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    @asynccontextmanager
    async def worker(self, name: str) -> AsyncIterator[Any]:
        log = self.logs / f"{name}.log"
        async with process("njangi_flows.engine.worker", self.environment, "--name", name, log=log) as child:
            yield child

    async def submit(self, *tasks: dict[str, Any], files: Mapping[str, bytes] | None = None, **spec: Any) -> str:
        """Submit a workflow, start a run of it and return the run's id."""
        async with self.http("admin") as http:
            refs = {}
            for name, content in (files or {}).items():
                refs[name] = hashlib.sha256(content).hexdigest()
                (await http.put(f"/v1/blobs/{refs[name]}", content=content)).raise_for_status()
            body = {"spec": {"name": "a test", "tasks": list(tasks), **spec}, "files": refs}
            made = await http.post("/v1/workflows", json=body)
            assert made.status_code == 201, made.text
            run = await http.post(f"/v1/workflows/{made.json()['id']}/runs", json={"parameters": {}})
            assert run.status_code == 201, run.text
            return str(run.json()["id"])

    async def run(self, run_id: str) -> dict[str, Any]:
        async with self.http("admin") as http:
            return dict((await http.get(f"/v1/runs/{run_id}")).raise_for_status().json())

    async def ended(self, run_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait for a run's end and return it."""
        return await self.when(run_id, lambda run: run["status"] in ENDED, seconds)

    async def when(
        self, run_id: str, condition: Callable[[dict[str, Any]], bool], seconds: float = 60
    ) -> dict[str, Any]:
        async with self.http("admin") as http, asyncio.timeout(seconds):
            while True:
                run = (await http.get(f"/v1/runs/{run_id}")).raise_for_status().json()
                if condition(run):
                    return dict(run)
                await asyncio.sleep(0.2)

    async def results(self, run_id: str) -> dict[str, Any]:
        async with self.http("admin") as http:
            return dict((await http.get(f"/v1/runs/{run_id}/results")).raise_for_status().json())

    async def flow_run(self, run_id: str) -> dict[str, Any]:
        """Return Prefect's flow run of a run."""
        id_ = (await self.run(run_id))["prefect_flow_run_id"]
        async with httpx.AsyncClient(base_url=self.prefect_api, timeout=30) as http:
            return dict((await http.get(f"/flow_runs/{id_}")).raise_for_status().json())

    async def task_runs(self, run_id: str, count: int) -> list[dict[str, Any]]:
        """Return Prefect's task runs of a run once there are `count` that have ended."""
        id_ = (await self.run(run_id))["prefect_flow_run_id"]
        body = {"flow_runs": {"id": {"any_": [id_]}}, "limit": 200}
        rows: list[dict[str, Any]] = []
        async with httpx.AsyncClient(base_url=self.prefect_api, timeout=30) as http:
            for _ in range(100):
                rows = (await http.post("/task_runs/filter", json=body)).raise_for_status().json()
                ended = [row for row in rows if row["state_type"] in (*ENDED, "CRASHED")]
                if len(ended) >= count:
                    break
                await asyncio.sleep(0.1)
        return rows


class Volunteer:
    """An agent made of code: Python tasks are executed here, commands by the behaviour of their first word."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self._http = http
        self._tasks: dict[str, Any] = {}
        self.attempts: dict[str, int] = {}
        self.first_lease: dict[str, float] = {}

    async def work(self) -> None:
        """Sync for ever."""
        reports: list[dict[str, Any]] = []
        while True:
            body = {"slots": 64, "wish": 64, "wait": 10.0, "held": [], "reports": reports}
            answer = (await self._http.post("/v1/agent/sync", json=body, timeout=60)).raise_for_status().json()
            reports = []
            for task in answer["tasks"]:
                self._tasks[task["task_id"]] = task
            for lease in answer["leases"]:
                reports.append(await self._attempt(lease))
            await asyncio.sleep(0)

    async def _attempt(self, lease: dict[str, Any]) -> dict[str, Any]:
        id_ = lease["subtask_id"]
        self.attempts[id_] = self.attempts.get(id_, 0) + 1
        self.first_lease.setdefault(id_.split("/")[0], asyncio.get_running_loop().time())
        common = {"subtask_id": id_, "token": lease["token"], "seconds": 0.01}
        parameters = lease["parameters"]
        if parameters is None:
            parameters = (await self._http.get(f"/v1/agent/blobs/{lease['parameters_blob']}")).json()
        try:
            value = self._execute(self._tasks[lease["task_id"]], parameters, self.attempts[id_])
        except SubtaskError as error:
            return {**common, "outcome": "FAILED", "error": error.report}
        text = json.dumps(value)
        if len(text) <= 60_000:
            return {**common, "outcome": "RETURNED", "result": text}
        digest = hashlib.sha256(text.encode()).hexdigest()
        (await self._http.put(f"/v1/agent/blobs/{digest}", content=text.encode())).raise_for_status()
        return {**common, "outcome": "RETURNED", "blob": digest, "size": len(text)}

    def _execute(self, task: dict[str, Any], parameters: dict[str, Any], attempt: int) -> Any:
        if task.get("command"):
            return self._stack.behaviours[task["command"][0]](parameters, attempt)
        scope: dict[str, Any] = {}
        exec(compile(task["source"], task["name"], "exec"), scope)
        function = scope[task["function"]]
        try:
            if task.get("values") != "python":
                return function(**parameters)
            positional, named = arguments(function, {name: codec.unpack(value) for name, value in parameters.items()})
            return codec.pack(function(*positional, **named))
        except Exception as error:
            raise SubtaskError(type(error).__name__, str(error)) from error
