"""One Prefect server, service, worker and volunteer for all tests of the flows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from njangi_flows.engine.run_workflow import run_workflow
from prefect.client.orchestration import get_client
from prefect.context import refresh_global_settings_context

from stack.settings import PREFECT
from tests.integration.flows.stack_under_test import CHECKOUT, MACHINE, Stack, Volunteer, answers, process


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(mongodb_uri: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Everything but a worker and a volunteer."""
    home: Path = tmp_path_factory.mktemp("home")
    port, prefect_port = _free_port(), _free_port()
    environment = {
        **PREFECT,
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect_port}/api",
        "PREFECT_SERVER_API_PORT": str(prefect_port),
        "MONGODB_URI": mongodb_uri,
        "NJANGI_DATABASE": "flows",
        "NJANGI_HOME": str(home),
        "NJANGI_PORT": str(port),
        "NJANGI_URL": f"http://127.0.0.1:{port}",
        "PYTHONPATH": str(CHECKOUT),
    }
    made = Stack(environment["NJANGI_URL"], environment["PREFECT_API_URL"], environment, home, home)
    os.environ.update(environment)
    refresh_global_settings_context()
    prefect_log, log = home / "prefect.log", home / "api.log"
    async with process("stack.prefect_server", environment, log=prefect_log) as prefect:
        await answers(f"{made.prefect_api}/health", prefect, prefect_log)
        await _deploy()
        async with process("api", environment, log=log) as api:
            await answers(f"{made.url}/readyz", api, log)
            yield made


async def _deploy() -> None:
    async with get_client() as prefect:
        response = await prefect.request("POST", "/work_pools/", json={"name": "njangi", "type": "njangi"})
        response.raise_for_status()
        flow_id = await prefect.create_flow(run_workflow)
        await prefect.create_deployment(
            flow_id=flow_id,
            name="run-workflow",
            work_pool_name="njangi",
            entrypoint="njangi_flows.run_workflow.run_workflow",
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(stack: Stack) -> AsyncIterator[asyncio.subprocess.Process]:
    """A flow worker for the tests of a module."""
    async with stack.worker("worker") as child:
        yield child


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def volunteer(stack: Stack) -> AsyncIterator[Volunteer]:
    """A volunteer that does all work at once."""
    async with stack.http("join") as join:
        enrolled = await join.post("/v1/agent/enrol", json={"name": "a volunteer", "machine": MACHINE})
    async with stack.http("join") as http:
        http.headers["Authorization"] = f"Bearer {enrolled.json()['secret']}"
        made = Volunteer(stack, http)
        working = asyncio.create_task(made.work())
        yield made
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
