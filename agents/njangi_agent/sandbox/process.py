"""Start a process, wait for it, and measure what it used.

Waits on the process and never on the end of its pipes: a daemonised child may hold those for ever.
Processes start from the event loop's own thread, because bubblewrap's --die-with-parent fires when
the launching *thread* ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, AsyncIterator, Callable, Mapping, Optional, Sequence, Union, cast

from njangi_agent.output_tails import Tail

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Exit:
    """`code` is negative when a signal ended it; `memory` is the peak of its largest process in bytes."""

    code: int
    cpu_seconds: float
    memory: int


class Process:
    """One process in a session of its own, killed with everything that stayed in that session."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid
        self.stdin, self.stdout = popen.stdin, popen.stdout
        self.stderr = cast("IO[bytes]", popen.stderr)  # `start` always asks for it
        self._end: asyncio.Future[Exit] = asyncio.ensure_future(self._reap())

    async def wait(self) -> Exit:
        return await asyncio.shield(self._end)

    def when_ended(self, tell: Callable[[], object]) -> None:
        self._end.add_done_callback(lambda _: tell())

    def kill(self) -> None:
        if not self._end.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _reap(self) -> Exit:
        if sys.platform == "linux":
            await _ended(self.pid)
            self.kill()  # what it left in its session; the number is still ours until wait4
            _, status, usage = os.wait4(self.pid, 0)  # noqa: ASYNC222 - it has ended
        else:
            pid = 0
            while pid == 0:
                await asyncio.sleep(_POLL_SECONDS)
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)  # noqa: ASYNC222 - does not wait
            self.kill()
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        self._popen.returncode = code
        return Exit(code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_UNIT)


def start(
    argv: Sequence[str],
    *,
    cwd: Optional[str] = None,
    env: Optional[Mapping[str, str]] = None,
    stdin: int = subprocess.DEVNULL,
    stdout: Union[int, IO[bytes]] = subprocess.PIPE,
    handles: Sequence[int] = (),
) -> Process:
    """Start `argv` with its standard error on a pipe; it inherits `handles` under their numbers.

    Raises OSError or ValueError when that is impossible.
    """
    return Process(
        subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=handles,
        )
    )


def exit_message(code: int) -> str:
    """Say how a process ended; shells tell of a signal as 128 + its number."""
    number = -code if code < 0 else code - 128
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"exit code {code}"


async def _ended(pid: int) -> None:
    """Return when the process has ended but is not yet reaped."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    handle = os.pidfd_open(pid)
    loop.add_reader(handle, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


class Drain(asyncio.Protocol):
    """Drains a pipe and keeps only its end."""

    def __init__(self) -> None:
        self.tail = Tail()
        self._closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.tail.add(data)

    def connection_lost(self, error: Optional[Exception]) -> None:
        self._closed.set()

    async def settle(self, seconds: float) -> None:
        """Let what is still in the pipe arrive, for at most `seconds`."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)


@contextlib.asynccontextmanager
async def draining(pipe: Optional[IO[bytes]]) -> AsyncIterator[Drain]:
    """Yield the Drain of a pipe, closed on exit whoever else still holds it."""
    transport, drain = await asyncio.get_running_loop().connect_read_pipe(Drain, pipe)
    try:
        yield drain
    finally:
        transport.close()
