"""Find and end orphaned processes of an earlier stack of the same home.

The supervisor's own children die with it. Their children may not: Prefect's process worker gives each flow run
a session of its own, which outlives a kill -9 of worker and supervisor. Whatever the stack starts therefore
carries the home in its environment, which its children inherit. Linux only: elsewhere nothing is found.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "NJANGI_STACK"
END_SECONDS = 5.0
_PROC = Path("/proc")


def mark(home: Path) -> dict[str, str]:
    """Return what a process of the stack of `home` has in its environment."""
    return {MARK: str(home.absolute())}


async def end_remnants(home: Path) -> list[int]:
    """Kill every process that carries the mark of `home`, but this one and its ancestors; return their ids.

    Call it while no stack of that home runs. Waits for their end, at most END_SECONDS each.
    """
    return await asyncio.to_thread(_end_all, home)


def _end_all(home: Path) -> list[int]:
    spared = set(_ancestry(os.getpid()))
    found = sorted(int(entry.name) for entry in _PROC.glob("[0-9]*"))
    return [pid for pid in found if pid not in spared and _end_if_marked(pid, home)]


def _end_if_marked(pid: int, home: Path) -> bool:
    with _handle(pid) as handle:  # opened first, so that what is killed is what was looked at
        if handle is None or not _is_marked(pid, home):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        waiting.poll(END_SECONDS * 1000)
        return True


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _is_marked(pid: int, home: Path) -> bool:
    try:
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:  # another user's, or it has ended
        return False
    return os.fsencode(f"{MARK}={home.absolute()}") in environment.split(b"\0")


def _ancestry(pid: int) -> Iterator[int]:
    """Yield the process and those that it comes from."""
    while pid > 0:
        yield pid
        try:
            status = (_PROC / str(pid) / "stat").read_text()
        except OSError:
            return
        pid = int(status.rpartition(")")[2].split()[1])
