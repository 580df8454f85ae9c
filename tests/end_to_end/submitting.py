"""A submitter for tests: start workflows, wait for what they come to."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import httpx

from stack.settings import StackSettings

ENDED = ("COMPLETED", "FAILED", "CANCELLED")


class Running(Protocol):
    """A stack, wherever its processes are."""

    @property
    def settings(self) -> StackSettings: ...


def _under_way(answer: httpx.Response) -> bool:
    """Whether the first try of a keyed request has not ended, or died lately."""
    return answer.status_code == httpx.codes.CONFLICT and answer.json()["type"] == "urn:njangi:under-way"


class Submitter:
    """Calls the service as a submitter does, patiently: the service may be restarted meanwhile."""

    def __init__(self, stack: Running) -> None:
        token = (stack.settings.home / "tokens" / "admin").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=stack.settings.url, headers=headers, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def start(
        self,
        *tasks: Mapping[str, Any],
        files: Mapping[str, bytes] | None = None,
        run_parameters: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> str:
        """Create a workflow of these tasks, start it and return the run's id."""
        workflow_id = await self.create(*tasks, files=files, **fields)
        body = {"parameters": dict(run_parameters or {})}
        started = await self._patiently("POST", f"/v1/workflows/{workflow_id}/runs", json=body)
        assert started.status_code == 201, started.text
        return str(started.json()["id"])

    async def create(self, *tasks: Mapping[str, Any], files: Mapping[str, bytes] | None = None, **fields: Any) -> str:
        """Create a workflow of these tasks and return its id."""
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in (files or {}).items()}
        for name, content in (files or {}).items():
            (await self._patiently("PUT", f"/v1/blobs/{hashes[name]}", content=content)).raise_for_status()
        spec = {"name": "test", "tasks": list(tasks), **fields}
        created = await self._patiently("POST", "/v1/workflows", json={"spec": spec, "files": hashes})
        assert created.status_code == 201, created.text
        return str(created.json()["id"])

    async def signal(self, run_id: str, name: str, payload: Any) -> None:
        """Send a run a signal; one whose answer was lost is sent again, which no wait minds."""
        body = {"name": name, "payload": payload}
        answer = await self._patiently("POST", f"/v1/runs/{run_id}/signals", json=body)
        assert answer.status_code == 202, answer.text

    async def get(self, path: str, **parameters: Any) -> Any:
        """GET, again while the service is away."""
        answer = await self._patiently("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, json: Any = None) -> httpx.Response:
        return await self._http.post(path, json=json)

    async def control(self, run_id: str, call: str, json: Any = None) -> dict[str, Any]:
        """POST a call that controls a run, again while the service is away; each of them may be repeated."""
        while True:
            try:
                answer = await self.post(f"/v1/runs/{run_id}:{call}", json or {})
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                assert answer.status_code == 202, answer.text
                return dict(answer.json())
            await asyncio.sleep(0.1)

    async def cancel(self, run_id: str) -> None:
        """Ask for a run's end; that it has ended meanwhile is fine."""
        answer = await self._patiently("POST", f"/v1/runs/{run_id}:cancel")
        assert answer.status_code in (202, 409), answer.text

    async def _patiently(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Call again while the service is away, under one key: what was done and not told of is not done again."""
        headers = {"Idempotency-Key": secrets.token_hex(16)} if method == "POST" else {}
        while True:
            try:
                answer = await self._http.request(method, path, headers=headers, **request)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE and not _under_way(answer):
                    return answer
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)

    async def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/v1/runs/{run_id}")
        return found

    async def until(self, run_id: str, true: Any, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until `true(run)`, and return the run. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not true(run := await self.run(run_id)):
                await asyncio.sleep(0.2)
        return run

    async def ended(self, run_id: str, seconds: float = 90.0) -> dict[str, Any]:
        return await self.until(run_id, lambda run: run["status"] in ENDED, seconds)

    async def completed(self, run_id: str, seconds: float = 90.0) -> dict[str, Any]:
        run = await self.ended(run_id, seconds)
        assert run["status"] == "COMPLETED", run["error"]
        return run

    async def result(self, run_id: str, task: str) -> Any:
        return await self.get(f"/v1/runs/{run_id}/results/{task}")

    async def subtasks(self, run_id: str, task: str) -> list[dict[str, Any]]:
        page = await self.get(f"/v1/runs/{run_id}/subtasks", task=task, page_size=1000)
        found: list[dict[str, Any]] = page["subtasks"]
        return found

    async def events(self, run_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get(f"/v1/runs/{run_id}/events"))["events"]
        return found


def python(name: str, source: str, **fields: Any) -> dict[str, Any]:
    """Return a task that calls the function `f` of `source`."""
    return {"name": name, "python": {"source": source, "function": "f"}, **fields}
