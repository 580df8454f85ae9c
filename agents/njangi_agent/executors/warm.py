"""One warm interpreter, seen from the agent: start it, send bundles, read its answers with suspicion."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import signal
import subprocess
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, AsyncGenerator, Mapping, Optional, Sequence, Tuple

from njangi_agent.dialect import loads
from njangi_agent.errors import AgentError, AttemptFailedError
from njangi_agent.executors.captured_output import Printed
from njangi_agent.executors.missing_software import module_lacking
from njangi_agent.executors.output import JSON_BYTES
from njangi_agent.output_tails import NOTHING, Written
from njangi_agent.protocol import MESSAGE_CHARACTERS, Outcome, TaskDefinition
from njangi_agent.sandbox.cgroups import ControlGroup
from njangi_agent.sandbox.folder import Folder
from njangi_agent.sandbox.isolation import Sandbox
from njangi_agent.sandbox.limits import limits_of
from njangi_agent.sandbox.process import Process, exit_message, start
from njangi_agent.sandbox.usage_watch import memory_exceeded, watch

_HEADER_BYTES = 64 * 1024
_SETTLE_SECONDS = 0.5


@dataclass(frozen=True)
class Frame:
    """What the interpreter says. Made by the task's own process, so every field is only a claim."""

    kind: str
    number: int
    cpu_seconds: float
    memory: int
    payload: bytes
    written: Written = NOTHING


class SpoiledError(AgentError):
    """The interpreter cannot give its next call what the first one found; another one can."""


class Interpreter:
    """Holds one task's code. After any AttemptFailedError it is dead, whatever raised it: close it."""

    def __init__(
        self,
        task: TaskDefinition,
        process: Process,
        folder: Folder,
        group: ControlGroup,
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self.task = task
        self.folder = folder
        self._group = group
        self._process = process
        self._stack = stack
        self._mark = secrets.token_hex(16)
        self._answered = 0
        self._limits = limits_of(task)
        self._most = min(self._limits.storage, JSON_BYTES)
        self._files = [str(PurePosixPath(file.name)) for file in task.files]
        self._late: Optional[AttemptFailedError] = None

    @classmethod
    async def start(cls, task: TaskDefinition, sandbox: Sandbox, work: Path, files: Mapping[str, Path]) -> Interpreter:
        """Raises AttemptFailedError when the task's source does not run, or the sandbox does not start."""
        async with contextlib.AsyncExitStack() as stack:
            group = stack.enter_context(sandbox.group(limits_of(task)))
            folder = stack.enter_context(Folder(work))
            argv = [sandbox.python, "-IS", "-c", _program()]
            launch = sandbox.launch(folder, files, argv)
            reading, writing = os.pipe()
            stack.callback(os.close, reading)
            try:
                process = start(
                    [*group.launcher, *launch.argv],
                    cwd=launch.cwd,
                    env=launch.env,
                    stdin=subprocess.PIPE,
                    handles=[writing],
                )
            except (OSError, ValueError) as error:
                raise AttemptFailedError("CannotStart", str(error), outcome=Outcome.REFUSED) from error
            finally:
                os.close(writing)
            stack.push_async_callback(_end, process)
            interpreter = cls(task, process, folder, group, stack)
            await interpreter._connect(sandbox, reading, writing)
            interpreter._stack = stack.pop_all()
        return interpreter

    async def close(self) -> None:
        await self._stack.aclose()

    async def answers(self, calls: Sequence[Mapping[str, Any]]) -> AsyncGenerator[Frame, None]:
        """Yield a frame for each call in order. Raises AttemptFailedError for the call that was running.

        Raises SpoiledError when the calls that were not answered need another interpreter.
        """
        self._requests.write(json.dumps(calls, separators=(",", ":")).encode("ascii") + b"\n")
        self.folder.measure()
        watcher = asyncio.ensure_future(watch(self._process.pid, self.folder, self._limits))
        watcher.add_done_callback(self._stop)
        try:
            for number in range(len(calls)):
                frame = await self._read()
                if frame.kind == "ended":
                    raise self._crashed(frame.number)
                if frame.kind == "spoiled" and self._answered:
                    raise SpoiledError()
                if frame.kind == "spoiled":
                    raise AttemptFailedError("Crashed", "its source changes the input files when it is loaded")
                if frame.kind not in ("ok", "error") or frame.number != number:
                    raise self._garbled()
                self._answered += 1
                yield replace(frame, written=self._written())
            if (await self._read()).kind != "ended":
                raise self._garbled()
        finally:
            watcher.cancel()
        self.folder.clear(keep=self._files)

    async def _connect(self, sandbox: Sandbox, output: int, outputs: int) -> None:
        """Speak with the interpreter: what it writes to `outputs`, its number of a descriptor, arrives at `output`."""
        loop = asyncio.get_running_loop()
        self._answers = asyncio.StreamReader(limit=_HEADER_BYTES)
        reading, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._answers), self._process.stdout
        )
        self._stack.callback(reading.close)
        # A stray process may hold the pipe open for ever: its end is not what tells of the interpreter's.
        self._process.when_ended(lambda: loop.call_later(_SETTLE_SECONDS, reading.close))
        mark = self._mark.encode("ascii")
        self._stdout = Printed(output, mark)
        self._stack.callback(self._stdout.close)
        with self._process.stderr as pipe:
            self._stderr = Printed(pipe.fileno(), mark)
        self._stack.callback(self._stderr.close)
        writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, self._process.stdin)
        self._requests: asyncio.WriteTransport = writing
        self._stack.callback(_abandon, writing)
        first = {
            "source": self.task.source,
            "function": self.task.function,
            "values": self.task.values,
            "boxed": sandbox.boxed,
            "isolate": self.task.isolate,
            "files": self._files,
            "output": outputs,
            "mark": self._mark,
            "memory": self._limits.memory,
            "storage": self._limits.storage,
            "cpu": self._limits.cpu,
            "processes": self._limits.most_processes if sandbox.counts_processes else 0,
            "result": self._most,
        }
        self._requests.write(json.dumps(first).encode("ascii") + b"\n")
        frame = await self._read()
        if frame.kind == "broken":
            raise failure_of(replace(frame, written=self._written()))
        if frame.kind != "ready":
            raise self._garbled()
        self._written()  # what the task's source wrote when it was run: once, for no call

    async def _read(self) -> Frame:
        timer = asyncio.get_running_loop().call_later(self._limits.wall, self._overdue)
        try:
            header = await self._answers.readline()
            if not header.endswith(b"\n"):
                raise await self._died()
            kind, number, cpu_seconds, memory, length = _header(header)
            if length > self._most + 4 * MESSAGE_CHARACTERS:
                raise ValueError("too long")
            payload = await self._answers.readexactly(length) if length else b""
            return Frame(kind, number, cpu_seconds, memory, payload)
        except asyncio.IncompleteReadError as error:
            raise await self._died() from error
        except (ValueError, RecursionError) as error:
            raise self._garbled() from error
        finally:
            timer.cancel()

    def _overdue(self) -> None:
        self._late = AttemptFailedError("TimedOut", f"it took longer than {self._limits.wall:g} seconds")
        self._process.kill()

    def _stop(self, watcher: asyncio.Task[AttemptFailedError]) -> None:
        if not watcher.cancelled() and watcher.exception() is None:
            self._late = watcher.result()
            self._process.kill()

    def _garbled(self) -> AttemptFailedError:
        return AttemptFailedError("Crashed", "its interpreter wrote something else than answers", self._written())

    def _crashed(self, status: int) -> AttemptFailedError:
        written = self._written()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGKILL and self._group.ran_out_of_memory():
                return AttemptFailedError("MemoryExceeded", memory_exceeded(self._limits).message, written)
            if number == signal.SIGXCPU:
                return AttemptFailedError(
                    "TimedOut", f"it used more than {self._limits.cpu} seconds of CPU time", written
                )
            return AttemptFailedError("Crashed", exit_message(-number), written)
        return AttemptFailedError("Crashed", f"it left with {exit_message(os.WEXITSTATUS(status))}", written)

    async def _died(self) -> AttemptFailedError:
        used = await self._process.wait()
        written = self._written()
        if self._late is not None:
            return AttemptFailedError(self._late.type, self._late.message, written)
        if used.code == 1 and written.stderr.startswith("bwrap: "):
            return AttemptFailedError("CannotStart", written.stderr.strip(), written, Outcome.REFUSED)
        return AttemptFailedError("Crashed", f"its interpreter ended: {exit_message(used.code)}", written)

    def _written(self) -> Written:
        """Take what the call wrote that was answered or died last."""
        (stdout, stdout_bytes), (stderr, stderr_bytes) = self._stdout.take(), self._stderr.take()
        return Written(stdout, stderr, stdout_bytes, stderr_bytes)


