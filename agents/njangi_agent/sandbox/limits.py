"""The limits of one attempt, and the launcher that sets them before the task's program starts.

Memory is RLIMIT_DATA (private writable memory), not RLIMIT_AS: runtimes such as Go, Java and Node
reserve far more address space than they use and die under RLIMIT_AS. Shared memory and the sum over
several processes are left to `watch`. RLIMIT_NPROC counts processes per sandbox only since Linux
5.14, and never for root, who has `cgroups`; elsewhere it would count the owner's other processes. There `watch`
counts, which stops a task that starts many processes but not a fork bomb: that starves the watcher, too.
"""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from typing import List

from njangi_agent.protocol import TaskDefinition

PROCESSES = 256
LEAST_MEMORY = 32 * 1024 * 1024
"""No attempt is held to less: a shell starts with 256 KiB, a Python that imports this and that with 12 MiB."""
LEAST_STORAGE = 1024 * 1024
LAUNCHER = "njangi-launch"
_BLOCK = 512  # what POSIX `ulimit -f` counts in


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds. `cpu` is CPU time of one process."""

    memory: int
    storage: int
    wall: float
    cpu: int
    processes: int = PROCESSES

    @property
    def most_processes(self) -> int:
        """Where the kernel stops a fork bomb: beyond `processes`, so that `watch` can tell it for what it is."""
        return 2 * self.processes


def limits_of(task: TaskDefinition) -> Limits:
    """Return what an attempt at the task may use: what it asks for, and at least what a program needs to start."""
    cores = max(1.0, task.cpu, float(os.cpu_count() or 1))
    return Limits(
        memory=max(task.memory, LEAST_MEMORY),
        storage=max(task.storage, LEAST_STORAGE),
        wall=task.start_to_close,
        cpu=math.ceil(task.start_to_close * cores) + 1,
    )


def launcher(limits: Limits, *, count_processes: bool) -> List[str]:
    """Return the argument vector to put before a command.

    A shell sets the limits and stays as the parent: process 1 of a sandbox ignores signals that it has
    no handler for, so the task's program must not be process 1. A program that cannot be started
    makes the shell complain under the name LAUNCHER and exit with 126 or 127.
    """
    settings = [
        "ulimit -c 0",
        f"ulimit -t {limits.cpu}",
        f"ulimit -f {math.ceil(limits.storage / _BLOCK)}",
        f"ulimit -d {math.ceil(limits.memory / 1024)}",
    ]
    if count_processes:
        settings.append(f"ulimit -u {limits.most_processes} || ulimit -p {limits.most_processes}")
    script = "{ " + "; ".join(settings) + '; } 2>/dev/null; "$@"; exit $?'
    return ["/bin/sh", "-c", script, LAUNCHER]


def processes_are_counted_per_sandbox() -> bool:
    if platform.system() != "Linux":
        return False
    major, minor = (int("".join(filter(str.isdigit, part)) or 0) for part in platform.release().split(".")[:2])
    return (major, minor) >= (5, 14) and os.getuid() != 0
