"""Processes beside the stack, each started again whenever it dies: agents behind a proxy, a second flow worker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from stack.errors import ServiceFailedError
from stack.process import Process
from stack.settings import CHECKOUT
from stack.supervisor import Stack

PAUSE_SECONDS = 0.5


class Crew:
    """Keeps processes running; `async with` starts and stops them."""

    def __init__(self, processes: Sequence[Process]) -> None:
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


async def _keep(process: Process) -> None:
    """An agent whose enrolment met a bad network ends, as a volunteer's would; whoever keeps it tries again."""
    while True:
        with suppress(ServiceFailedError):
            await process.start()
            await process.wait()
        await asyncio.sleep(PAUSE_SECONDS)


def agents(stack: Stack, url: str, count: int) -> list[Process]:
    """Return real agents of one slot that join the service at `url`."""
    home = stack.settings.home
    made = []
    for number in range(count):
        name = f"crew-{number}"
        join = ["join", url, "--token-file", str(home / "tokens" / "join"), "--name", name, "--slots", "1"]
        made.append(_process(stack, name, ["njangi_agent", *join, "--home", str(home / "crew" / str(number))]))
    return made


def flow_worker(stack: Stack, name: str) -> Process:
    """Return a flow worker beside the stack's own."""

    def environment() -> Mapping[str, str]:
        token = (stack.settings.home / "tokens" / "flow").read_text().strip()
        return {**stack.environment(), "NJANGI_FLOW_TOKEN": token}

    return Process(
        name,
        [sys.executable, "-m", "njangi_flows.worker", "--name", name],
        environment,
        stack.settings.home / "logs" / f"{name}.log",
        directory=CHECKOUT,
    )


def _process(stack: Stack, name: str, module: Sequence[str]) -> Process:
    log = stack.settings.home / "logs" / f"{name}.log"
    return Process(name, [sys.executable, "-m", *module], stack.environment, log, directory=CHECKOUT)
