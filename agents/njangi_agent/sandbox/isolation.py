"""Decide how a task is isolated from the machine, and build the command line for it.

Bubblewrap gives a task an empty machine: the system's programs, a Python, its own folder, no network
and nobody else's files or processes. Without it a task runs in a session of its own under rlimits
only, and `missing` says what the owner goes without. Which of the two works is found out by trying.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ContextManager, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from njangi_agent.sandbox import cgroups
from njangi_agent.sandbox.cgroups import ControlGroup, Groups
from njangi_agent.sandbox.folder import CHECKPOINT, HEARTBEAT, Folder
from njangi_agent.sandbox.limits import Limits, processes_are_counted_per_sandbox

_PROBE_SECONDS = 20
_TMPFS_BYTES = str(16 * 1024 * 1024)
_UNCAPPED = "a task can start processes without bound and exhaust this machine; do not run the agent as root"
_UNSAFE = (
    "tasks can read this account's files, the agent's secret among them",
    "tasks can use the network",
    "tasks can write wherever this account can",
    "a task's background processes may outlive it",
)


@dataclass(frozen=True)
class Launch:
    """What to start, where, and with which environment."""

    argv: List[str]
    cwd: Optional[str]
    env: Dict[str, str]


@dataclass(frozen=True)
class Python:
    """The interpreter that tasks find as `python3`: the one below any virtual environment."""

    executable: str
    prefix: str

    @property
    def search_path(self) -> str:
        places = [str(Path(self.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        return ":".join(dict.fromkeys(places))


def base_python() -> Python:
    """Return the interpreter below any virtual environment: a sandbox shows the environment to nobody."""
    executable = getattr(sys, "_base_executable", None) or sys.executable
    if sys.prefix != sys.base_prefix and executable == sys.executable:  # before 3.11 Python names the environment's own
        binaries = Path(sys.base_prefix, "bin")
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        places = [binaries / version, binaries / "python3", Path(executable).resolve()]
        executable = str(next((place for place in places if place.exists()), executable))
    return Python(executable, sys.base_prefix)


class NoSandbox:
    """A session of its own and rlimits: keeps out accidents, not intent."""

    name = "none"
    boxed = False
    counts_processes = False

    def __init__(self, python: Python, why: str, groups: Optional[Groups] = None) -> None:
        self._python = python
        self._groups = groups
        self.missing: Tuple[str, ...] = (f"no sandbox: {why}", *_UNSAFE)
        if groups is None:
            self.missing += (_UNCAPPED,)

    @property
    def python(self) -> str:
        return self._python.executable

    def group(self, limits: Limits) -> ContextManager[ControlGroup]:
        """Return the control group to start an attempt in: one without folders where there are none."""
        return self._groups.group(limits) if self._groups else contextlib.nullcontext(ControlGroup(()))

    def launch(self, folder: Folder, inputs: Mapping[str, Path], argv: Sequence[str]) -> Launch:
        for name, source in inputs.items():
            target = folder.box / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        environment = _environment(self._python, folder, str(folder.box), str(folder.tmp), str(folder.notes))
        return Launch(list(argv), str(folder.box), environment)


class Bubblewrap:
    """An unprivileged container without network; what it runs is process 1, so that `wait` accounts for it."""

    name = "bubblewrap"
    boxed = True

    def __init__(self, program: str, python: Python, home: Path, groups: Optional[Groups] = None) -> None:
        self._program = program
        self._python = python
        self._home = home
        self._groups = groups
        self.counts_processes = processes_are_counted_per_sandbox()
        self.missing: Tuple[str, ...] = ("system calls are not filtered",)
        if not self.counts_processes and groups is None:
            self.missing += (_UNCAPPED,)

    @property
    def python(self) -> str:
        return self._python.executable

    def group(self, limits: Limits) -> ContextManager[ControlGroup]:
        """Return the control group to start an attempt in: one without folders where there are none."""
        return self._groups.group(limits) if self._groups else contextlib.nullcontext(ControlGroup(()))

    def launch(self, folder: Folder, inputs: Mapping[str, Path], argv: Sequence[str]) -> Launch:
        files: List[str] = []
        for name, source in inputs.items():
            (folder.box / name).parent.mkdir(parents=True, exist_ok=True)
            files += ["--ro-bind", str(source), f"/box/{name}"]
        command = [
            self._program,
            *_NAMESPACES,
            *_system(self._python),
            *self._hidden(),
            *self._accounts(folder),
            *("--bind", str(folder.tmp), "/tmp", "--bind", str(folder.box), "/box"),
            *("--bind", str(folder.notes), "/njangi"),
            *files,
            *("--remount-ro", "/", "--chdir", "/box"),
            *_variables(_environment(self._python, folder, "/box", "/tmp", "/njangi")),
            "--",
            *argv,
        ]
        return Launch(command, None, {})

    def _accounts(self, folder: Folder) -> List[str]:
        place = folder.path / "etc"
        place.mkdir()
        for name, text in _ACCOUNTS.items():
            (place / name).write_text(text)
        return [word for name in _ACCOUNTS for word in ("--ro-bind", str(place / name), f"/etc/{name}")]

    def _hidden(self) -> List[str]:
        """Cover the agent's home where it lies inside something that tasks may read."""
        home = str(self._home)
        shown = ("/usr/", self._python.prefix.rstrip("/") + "/")
        return ["--tmpfs", home, "--remount-ro", home] if home.startswith(shown) else []


