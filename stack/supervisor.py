"""Run the whole service on one machine: start its processes in order, keep them running, stop them in reverse.

Each dies with this process, and what they left in sessions of their own is ended by the next start or stop, so a
killed supervisor leaves nothing that the next one would trip over.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from stack import deploy
from stack.backoff import RestartBackoff
from stack.errors import AlreadyRunningError, PortTakenError, ServiceFailedError, StackError
from stack.mongod import Mongod
from stack.orphans import end_remnants, mark
from stack.process import LOG_BYTES, ChildProcess, Ready, answers, rotate
from stack.settings import CHECKOUT, StackSettings, environment, port_is_free, reserve
from stack.stop_order import levels
from storage.errors import NjangiError

log = logging.getLogger(__name__)

PORT_SECONDS = 3.0  # a stack that was killed a moment ago may still hold its ports
POLL_SECONDS = 0.05
HOST_CHARACTERS = 90
"""Of the host's name that of an agent has: 100 with its number are allowed."""
NOTICE_SECONDS = 1.0
DEPLOYMENTS = "deployments"  # a step between services, which some of them need as if it were one


class ManagedProcess(Protocol):
    """What the supervisor needs of a process."""

    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def wait(self) -> int: ...


@dataclass(slots=True)
class ManagedService:
    """One process that is kept running, and the names of those that must be ready before it starts."""

    name: str
    child: ManagedProcess
    needs: Sequence[str] = ()
    keeper: asyncio.Task[None] | None = None


@dataclass(slots=True)
class StartProgress:
    """Which names are ready, for those that wait for them."""

    ready: set[str] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def reached(self, name: str) -> None:
        async with self.changed:
            self.ready.add(name)
            self.changed.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(true)


