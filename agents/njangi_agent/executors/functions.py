"""Run python tasks: bundles of calls in the warm interpreter that holds the task's code."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import Any, Deque, Mapping, Optional, Sequence, Tuple

from njangi_agent.cache import Cache
from njangi_agent.dialect import loads
from njangi_agent.errors import AttemptFailedError
from njangi_agent.executors.details import Details, Tell, lay_out
from njangi_agent.executors.inputs import files_of, parameters_of
from njangi_agent.executors.output import TaskOutput, keep
from njangi_agent.executors.reports import Results, failed
from njangi_agent.executors.warm import Frame, Interpreter, SpoiledError, failure_of
from njangi_agent.protocol import INLINE_RESULT_BYTES, Lease, Outcome, Report, TaskDefinition
from njangi_agent.sandbox.folder import CHECKPOINT, HEARTBEAT, Folder
from njangi_agent.sandbox.isolation import Sandbox
from njangi_agent.sandbox.limits import limits_of

_Call = Tuple[Lease, Mapping[str, Any]]


class Functions:
    """Runs one bundle at a time; keeps the interpreter of the last task for the next bundle."""

    def __init__(self, sandbox: Sandbox, cache: Cache, results: Results, work: Path) -> None:
        self._sandbox = sandbox
        self._cache = cache
        self._results = results
        self._work = work
        self._warm: Optional[Interpreter] = None

    async def run(self, task: TaskDefinition, leases: Sequence[Lease], tell: Tell) -> None:
        """Carry out the leases of one task in order and `tell` each report as soon as it is known.

        The call that was running when its process died fails; those after it run again in a new one.
        Cancelling kills what runs; leases without a report have not been carried out.
        """
        calls: Deque[_Call] = deque()
        for lease in leases:
            try:
                calls.append((lease, await parameters_of(lease, self._cache)))
            except AttemptFailedError as error:
                tell(failed(lease, error, 0.0))
        while calls:
            began = time.monotonic()
            try:
                await self._run(task, calls, tell)
            except SpoiledError:
                continue  # with another interpreter
            except AttemptFailedError as error:
                if calls:  # else it ended badly after its last answer, which is nobody's failure
                    lease, _ = calls.popleft()
                    tell(failed(lease, error, time.monotonic() - began))

    async def close(self) -> None:
        """Let go of the interpreter."""
        if self._warm is not None:
            warm, self._warm = self._warm, None
            await warm.close()

    async def _run(self, task: TaskDefinition, calls: Deque[_Call], tell: Tell) -> None:
        """Take the calls that were answered off `calls`; raise AttemptFailedError for the first that was not."""
        try:
            async with self._cache.holding(files_of(task)) as files:
                interpreter = await self._interpreter(task, files)
                details = Details(interpreter.folder, limits_of(task).storage, self._results.store, tell)
                async with details.following():
                    await self._answered(interpreter, calls, details, tell)
        except BaseException:
            await self.close()
            raise

    async def _answered(self, interpreter: Interpreter, calls: Deque[_Call], details: Details, tell: Tell) -> None:
        notes = interpreter.folder.notes
        for number, (lease, _) in enumerate(calls):
            await lay_out(lease, notes / f"{CHECKPOINT}.{number}", self._cache)
        before = time.monotonic()
        answers = interpreter.answers([parameters for _, parameters in calls])
        try:
            details.begin(calls[0][0], notes / f"{HEARTBEAT}.0")
            async for frame in answers:
                lease, _ = calls[0]
                now = time.monotonic()
                report = await self._report(lease, frame, now - before)
                if report.outcome is not Outcome.RETURNED:
                    await details.look(last=True)
                before = now
                calls.popleft()
                tell(report)
                if calls:
                    details.begin(calls[0][0], notes / f"{HEARTBEAT}.{frame.number + 1}")
                else:
                    details.end()
        finally:
            await answers.aclose()

    async def _interpreter(self, task: TaskDefinition, files: Mapping[str, Path]) -> Interpreter:
        if self._warm is not None and self._warm.task != task:
            await self.close()
        if self._warm is None:
            self._warm = await Interpreter.start(task, self._sandbox, self._work, files)
        return self._warm

    async def _report(self, lease: Lease, frame: Frame, seconds: float) -> Report:
        try:
            if frame.kind == "error":
                raise failure_of(frame)
            if len(frame.payload) <= INLINE_RESULT_BYTES:
                answer = _checked(frame.payload)
            else:
                loop = asyncio.get_running_loop()
                with Folder(self._work) as folder:
                    answer = await loop.run_in_executor(None, _kept, frame.payload, folder.result)
                    return await self._returned(lease, answer, frame, seconds)
            return await self._returned(lease, answer, frame, seconds)
        except AttemptFailedError as error:
            error.written = frame.written
            return failed(lease, error, seconds)

    async def _returned(self, lease: Lease, answer: TaskOutput, frame: Frame, seconds: float) -> Report:
        return await self._results.returned(lease, answer, seconds, frame.cpu_seconds, frame.memory, frame.written)


def _checked(payload: bytes) -> TaskOutput:
    try:
        text = payload.decode("ascii")
        loads(text)
    except ValueError as error:
        raise AttemptFailedError("BadOutput", f"its result is not JSON: {error}") from error
    return TaskOutput(len(text), text=text)


def _kept(payload: bytes, path: Path) -> TaskOutput:
    text = _checked(payload).text or ""
    return keep(iter((text,)), path)