Sandbox = Union[Bubblewrap, NoSandbox]

_NAMESPACES = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session"),
    *("--as-pid-1", "--cap-drop", "ALL", "--clearenv", "--uid", "1000", "--gid", "1000", "--hostname", "box"),
)


_SETTINGS = (
    *("R", "alternatives", "fonts", "ghostscript", "gnuplot", "ImageMagick-*", "java-*", "julia", "ld.so.cache"),
    *(
        "ld.so.conf",
        "ld.so.conf.d",
        "magic",
        "mime.types",
        "octave*",
        "openmpi*",
        "papersize",
        "perl",
        "povray",
        "texmf",
    ),
)
"""What programs read of /etc before they start: how they were installed, nothing of this machine's people."""
_ACCOUNTS = {
    "passwd": "box:x:1000:1000:box:/box:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "group": "box:x:1000:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost box\n::1 localhost box\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""Files of /etc that many programs want, as they are inside: with one account and one machine."""


def _system(python: Python) -> List[str]:
    mounts = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            mounts += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            mounts += ["--ro-bind", str(path), str(path)]
    if not python.prefix.startswith("/usr"):
        mounts += ["--ro-bind", python.prefix, python.prefix]
    for path in sorted(path for name in _SETTINGS for path in Path("/etc").glob(name)):
        mounts += ["--ro-bind-try", str(path), str(path)]
    mounts += ["--proc", "/proc", "--dev", "/dev"]
    return [*mounts, "--size", _TMPFS_BYTES, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]


def _environment(python: Python, folder: Folder, home: str, temporary: str, notes: str) -> Dict[str, str]:
    environment = {"PATH": python.search_path, "HOME": home, "TMPDIR": temporary, "LANG": "C.UTF-8"}
    environment["NJANGI_HEARTBEAT"] = f"{notes}/{HEARTBEAT}"
    if (folder.notes / CHECKPOINT).exists():
        environment["NJANGI_CHECKPOINT"] = f"{notes}/{CHECKPOINT}"
    return environment


def _variables(environment: Mapping[str, str]) -> List[str]:
    return [word for name, value in environment.items() for word in ("--setenv", name, value)]


def detect(home: Path) -> Sandbox:
    """Return the best protection that works here, by running a probe in it."""
    python = base_python()
    program = shutil.which("bwrap")
    groups = cgroups.detect() if os.getuid() == 0 else None
    if program is None:
        return NoSandbox(python, "bubblewrap is not installed", groups)
    found = Bubblewrap(program, python, home.resolve(), groups)
    why = _probe(found, home)
    return found if why is None else NoSandbox(python, why, groups)


def _probe(sandbox: Bubblewrap, home: Path) -> Optional[str]:
    """Return why Python does not run in the sandbox, or None if it does."""
    with Folder(home / "work") as folder:
        argv = [sandbox.python, "-IS", "-c", "import os; os.mkdir('probe'); print(os.getpid())"]
        launch = sandbox.launch(folder, {}, argv)
        try:
            done = subprocess.run(
                launch.argv, env=launch.env, capture_output=True, timeout=_PROBE_SECONDS, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"bubblewrap does not run: {error}"
    if done.returncode == 0 and done.stdout.strip() == b"1":
        return None
    lines = done.stderr.decode("utf-8", errors="replace").strip().splitlines()
    return f"bubblewrap does not work here: {lines[-1] if lines else f'exit code {done.returncode}'}"[:180]