class Stack:
    """The embedded stack of one home directory. `async with Stack(settings) as stack` starts and stops it."""

    def __init__(self, settings: StackSettings, say: Callable[[str], None] = lambda line: None) -> None:
        """`say` is told in a few words what became ready, for the person who waits."""
        self.settings = settings.resolved()
        self._say = say
        self._backoff = RestartBackoff()
        self._progress = StartProgress()
        self._mongod = Mongod(self.settings.home / "mongod", log=self._log("mongod"))
        self._services = {
            service.name: service for service in self._all_services() if service.name not in self.settings.without
        }
        self._lock: int | None = None
        self._ports: list[socket.socket] = []

    @property
    def names(self) -> list[str]:
        """The services, in the order in which they may start."""
        return list(self._services)

    @property
    def mongodb_uri(self) -> str:
        return self.settings.mongodb_uri or self._mongod.uri

    def environment(self) -> dict[str, str]:
        """Return what each process finds in its environment, also for programs run beside the stack."""
        return environment(self.settings, self.mongodb_uri, os.environ)

    def pid(self, name: str) -> int | None:
        """Return the process id of a service, or None while it does not run."""
        return self._services[name].child.pid

    async def start(self) -> None:
        """Return when everything is ready. Raises StackError or NjangiError, and then nothing is left running."""
        _make_home(self.settings.home)
        self._lock = _hold(self.settings.home)
        try:
            if await end_remnants(self.settings.home):
                self._say("ended what an earlier stack had left running")
            for port, option in ((self.settings.port, "--port"), (self.settings.prefect_port, "--prefect-port")):
                self._ports.append(await _reserved(port, option))
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._prepare())
                    for service in self._services.values():
                        group.create_task(self._launch(service))
            except* (StackError, NjangiError) as failures:
                raise _first(failures) from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every service, those that need others first. Harmless when nothing runs."""
        needs = {name: service.needs for name, service in self._services.items()}
        for level in reversed(levels(needs)):
            await asyncio.gather(*(self._halt(self._services[name]) for name in level))
        self._progress.ready.clear()
        if self._lock is not None:
            await end_remnants(self.settings.home)
            os.close(self._lock)
            self._lock = None
        while self._ports:
            self._ports.pop().close()

    async def restart(self, name: str) -> None:
        """Stop one service in its orderly way and return when it is ready again."""
        service = self._services[name]
        await self._halt(service)
        await self._start(service)

    async def replaced(self, name: str, pid: int | None) -> int:
        """Wait until a process other than `pid` is ready as the service `name`; return its process id."""

        def other() -> bool:
            return name in self._progress.ready and self.pid(name) not in (None, pid)

        await self._progress.until(other)
        found = self.pid(name)
        return found if found is not None else await self.replaced(name, pid)

    async def __aenter__(self) -> Stack:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def _prepare(self) -> None:
        """Put work pools and deployments into Prefect, once it is there."""
        if "prefect" in self._services:
            await self._until_ready(["prefect"])
            began = time.monotonic()
            await self._deploy()
            self._say(f"{DEPLOYMENTS} ready ({time.monotonic() - began:.1f} s)")
        await self._progress.reached(DEPLOYMENTS)

    async def _until_ready(self, names: Sequence[str]) -> None:
        wanted = {name for name in names if name in self._services or name == DEPLOYMENTS}
        await self._progress.until(lambda: self._progress.ready >= wanted)

    async def _launch(self, service: ManagedService) -> None:
        await self._until_ready(service.needs)
        began = time.monotonic()
        await self._start(service)
        self._say(f"{service.name} ready ({time.monotonic() - began:.1f} s)")

    async def _start(self, service: ManagedService) -> None:
        rotate(self._log(service.name), LOG_BYTES)
        await service.child.start()
        service.keeper = asyncio.create_task(self._keep(service), name=f"keep {service.name}")
        await self._progress.reached(service.name)

    async def _halt(self, service: ManagedService) -> None:
        keeper, service.keeper = service.keeper, None
        if keeper is not None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        self._progress.ready.discard(service.name)
        await service.child.stop()

    async def _keep(self, service: ManagedService) -> None:
        """Start the service again whenever it ends, as soon as what it needs is there; ever later if it dies young."""
        failures = 0
        began = time.monotonic()
        while True:
            code = await service.child.wait()
            self._progress.ready.discard(service.name)
            failures = self._backoff.failures(failures, time.monotonic() - began)
            pause = self._backoff.wait(failures)
            self._say(f"{service.name} ended with code {code}; it is started again in {pause:g} s")
            await asyncio.sleep(pause)
            await self._until_ready(service.needs)
            rotate(self._log(service.name), LOG_BYTES)
            try:
                await service.child.start()
            except (StackError, NjangiError) as error:
                log.warning("%s did not start again: %s", service.name, error)
                continue
            except Exception:  # whatever it was, a service that is not tried again would be missing for ever
                log.exception("%s could not be started again", service.name)
                continue
            finally:
                began = time.monotonic()
            self._say(f"{service.name} runs again")
            await self._progress.reached(service.name)

    async def _deploy(self) -> None:
        """A flow that cannot be deployed is told, but must not keep the service down: the others are there.

        What failed because Prefect was killed meanwhile is done again: without deployments no run would ever begin.
        """
        url, program = f"{self.settings.prefect_url}/api", self._program("deploy", deploy.COMMAND[1:])
        while True:
            pid = await self.replaced("prefect", None)
            try:
                return await deploy.bring_up_to_date(url, CHECKOUT, program.run)
            except (httpx.HTTPError, ServiceFailedError) as error:
                if await self._ended("prefect", pid):
                    self._say(f"{DEPLOYMENTS} wait for Prefect, which ended before it had them all")
                elif isinstance(error, ServiceFailedError):
                    return self._say(f"not everything in prefect.yaml is deployed, the rest goes on. {error}")
                else:
                    reason = f"Prefect answered {error}"
                    raise ServiceFailedError(DEPLOYMENTS, reason, self._log("prefect"), "") from error

    async def _ended(self, name: str, pid: int) -> bool:
        """Whether the process `pid` of a service has ended; what it did not answer tells that a moment earlier."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._services[name].child.wait(), NOTICE_SECONDS)
        return self.pid(name) != pid

    def _all_services(self) -> Iterator[ManagedService]:
        if self.settings.mongodb_uri is None:
            yield ManagedService("mongod", self._mongod)
        prefect = ["-m", "stack.prefect_server"]
        health = answers(f"{self.settings.prefect_url}/api/health")
        yield ManagedService("prefect", self._program("prefect", prefect, ready=health))
        api = self._program("api", ["-m", "api"], ready=answers(f"{self.settings.url}/readyz"))
        yield ManagedService("api", api, needs=["mongod"])
        flow_worker = self._program("flow-worker", ["-m", "njangi_flows.engine.worker"], token="flow")
        yield ManagedService("flow-worker", flow_worker, needs=["api", DEPLOYMENTS])
        worker = ["-m", "prefect", "worker", "start", "--pool", "python", "--type", "process", "--name", "python"]
        yield ManagedService(
            "python-worker", self._program("python-worker", worker, token="flow"), needs=["api", DEPLOYMENTS]
        )
        for number in range(1, self.settings.agents + 1):
            name = f"agent-{number}"
            agent_home = self.settings.home / "agents" / str(number)
            join = ["join", self.settings.url, "--token-file", str(self._token("join")), "--home", str(agent_home)]
            join += ["--name", f"{platform.node()[:HOST_CHARACTERS] or 'agent'}-{number}"]
            yield ManagedService(
                name, self._program(name, ["-m", "njangi_agent", *join, "--slots", "1"]), needs=["api"]
            )

    def _program(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        ready: Ready | None = None,
        token: str | None = None,
    ) -> ChildProcess:
        def child_environment() -> Mapping[str, str]:
            marked = {**self.environment(), **mark(self.settings.home)}
            if token is None:
                return marked
            return {**marked, f"NJANGI_{token.upper()}_TOKEN": self._token(token).read_text().strip()}

        return ChildProcess(
            name,
            [sys.executable, *arguments],
            child_environment,
            self._log(name),
            directory=CHECKOUT,
            ready=ready,
        )

    def _log(self, name: str) -> Path:
        return self.settings.home / "logs" / f"{name}.log"

    def _token(self, name: str) -> Path:
        return self.settings.home / "tokens" / name


def _first(failures: BaseExceptionGroup[StackError | NjangiError]) -> StackError | NjangiError:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, StackError | NjangiError):
        raise TypeError(f"unexpected {error!r}")
    return error


def _make_home(home: Path) -> None:
    try:
        for directory in (home, *(home / name for name in ("logs", "prefect", "tokens", "agents"))):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            directory.chmod(0o700)
    except OSError as error:
        raise StackError(f"{home} cannot be used: {error}") from error


def _hold(home: Path) -> int:
    """Return a descriptor whose lock says that this process runs the stack of `home`."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise AlreadyRunningError(home, pid or "unknown") from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


async def _reserved(port: int, option: str) -> socket.socket:
    """Return what says, until it is closed, that no other stack may use the port, whether ours listens already or not.

    Raises PortTakenError.
    """
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        if (reservation := reserve(port)) is not None:
            if port_is_free(port):
                return reservation
            reservation.close()
        if time.monotonic() > deadline:
            raise PortTakenError(port, option)
        await asyncio.sleep(POLL_SECONDS)
