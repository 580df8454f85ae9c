"""The keeper of a service: whatever goes wrong in a start, the next one is tried, once what it needs is there."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stack import deploy
from stack.errors import ServiceFailedError
from stack.process import ChildProcess
from stack.settings import StackSettings
from stack.supervisor import ManagedService, Stack


class Child:
    """A program that dies when it is told to, and whose starts go wrong as listed."""

    def __init__(self, *starts: Exception | None) -> None:
        self._starts = list(starts)
        self._ended = asyncio.Event()
        self.started = asyncio.Event()
        self.pid: int | None = None
        self._pids = itertools.count(1)

    async def start(self) -> None:
        error = self._starts.pop(0) if self._starts else None
        if error is not None:
            raise error
        self.pid = next(self._pids)
        self._ended.clear()
        self.started.set()

    async def stop(self) -> None:
        self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        return -9

    def die(self) -> None:
        self.pid = None
        self.started.clear()
        self._ended.set()


def a_stack(home: Path, *services: ManagedService) -> Stack:
    without = frozenset({"mongod", "prefect", "api", "flow-worker", "python-worker"})
    stack = Stack(StackSettings(home=home, port=0, prefect_port=0, without=without))
    stack._services = {service.name: service for service in services}
    return stack


@pytest.mark.parametrize(
    "wrong", [OSError("no more processes"), RuntimeError("unforeseen")], ids=["system", "unforeseen"]
)
async def test_a_start_that_goes_wrong_in_any_way_is_tried_again(tmp_path: Path, wrong: Exception) -> None:
    child = Child(None, wrong, None)
    async with a_stack(tmp_path / "home", ManagedService("a", child)):
        child.die()
        async with asyncio.timeout(60):
            await child.started.wait()
        assert child.pid == 2


async def test_a_service_is_started_again_after_what_it_needs(tmp_path: Path) -> None:
    below, above = Child(), Child()
    stack = a_stack(tmp_path / "home", ManagedService("below", below), ManagedService("above", above, needs=["below"]))
    async with stack:
        stack._progress.ready.discard("below")
        above.die()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await above.started.wait()
        await stack._progress.reached("below")
        async with asyncio.timeout(60):
            await above.started.wait()


async def test_what_prefect_did_not_live_to_hear_is_deployed_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefect, said = Child(), list[str]()
    stack = a_stack(tmp_path / "home", ManagedService("prefect", prefect))
    stack._say = said.append
    tries = 0

    async def bring_up_to_date(api_url: str, checkout: Path, run: Callable[[], Awaitable[None]]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            prefect.die()
            raise ServiceFailedError("deploy", "it ended with code 1", tmp_path / "deploy.log", "")

    monkeypatch.setattr(deploy, "bring_up_to_date", bring_up_to_date)
    async with asyncio.timeout(60), stack:
        assert tries == 2
    assert "deployments wait for Prefect, which ended before it had them all" in said


async def test_a_flow_that_cannot_be_deployed_does_not_keep_the_others_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    stack = a_stack(tmp_path / "home", ManagedService("prefect", Child()))
    stack._say = said.append

    async def bring_up_to_date(api_url: str, checkout: Path, run: Callable[[], Awaitable[None]]) -> None:
        raise ServiceFailedError("deploy", "no such flow", tmp_path / "deploy.log", "")

    monkeypatch.setattr(deploy, "bring_up_to_date", bring_up_to_date)
    async with asyncio.timeout(60), stack:
        assert any("the rest goes on" in line for line in said)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        pytest.param("lab", ["lab-1", "lab-2"], id="by the host and a number"),
        pytest.param("", ["agent-1", "agent-2"], id="a host without a name"),
        pytest.param("x" * 200, [f"{'x' * 90}-1", f"{'x' * 90}-2"], id="no longer than a name may be"),
    ],
)
def test_agents_of_one_host_can_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, names: list[str]
) -> None:
    monkeypatch.setattr("platform.node", lambda: host)
    stack = Stack(StackSettings(home=tmp_path, port=0, prefect_port=0, agents=2))
    started = [stack._services[f"agent-{number}"].child for number in (1, 2)]
    assert [
        child._argv[child._argv.index("--name") + 1] for child in started if isinstance(child, ChildProcess)
    ] == names
