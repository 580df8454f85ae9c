"""Describe this machine to the service."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from njangi_agent.protocol import Machine
from njangi_agent.sandbox.isolation import Sandbox


def describe(home: Path, sandbox: Sandbox) -> Machine:
    disk = os.statvfs(home)
    return Machine(
        os=platform.system(),
        arch=platform.machine(),
        python=platform.python_version(),
        cpu=cores(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        storage=disk.f_bavail * disk.f_frsize,
        sandbox=sandbox.name,
        missing=sandbox.missing,
    )


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
