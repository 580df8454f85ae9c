"""Run command tasks: one attempt, one fresh folder, one process tree, one exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Mapping, Optional, Sequence, Tuple

from njangi_agent.cache import Cache
from njangi_agent.errors import AttemptFailedError
from njangi_agent.executors.details import Details, Tell, lay_out
from njangi_agent.executors.inputs import files_of, parameters_of
from njangi_agent.executors.missing_software import lack_of_command
from njangi_agent.executors.output import answer_of, open_plain
from njangi_agent.executors.reports import Results, failed
from njangi_agent.output_tails import Tail, Written, shown
from njangi_agent.protocol import OUTPUT_TAIL_BYTES, Lease, Outcome, Report, TaskDefinition
from njangi_agent.sandbox.arguments import render, startable
from njangi_agent.sandbox.folder import CHECKPOINT, HEARTBEAT, Folder
from njangi_agent.sandbox.isolation import Sandbox
from njangi_agent.sandbox.limits import LAUNCHER, Limits, launcher, limits_of
from njangi_agent.sandbox.process import Exit, Process, draining, exit_message, start
from njangi_agent.sandbox.usage_watch import memory_exceeded, watch

_SETTLE_SECONDS = 1.0
_LAST_WORDS = 4096  # characters of standard error in which a lack of memory is looked for
_OUT_OF_MEMORY = ("MemoryError", "Cannot allocate memory", "out of memory", "std::bad_alloc", "OutOfMemoryError")


class Commands:
    """Runs one command attempt at a time."""

    def __init__(self, sandbox: Sandbox, cache: Cache, results: Results, work: Path) -> None:
        self._sandbox = sandbox
        self._cache = cache
        self._results = results
        self._work = work

    async def run(self, task: TaskDefinition, lease: Lease, tell: Tell) -> Report:
        """Carry out the attempt and `tell` what it tells meanwhile. Cancelling it kills everything it started."""
        began = time.monotonic()
        try:
            async with self._cache.holding(files_of(task)) as files:
                parameters = await parameters_of(lease, self._cache)
                argv = render(task.command or (), parameters, task.paths)
                with Folder(self._work) as folder:
                    await lay_out(lease, folder.notes / CHECKPOINT, self._cache)
                    details = Details(folder, limits_of(task).storage, self._results.store, tell)
                    details.begin(lease, folder.notes / HEARTBEAT)
                    async with details.following():
                        used, stopped, stderr = await self._execute(task, argv, folder, files)
                        seconds = time.monotonic() - began
                        try:
                            _judge(used, stopped, stderr.text(), folder, task)
                            loop = asyncio.get_running_loop()
                            answer = await loop.run_in_executor(
                                None, answer_of, task.parse, folder.stdout, folder.result
                            )
                        except AttemptFailedError as error:
                            stderr.add(details.complaint.encode())
                            error.written = _written(folder.stdout, stderr)
                            raise
                    stderr.add(details.complaint.encode())
                    written = Written("", stderr.text(), folder.stdout.stat().st_size, stderr.size)
                    return await self._results.returned(lease, answer, seconds, used.cpu_seconds, used.memory, written)
        except AttemptFailedError as error:
            return failed(lease, error, time.monotonic() - began)

    async def _execute(
        self, task: TaskDefinition, argv: Sequence[str], folder: Folder, files: Mapping[str, Path]
    ) -> Tuple[Exit, Optional[AttemptFailedError], Tail]:
        """Run the command; return how it ended, why it was stopped if it was, and the end of its standard error.

        Raises AttemptFailedError when it does not start.
        """
        limits = limits_of(task)
        shell = launcher(limits, count_processes=self._sandbox.counts_processes)
        # Process 1 is the launching shell, not the task's program.
        argv = startable(argv, folder.notes, self._sandbox.python)
        launch = self._sandbox.launch(folder, files, [*shell, *argv])
        folder.measure()
        with self._sandbox.group(limits) as group:
            with folder.stdout.open("xb") as stdout:
                try:
                    process = start([*group.launcher, *launch.argv], cwd=launch.cwd, env=launch.env, stdout=stdout)
                except (OSError, ValueError) as error:
                    raise AttemptFailedError("CannotStart", f"{error}") from error
            try:
                async with draining(process.stderr) as stderr:
                    stopped = await _supervise(process, folder, limits)
                    process.kill()
                    used = await process.wait()
                    await stderr.settle(_SETTLE_SECONDS)
                    if stopped is None and used.code != 0 and group.ran_out_of_memory():
                        stopped = memory_exceeded(limits)
                    return used, stopped, stderr.tail
            finally:
                process.kill()


async def _supervise(process: Process, folder: Folder, limits: Limits) -> Optional[AttemptFailedError]:
    """Return None when the process has ended by itself, or why it has to be stopped."""
    ended = asyncio.ensure_future(process.wait())
    watcher = asyncio.ensure_future(watch(process.pid, folder, limits))
    try:
        await asyncio.wait({ended, watcher}, timeout=limits.wall, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return None
        if watcher.done():
            return watcher.result()
        return AttemptFailedError("TimedOut", f"it took longer than {limits.wall:g} seconds")
    finally:
        ended.cancel()
        watcher.cancel()


def _judge(
    used: Exit, stopped: Optional[AttemptFailedError], stderr: str, folder: Folder, task: TaskDefinition
) -> None:
    """Raise AttemptFailedError unless the process ended well and within its limits."""
    limits, files = limits_of(task), [file.name for file in task.files]
    if folder.stdout.stat().st_size >= limits.storage:
        raise AttemptFailedError("OutputTooLarge", f"it wrote {limits.storage} bytes or more to standard output")
    if stopped is not None:
        raise stopped
    if used.code == 0:
        return
    lacking = lack_of_command(used.code, stderr, files)
    if lacking is not None:
        raise AttemptFailedError("CannotStart", lacking, outcome=Outcome.REFUSED)
    if used.code in (126, 127) and stderr.startswith(f"{LAUNCHER}:"):
        raise AttemptFailedError("CannotStart", stderr.strip().partition(": ")[2])
    if used.code == 1 and stderr.startswith("bwrap: "):
        raise AttemptFailedError("CannotStart", stderr.strip(), outcome=Outcome.REFUSED)
    if used.code == 128 + signal.SIGXCPU:
        raise AttemptFailedError("TimedOut", f"it used more than {limits.cpu} seconds of CPU time")
    if any(sign in stderr[-_LAST_WORDS:] for sign in _OUT_OF_MEMORY):
        raise AttemptFailedError("MemoryExceeded", memory_exceeded(limits).message)
    raise AttemptFailedError("NonZeroExit", exit_message(used.code))


def _written(stdout: Path, stderr: Tail) -> Written:
    """Return what an attempt wrote that has no result."""
    try:
        with open_plain(stdout) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - OUTPUT_TAIL_BYTES))
            return Written(shown(file.read(OUTPUT_TAIL_BYTES)), stderr.text(), size, stderr.size)
    except AttemptFailedError:  # the task has put something else in its place
        return Written("", stderr.text(), 0, stderr.size)
