"""Processes beside the stack, each started again whenever it dies: agents, a second flow worker, a second API."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from stack.errors import ServiceFailedError
from stack.process import ChildProcess, Ready, answers
from stack.settings import CHECKOUT, HOST, StackSettings

PAUSE_SECONDS = 0.5


class Main(Protocol):
    """The stack that the crew belongs to, wherever its processes are."""

    @property
    def settings(self) -> StackSettings: ...
    def environment(self) -> dict[str, str]: ...


class Child(Protocol):
    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def wait(self) -> int: ...


class Crew:
    """Keeps processes running; `async with` starts those that do not run yet, and stops all."""

    def __init__(self, processes: Sequence[Child]) -> None:
        self._processes = processes
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._keepers = [asyncio.create_task(_keep(process)) for process in self._processes]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(process.stop() for process in self._processes))


async def _keep(process: Child) -> None:
    """An agent whose enrolment met a bad network ends, as a volunteer's would; whoever keeps it tries again."""
    while True:
        with suppress(ServiceFailedError):
            if process.pid is None:
                await process.start()
            await process.wait()
        await asyncio.sleep(PAUSE_SECONDS)


def agents(main: Main, url: str, count: int) -> list[ChildProcess]:
    """Return real agents of one slot that join the service at `url`."""
    home = main.settings.home
    made = []
    for number in range(count):
        name = f"crew-{number}"
        join = ["join", url, "--token-file", str(home / "tokens" / "join"), "--name", name, "--slots", "1"]
        made.append(_process(main, name, ["njangi_agent", *join, "--home", str(home / "crew" / str(number))]))
    return made


def flow_worker(main: Main, name: str, url: str) -> ChildProcess:
    """Return a flow worker beside the stack's own, which finds the service at `url`."""
    token = (main.settings.home / "tokens" / "flow").read_text().strip()
    return _process(main, name, ["njangi_flows.engine.worker", "--name", name], NJANGI_FLOW_TOKEN=token, NJANGI_URL=url)


def replica(main: Main, name: str, port: int) -> ChildProcess:
    """Return an API beside the stack's own."""
    return _process(main, name, ["api"], answers(f"http://{HOST}:{port}/readyz"), NJANGI_PORT=str(port))


def _process(main: Main, name: str, module: Sequence[str], ready: Ready | None = None, **more: str) -> ChildProcess:
    """Return `python -m` that module, with the stack's environment and what is more."""
    return ChildProcess(
        name,
        [sys.executable, "-m", *module],
        lambda: {**main.environment(), **more},
        main.settings.home / "logs" / f"{name}.log",
        directory=CHECKOUT,
        ready=ready,
    )
