"""Limit a task's processes and their memory by control groups, where this account may make them.

Root may: it is the one account whose processes no rlimit caps. Both versions of the kernel's interface are spoken,
the first with a hierarchy of folders per controller, the second with one for all. Elsewhere `limits` and `watch` do.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from njangi_agent.sandbox.limits import LAUNCHER, Limits

_MOUNT = Path("/sys/fs/cgroup")
_PREFIX = "njangi-agent-"
_CONTROLLERS = ("pids", "memory")
_SLACK = 64 * 1024 * 1024  # for the launcher, the sandbox and the interpreter's own process
_REMOVAL_SECONDS = 1.0


@dataclass(frozen=True)
class ControlGroup:
    """One attempt's group: a folder per hierarchy."""

    folders: Sequence[Path]

    @property
    def launcher(self) -> List[str]:
        """Return what to put before a command line so that it runs in this group."""
        joins = [f"echo 0 > {shlex.quote(str(folder / 'cgroup.procs'))} || exit 126" for folder in self.folders]
        return ["/bin/sh", "-c", "; ".join([*joins, 'exec "$@"']), LAUNCHER]

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of the group because its memory was used up."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    counts = dict(line.split() for line in (folder / name).read_text().splitlines())
                    if counts.get("oom_kill", "0") != "0":
                        return True
        return False


class Groups:
    """Makes a group for each attempt below this agent's own, `parents`: one per hierarchy."""

    def __init__(self, parents: Sequence[Path]) -> None:
        self._parents = parents

    @contextlib.contextmanager
    def group(self, limits: Limits) -> Iterator[ControlGroup]:
        """Yield a new group under `limits`, gone afterwards with all that ran in it. Raises OSError."""
        made: List[Path] = []
        try:
            for parent in self._parents:
                folder = Path(tempfile.mkdtemp(dir=parent))
                made.append(folder)
                _set(folder / "pids.max", limits.most_processes)
                _set(folder / "memory.limit_in_bytes", limits.memory + _SLACK)
                _set(folder / "memory.max", limits.memory + _SLACK)
                _set(folder / "memory.swap.max", 0)
            yield ControlGroup(made)
        finally:
            for folder in made:
                _remove(folder)


def detect(mount: Path = _MOUNT) -> Optional[Groups]:
    """Return where this agent can make groups, None where it cannot."""
    try:
        places = _version_2(mount) if (mount / "cgroup.controllers").exists() else _version_1(mount)
        for place in places:
            _forget_the_dead(place)
        parents = [place / f"{_PREFIX}{os.getpid()}" for place in places]
        for parent in parents:
            parent.mkdir(exist_ok=True)
            if (parent / "cgroup.subtree_control").exists():
                (parent / "cgroup.subtree_control").write_text(_enable())
        groups = Groups(parents)
        with groups.group(Limits(memory=_SLACK, storage=0, wall=0.0, cpu=0)) as probe:
            if not any((folder / "pids.max").exists() for folder in probe.folders):
                return None
        return groups
    except OSError:
        return None


def _version_1(mount: Path) -> List[Path]:
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        own.update(dict.fromkeys(names.split(","), path.lstrip("/")))
    places = [mount / name / own.get(name, "") for name in _CONTROLLERS]
    return [place if place.is_dir() else mount / name for place, name in zip(places, _CONTROLLERS)]


def _version_2(mount: Path) -> List[Path]:
    (mount / "cgroup.subtree_control").write_text(_enable())
    return [mount]


def _enable() -> str:
    return " ".join(f"+{name}" for name in _CONTROLLERS)


def _set(file: Path, value: int) -> None:
    """Write a limit where this hierarchy has it."""
    if file.exists():
        file.write_text(str(value))


def _forget_the_dead(place: Path) -> None:
    """Remove what agents left behind that were killed."""
    for left in place.glob(f"{_PREFIX}*"):
        pid = left.name[len(_PREFIX) :]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            for folder in [*left.glob("*/"), left]:
                _remove(folder, 0.0)


def _remove(folder: Path, seconds: float = _REMOVAL_SECONDS) -> None:
    """Remove a group; its processes have been killed and may need a moment to be gone."""
    end = time.monotonic() + seconds
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() >= end:
                return
            time.sleep(0.005)
