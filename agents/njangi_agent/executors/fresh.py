"""Give each call of a bundle a fresh start: empty folders, the same environment, its own output.

Calls of a bundle share one process, which is what makes them cheap. Restored before each: the working folder and what
is in it, the temporary folders, environment, umask, search path, arguments, limit of recursion, tracing, signal
handlers, timers, standard streams; random generators are seeded anew. Not restored: what lives in modules (globals,
caches, settings of libraries), open files, process limits. A call that leaves threads or processes behind is the last
one in its process. Used by `zygote`; imports nothing but `removal`.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from typing import List, Optional, Sequence, Tuple

from njangi_agent.sandbox import removal

_handler = getattr(sys.modules["_signal"], "getsignal")  # noqa: B009 - what `signal.getsignal` makes an enum of
_GENERATORS = ("random", "numpy.random")
"""Seeded anew before each call: processes forked from one would draw the same numbers, one after the other."""
_WRITES = ("utf-8", "surrogateescape", True)
_TIMERS = ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")


class StartState:
    """What every call starts from. Make it before any code of the task has run."""

    def __init__(self, *, boxed: bool, files: Sequence[str], output: int, mark: bytes) -> None:
        self._boxed = boxed
        self._mark = mark
        self._input = os.open(os.devnull, os.O_RDONLY)
        self._output, self._errors = os.dup(output), os.dup(2)
        self._next_read, self._next_write = os.pipe()
        os.set_blocking(self._next_read, False)
        self._box_path = os.getcwd()
        self._box = _opened(self._box_path)
        self._mode = os.fstat(self._box).st_mode
        temporary = [os.environ["TMPDIR"], *(["/dev/shm"] if boxed and os.path.isdir("/dev/shm") else [])]
        self._temporary = [_opened(path) for path in temporary]
        self._files = removal.tree(files)
        self._identity = self._inputs()
        self._processes = os.open("/proc/loadavg", os.O_RDONLY) if os.path.isdir("/proc/self/task") else None
        self._newest: Optional[bytes] = b""
        self._out = self._err = _stream(1)
        self._streams()

    def remember(self) -> None:
        """Take the process as it is now, with the task's source loaded, for what each call starts with."""
        self._environment = dict(os.environ)
        self._path, self._arguments = list(sys.path), list(sys.argv)
        self._recursion = sys.getrecursionlimit()
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._handlers = {int(number): _handler(int(number)) for number in signal.valid_signals()}
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    def forked(self) -> None:
        """Say that this process is a new one: nothing is left over in it."""
        self._newest = self._newest_process()

    def restore(self, **variables: str) -> bool:
        """Make everything as it was, with these variables in the environment beside those that were there.

        Returns False if that is impossible, since the task moved what is not its own.
        """
        for number, handler in self._handlers.items():
            if _handler(number) is not handler and handler is not None:
                with contextlib.suppress(OSError, ValueError):
                    signal.signal(number, handler)
        for timer in _TIMERS:
            signal.setitimer(getattr(signal, timer), 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)
        os.umask(self._umask)
        wanted = {**self._environment, **variables}
        for name in os.environ.keys() - wanted.keys():
            del os.environ[name]
        for name, value in wanted.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        if sys.path != self._path:
            sys.path[:] = self._path
        if sys.argv != self._arguments:
            sys.argv = list(self._arguments)
        sys.setrecursionlimit(self._recursion)
        sys.settrace(None)
        sys.setprofile(None)
        for name in _GENERATORS:
            if name in sys.modules:
                with contextlib.suppress(Exception):
                    sys.modules[name].seed()
        for handle, target in ((self._input, 0), (self._output, 1), (self._errors, 2)):
            os.dup2(handle, target)
        self._streams()
        for folder in self._temporary:
            if not removal.empty(folder, {}):
                return False
        if os.fstat(self._box).st_mode != self._mode:
            os.fchmod(self._box, self._mode & 0o7777)
        os.fchdir(self._box)
        return removal.empty(self._box, self._files) and self._inputs() == self._identity

    def is_left_over(self) -> bool:
        """Whether threads or processes run that were not there when this process began."""
        newest = self._newest_process()
        if newest is not None and newest == self._newest:
            return False  # none was ever made
        self._newest = newest
        if newest is None:
            threading = sys.modules.get("threading")
            return threading is not None and threading.active_count() > 1
        if len(sys._current_frames()) > 1:  # threads that libraries keep to compute with run no code of the task
            return True
        if self._boxed:
            known = {"1", str(os.getpid())}
            return any(name.isdigit() and name not in known for name in os.listdir("/proc"))
        with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as children:
            return bool(children.read().strip())
        return False

    def end_output(self) -> None:
        """Say on both streams that what follows is of the next call."""
        for stream in (sys.stdout, sys.stderr, self._out, self._err):
            with contextlib.suppress(Exception):
                stream.flush()
        os.write(self._output, self._mark)
        os.write(self._errors, self._mark)

    def hand_on(self, number: int) -> None:
        """Leave the call `number` and those after it to another process."""
        os.write(self._next_write, b"%d " % number)

    def handed_on(self) -> Optional[int]:
        """Return the call that a child has left to the next, if it has left one."""
        try:
            return int(os.read(self._next_read, 4096).split()[-1])
        except (OSError, ValueError, IndexError):
            return None

    def _newest_process(self) -> Optional[bytes]:
        """Return the number that was given to a process or thread last, None where that is not to be known."""
        return None if self._processes is None else os.pread(self._processes, 256, 0).rsplit(b" ", 1)[-1]

    def _streams(self) -> None:
        """Make the standard streams what they were; what is read of the input is never kept for later."""
        sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")  # type: ignore[misc]
        if sys.stdout is not self._out or not _is_ours(self._out):
            self._out = sys.stdout = sys.__stdout__ = _stream(1)  # type: ignore[misc]
        if sys.stderr is not self._err or not _is_ours(self._err):
            self._err = sys.stderr = sys.__stderr__ = _stream(2)  # type: ignore[misc]

    def _inputs(self) -> List[Tuple[int, ...]]:
        """Return what tells whether the input files are still those that were laid out."""
        found: List[Tuple[int, ...]] = [_identity(os.stat(self._box_path))]
        _look(self._box, self._files, found, contents=not self._boxed)
        return found


def _opened(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _identity(status: os.stat_result) -> Tuple[int, ...]:
    return (status.st_dev, status.st_ino)


def _look(folder: int, tree: removal.Tree, found: List[Tuple[int, ...]], *, contents: bool) -> None:
    """Add the identity of each folder with inputs, and of each input where a call could change it.

    In a sandbox an input is a mount, which nobody there can change, remove or rename.
    """
    for name, inner in tree.items():
        if inner is None and not contents:
            continue
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            found.append(_identity(status))
            if inner is None:
                found.append((status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
            else:
                handle = removal.open_folder(name, folder)
                try:
                    _look(handle, inner, found, contents=contents)
                finally:
                    os.close(handle)
        except OSError:
            found.append(())


def _is_ours(stream: io.TextIOWrapper) -> bool:
    """Whether a stream still writes as `_stream` made it."""
    try:
        return not stream.closed and (stream.encoding, stream.errors, stream.line_buffering) == _WRITES
    except ValueError:  # it is detached
        return False


def _stream(handle: int) -> io.TextIOWrapper:
    """Return a stream that writes line by line, so that what a killed call has said is not lost."""
    raw = io.FileIO(handle, "wb", closefd=False)
    encoding, errors, by_line = _WRITES
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=by_line)