def failure_of(frame: Frame) -> AttemptFailedError:
    """Read the error that a payload claims."""
    try:
        fields = json.loads(frame.payload)
        type_, message, module = str(fields["type"]), str(fields["message"]), fields.get("module")
        lacking = module_lacking(type_, message, module) if isinstance(module, str) else None
        if lacking is not None:
            return AttemptFailedError(type_, lacking, frame.written, Outcome.REFUSED)
        return AttemptFailedError(type_, message, frame.written)
    except (ValueError, KeyError, TypeError, RecursionError):
        return AttemptFailedError("Crashed", "its interpreter described an error in no known form", frame.written)


def _header(line: bytes) -> Tuple[str, int, float, int, int]:
    fields = loads(line)
    if not isinstance(fields, list) or list(map(type, fields)) != [str, int, float, int, int] or min(fields[1:]) < 0:
        raise ValueError("no header")
    kind, number, cpu_seconds, memory, length = fields
    return kind, number, min(cpu_seconds, 1e9), min(memory, 2**62), length


def _abandon(requests: asyncio.WriteTransport) -> None:
    if not requests.is_closing():
        requests.abort()


async def _end(process: Process) -> None:
    process.kill()
    await process.wait()


_MODULES = ("dialect", "codec", "sandbox.removal", "executors.fresh", "executors.installed")
"""What `zygote` imports of the agent, in order of need."""

_BOOT = """
import sys

def module(name):
    made = sys.modules[name] = type(sys)(name)
    made.__path__ = []
    package, _, leaf = name.rpartition(".")
    if package:
        setattr(sys.modules.get(package) or module(package), leaf, made)
    return made

for name, source in SOURCES:
    exec(compile(source, name.replace(".", "/") + ".py", "exec"), module(name).__dict__)
exec(compile(ZYGOTE, "njangi_agent/executors/zygote.py", "exec"), {"__name__": "__main__"})
"""


@lru_cache(maxsize=1)
def _program() -> str:
    """Return the program of the interpreter: the source of `zygote` after those of what it imports."""
    sources = [(name, _source(name)) for name in (f"njangi_agent.{module}" for module in _MODULES)]
    return f"SOURCES = {sources!r}\nZYGOTE = {_source('njangi_agent.executors.zygote')!r}\n{_BOOT}"


def _source(name: str) -> str:
    """Return the source of one of our modules, also out of a zip archive."""
    found = importlib.util.find_spec(name)
    source = found.loader.get_source(name) if found and found.loader else None  # type: ignore[attr-defined]
    if not isinstance(source, str):
        raise FileNotFoundError(f"the source of {name}")
    return source
