"""`python -m stack up` in processes of its own, as an operator starts it: its supervisor can be killed too."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress

import httpx
import psutil

from stack.process import ChildProcess
from stack.settings import CHECKOUT, StackSettings
from stack.supervisor import Stack

STOP_SECONDS = 60.0
PARTS = {
    "agent": "njangi_agent",
    "api": "api",
    "flow-worker": "njangi_flows.engine.worker",
    "mongod": "--dbpath",
    "prefect": "stack.prefect_server",
    "python-worker": "worker",
}
"""A word of each service's command line by which it is known among the supervisor's children."""


class Machine:
    """One home and its supervisor. `start` may be called again after the power was lost; the addresses stay."""

    def __init__(self, settings: StackSettings) -> None:
        self._stack = Stack(settings)  # never started: it knows what its processes find in their environment
        self.settings = self._stack.settings
        given = self.settings
        self._supervisor = ChildProcess(
            "supervisor",
            [
                *(sys.executable, "-m", "stack", "up", "--home", str(given.home)),
                *("--port", str(given.port), "--prefect-port", str(given.prefect_port), "--agents", str(given.agents)),
                *(word for name in sorted(given.without) for word in ("--without", name)),
            ],
            self._surroundings,
            given.home / "logs" / "supervisor.log",
            directory=CHECKOUT,
            ready=self._answers,
        )

    async def _answers(self, instance: str) -> bool:
        """Whether the API is ready, which is not the supervisor itself and so does not know its word."""
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
                return (await client.get(f"{self.settings.url}/readyz")).status_code == 200
        return False

    @property
    def mongodb_uri(self) -> str:
        return self._stack.mongodb_uri

    @property
    def pid(self) -> int | None:
        """The supervisor's process id, or None."""
        return self._supervisor.pid

    def environment(self) -> dict[str, str]:
        """Return what programs beside the stack find in their environment."""
        return self._stack.environment()

    async def start(self) -> None:
        """Return when the service answers; Prefect and the workers may come later. Raises ServiceFailedError."""
        await self._supervisor.start()

    async def wait(self) -> int:
        return await self._supervisor.wait()

    async def stop(self, grace: float = STOP_SECONDS) -> None:
        """Ask the supervisor to stop all, and kill it after `grace` seconds, which all its processes die of."""
        await self._supervisor.stop(grace)

    def pids(self, part: str) -> list[int]:
        """Return the processes of a service, none while it does not run."""
        return [process.pid for process in self._services() if PARTS[part] in _command(process)]

    def everything(self) -> list[int]:
        """Return every process, the supervisor first: killed in this order they are what a loss of power leaves."""
        supervisor = self._supervisor.pid
        return [] if supervisor is None else [supervisor, *below(supervisor)]

    def _services(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            if self._supervisor.pid is not None:
                return list(psutil.Process(self._supervisor.pid).children())
        return []

    def _surroundings(self) -> Mapping[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "MONGODB_URI"}
        uri = self.settings.mongodb_uri
        return inherited if uri is None else {**inherited, "MONGODB_URI": uri}


def below(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    with suppress(psutil.NoSuchProcess):
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    return []


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []
