"""Watch what rlimits do not limit: the number of processes, their memory together, the size of a folder.

Samples a few times a second, so it bounds the harm of accidents. A fork bomb that no rlimit caps outruns
it: only RLIMIT_NPROC (see `limits`) or a control group (see `cgroups`) holds that.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from njangi_agent.errors import AttemptFailedError
from njangi_agent.sandbox.folder import Folder
from njangi_agent.sandbox.limits import Limits

_INTERVAL = 0.2
_SLACK = 16 * 1024 * 1024  # the launcher's own processes, and pages counted twice after a fork
_HAS_PROC = Path("/proc/self/status").exists()


@dataclass(frozen=True)
class ResourceUsage:
    processes: int
    memory: int


def usage_of(pid: int, most_processes: int) -> ResourceUsage:
    """Return what `pid` and its descendants hold now; stops counting beyond `most_processes`."""
    count = anonymous = shared = 0
    waiting = [pid]
    while waiting and count <= most_processes:
        current = waiting.pop()
        try:
            for line in Path(f"/proc/{current}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    anonymous += int(line.split()[1]) * 1024
                elif line.startswith("RssShmem:"):
                    shared = max(shared, int(line.split()[1]) * 1024)
            waiting.extend(_children(current))
            count += 1
        except (OSError, ValueError):
            continue  # gone meanwhile
    return ResourceUsage(count + len(waiting), anonymous + shared)


def _children(pid: int) -> List[int]:
    threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - called often
    found: List[int] = []
    for thread in threads:
        with open(f"/proc/{pid}/task/{thread}/children") as listing:  # noqa: PTH123 - called often
            found.extend(map(int, listing.read().split()))
    return found


def excess(usage: Optional[ResourceUsage], stored: int, limits: Limits) -> Optional[AttemptFailedError]:
    """Return why an attempt must be stopped, or None."""
    if stored > limits.storage:
        return AttemptFailedError("StorageExceeded", f"its files took more than {limits.storage} bytes")
    if usage is not None and usage.processes > limits.processes:
        return AttemptFailedError("TooManyProcesses", f"it ran more than {limits.processes} processes at once")
    if usage is not None and usage.memory > limits.memory + _SLACK:
        return memory_exceeded(limits)
    return None


def memory_exceeded(limits: Limits) -> AttemptFailedError:
    return AttemptFailedError("MemoryExceeded", f"it ran out of its {limits.memory} bytes of memory")


async def watch(pid: int, folder: Folder, limits: Limits) -> AttemptFailedError:
    """Return why the attempt must be stopped, as soon as that is seen; runs until cancelled otherwise."""
    loop = asyncio.get_running_loop()
    pause = _INTERVAL
    while True:
        await asyncio.sleep(pause)
        began = time.monotonic()
        usage = usage_of(pid, limits.processes) if _HAS_PROC else None
        stored = await loop.run_in_executor(None, folder.size, limits.storage)
        found = excess(usage, stored, limits)
        if found is not None:
            return found
        pause = max(_INTERVAL, 20 * (time.monotonic() - began))
