"""The embedded stack, for real: Prefect under concurrent writers, restarts, a supervisor that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from stack import deploy
from stack.__main__ import main
from stack.errors import AlreadyRunningError
from stack.settings import CHECKOUT, StackSettings
from stack.supervisor import Stack
from stack.welcome import REMEMBERED, invitation_link

ALL_BUT_MONGOD = ["prefect", "api", "flow-worker", "python-worker"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """mongod, Prefect and the API; no workers."""
    settings = StackSettings(
        home=tmp_path_factory.mktemp("servers"),
        port=0,
        prefect_port=0,
        without=frozenset({"flow-worker", "python-worker"}),
    )
    async with Stack(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def prefect(servers: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{servers.settings.prefect_url}/api/", timeout=60) as client:
        yield client


async def a_deployment(prefect: httpx.AsyncClient, name: str) -> str:
    flow = await prefect.post("flows/", json={"name": name})
    made = await prefect.post(
        "deployments/", json={"name": name, "flow_id": flow.json()["id"], "work_pool_name": "python"}
    )
    deployment_id: str = made.raise_for_status().json()["id"]
    return deployment_id


async def test_flow_runs_created_at_once_are_all_created(prefect: httpx.AsyncClient) -> None:
    deployment = await a_deployment(prefect, "crowd")
    created = await asyncio.gather(
        *(
            prefect.post(f"deployments/{deployment}/create_flow_run", json={"idempotency_key": f"run-{number}"})
            for number in range(20)
        )
    )
    assert [answer.status_code for answer in created] == [201] * 20
    ids = [answer.json()["id"] for answer in created]
    assert len(set(ids)) == 20
    running = {"state": {"type": "RUNNING"}, "force": True}
    moved = await asyncio.gather(*(prefect.post(f"flow_runs/{id_}/set_state", json=running) for id_ in ids))
    assert [answer.status_code for answer in moved] == [201] * 20


async def test_prefects_own_ui_is_served(servers: Stack) -> None:
    async with httpx.AsyncClient() as client:
        page = await client.get(servers.settings.prefect_url + "/")
    assert page.status_code == 200
    assert "<!DOCTYPE html>" in page.text


async def test_both_work_pools_are_there(prefect: httpx.AsyncClient) -> None:
    found = {name: (await prefect.get(f"work_pools/{name}")).json()["type"] for name in ("njangi", "python")}
    assert found == {"njangi": "njangi", "python": "process"}


async def test_what_was_deployed_is_known_until_its_sources_change(
    servers: Stack, prefect: httpx.AsyncClient, tmp_path: Path
) -> None:
    url = f"{servers.settings.prefect_url}/api"
    (tmp_path / "flows").mkdir()
    (tmp_path / "prefect.yaml").write_text("deployments: [{name: sums}]")
    await deploy.remember_deployed(url, tmp_path)
    assert not await deploy.is_deployed(url, tmp_path)
    await a_deployment(prefect, "sums")
    assert await deploy.is_deployed(url, tmp_path)
    (tmp_path / "flows" / "sums.py").write_text("1")
    assert not await deploy.is_deployed(url, tmp_path)
    await deploy.remember_deployed(url, tmp_path)
    assert await deploy.is_deployed(url, tmp_path)


@pytest.mark.parametrize("name", ["mongod", "api"])
async def test_a_killed_service_is_started_again(servers: Stack, name: str) -> None:
    pid = servers.pid(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await servers.replaced(name, pid) == servers.pid(name) != pid


async def test_a_service_is_restarted_on_request(servers: Stack) -> None:
    before = servers.pid("api")
    await servers.restart("api")
    assert servers.pid("api") not in (None, before)


async def test_a_second_stack_on_the_same_home_is_refused(servers: Stack) -> None:
    with pytest.raises(AlreadyRunningError, match=str(os.getpid())):
        await Stack(StackSettings(home=servers.settings.home, port=0, prefect_port=0)).start()
    assert servers.pid("api") is not None


def test_a_port_that_is_taken_is_a_sentence_and_not_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert main(["up", "--home", str(tmp_path / "home"), "--port", str(port), "--prefect-port", "0"]) == 1
    assert f"port {port} is taken" in capsys.readouterr().err


async def an_upped_mongod(home: Path) -> asyncio.subprocess.Process:
    without = [word for name in ALL_BUT_MONGOD for word in ("--without", name)]
    command = ["-m", "stack", "up", "--home", str(home), "--port", "0", "--prefect-port", "0", *without]
    environment = {name: value for name, value in os.environ.items() if name != "MONGODB_URI"}
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=CHECKOUT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    async with asyncio.timeout(60):
        while b"Ctrl-C stops everything" not in await supervisor.stdout.readline():
            assert supervisor.returncode is None
    return supervisor


async def test_nothing_outlives_a_killed_supervisor_and_the_next_one_starts(tmp_path: Path) -> None:
    first = await an_upped_mongod(tmp_path / "home")
    children = psutil.Process(first.pid).children(recursive=True)
    assert children
    first.kill()
    second = await an_upped_mongod(tmp_path / "home")
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    second.send_signal(signal.SIGTERM)
    assert await second.wait() == 0


async def test_the_first_admin_gets_one_link_until_it_is_used(servers: Stack) -> None:
    settings = servers.settings
    first = await invitation_link(settings)
    assert first is not None and first.startswith(f"{settings.url}/welcome#")
    assert await invitation_link(settings) == first, "a restart shows the same one"
    (settings.home / REMEMBERED).write_text("not JSON")
    second = await invitation_link(settings)
    assert second not in (None, first)
    assert (settings.home / REMEMBERED).stat().st_mode & 0o777 == 0o600
    code = str(second).partition("#")[2]
    body = {"code": code, "name": "ada", "password": "correct horse battery"}
    async with httpx.AsyncClient(base_url=settings.url, timeout=60) as browser:
        assert (await browser.post("/v1/invitations:accept", json=body)).status_code == 201
    assert await invitation_link(settings) is None
    assert not (settings.home / REMEMBERED).exists()
