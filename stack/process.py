"""Run one program as a child process with a log file of its own, and know when it is ready."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from stack.errors import ServiceFailedError
from stack.mongod import die_with_parent
from stack.settings import INSTANCE, INSTANCE_HEADER

LOG_BYTES = 8 * 1024 * 1024
READY_SECONDS = 120.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1

Ready = Callable[[str], Awaitable[bool]]
"""Whether the child that was given this word as its INSTANCE is ready."""


class ChildProcess:
    """A program that runs until it is stopped. `start` may be called again after it ended."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environment: Callable[[], Mapping[str, str]],
        log: Path,
        *,
        directory: Path,
        ready: Ready | None = None,
    ) -> None:
        """`environment` is asked at each start; `ready` is asked until it says yes before `start` returns."""
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._environment = environment
        self._directory = directory
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None
        self._instance = ""

    @property
    def pid(self) -> int | None:
        """The running child's process id, or None."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    async def start(self) -> None:
        """Return when the program is ready. Raises ServiceFailedError, and then it is not left running."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        rotate(self.log, LOG_BYTES)
        self._instance = secrets.token_urlsafe(12)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                cwd=self._directory,
                env={**self._environment(), INSTANCE: self._instance},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops its children in order
                preexec_fn=die_with_parent(),
            )
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._until_ready()
        except TimeoutError:
            await self.stop()
            raise self._failed(f"not ready after {READY_SECONDS:.0f} s") from None
        except BaseException:
            await self.stop()
            raise

    async def run(self) -> None:
        """Start the program and wait for its end. Raises ServiceFailedError unless it ends with 0."""
        await self.start()
        try:
            code = await self.wait()
        except BaseException:
            await self.stop()
            raise
        if code != 0:
            raise self._failed(f"it ended with code {code}")

    async def stop(self, grace: float = STOP_SECONDS) -> None:
        """Ask the program to end, and kill its whole session after `grace` seconds. Harmless if it has ended."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), grace)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it left behind
        await process.wait()

    async def wait(self) -> int:
        """Wait until the program has ended; return its exit code (negative: the signal that killed it)."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return await self._process.wait()

    async def _until_ready(self) -> None:
        if self._ready is None:
            return
        while not await self._ready(self._instance):
            if self._process is not None and self._process.returncode is not None:
                raise self._failed(f"it ended with code {self._process.returncode}")
            await asyncio.sleep(POLL_SECONDS)

    def _failed(self, reason: str) -> ServiceFailedError:
        return ServiceFailedError(self.name, reason, self.log, last_lines(self.log))


def answers(url: str) -> Ready:
    """Return a test of readiness: `url` answers 200, with the child's own word. Another program may listen there."""

    async def ready(instance: str) -> bool:
        try:
            # Nothing is encrypted here, and to read the certificates of this machine would take most of a look's time.
            async with httpx.AsyncClient(trust_env=False, timeout=5.0, verify=False) as client:
                answer = await client.get(url)
                return answer.status_code == 200 and answer.headers.get(INSTANCE_HEADER) == instance
        except httpx.TransportError:
            return False

    return ready


def rotate(log: Path, largest: int) -> None:
    """Put a log that grew beyond `largest` bytes aside as NAME.log.1, in place of the one before."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > largest:
            log.replace(log.with_name(log.name + ".1"))


def last_lines(log: Path, count: int = 12, longest: int = 16 * 1024) -> str:
    """Return the end of a log, for people."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - longest))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    except OSError:
        return ""
