"""Execute one task of a run, of whatever kind: from what it waits for to how it ended."""

from __future__ import annotations

import abc
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from njangi_flows.engine.errors import LeaseTakenError, RunHasEndedError
from njangi_flows.engine.inputs import ResultRef
from njangi_flows.engine.nodes import node_id
from njangi_flows.engine.run_lease import HeldRun, Stop, StoppedError
from njangi_flows.errors import FlowsError
from njangi_flows.protocol import TaskChange, ToldTask
from njangi_flows.runs.endings import ending
from njangi_flows.workflow.placeholders.filling import NotFilledError


class TaskEnding(enum.Enum):
    """How a task ended for those that depend on it."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """How a task ended; `node` is the Prefect task run that stands for it, `error` says why it failed.

    `parts` are all its parts and those that failed, which it tolerates.
    """

    ending: TaskEnding
    node: UUID | None = None
    result: ResultRef | None = None
    error: str | None = None
    parts: tuple[int, int] = (0, 0)


class TaskFailedError(FlowsError):
    """Says by itself which task failed and why."""


def _why(task: str, error: Exception) -> str:
    """Return the sentence that says why a task failed."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, TaskFailedError):
        return str(error)
    if isinstance(error, NotFilledError):
        return ending(error.code, task=task, place=".".join(map(str, error.place)), name=error.name, given=error.given)
    return ending("task-error", task=task, type=type(error).__name__, error=str(error))


class TaskExecution(abc.ABC):
    """One task of one run, of whatever kind. Kinds differ in their work."""

    def __init__(self, held: HeldRun, name: str, flow_run_id: UUID) -> None:
        self._held = held
        self._name = name
        self._flow_run_id = flow_run_id
        self._key = f"{held.id}/{name}"
        self._known = next((known for known in held.run.tasks if known.name == name), None)
        self._error: str | None = None  # why it failed, once that is told
        known = self._known
        self._parts = (known.parts, known.failed_parts) if known is not None else (0, 0)

    @abc.abstractmethod
    async def _work(self, upstream: Mapping[str, TaskOutcome]) -> ResultRef:
        """Do what the task is there for and return its result. Raises StoppedError, TaskFailedError."""

    async def execute(self, upstream: Mapping[str, TaskOutcome]) -> TaskOutcome:
        """Bring the task to its end once all of `upstream` have ended. Raises StoppedError."""
        if any(outcome.ending is not TaskEnding.COMPLETED for outcome in upstream.values()):
            await self._tell(TaskChange("SKIPPED"))
            return TaskOutcome(TaskEnding.SKIPPED)
        if self._known is not None and self._known.status == TaskEnding.COMPLETED.value:
            kept = await self._held.service.task_result(self._held.lease, self._name)
            ref = ResultRef(kept.result, kept.blob, kept.raw)
            return TaskOutcome(TaskEnding.COMPLETED, self._last_node(), ref, parts=self._parts)
        if self._known is not None and self._known.status == TaskEnding.FAILED.value:
            return TaskOutcome(TaskEnding.FAILED, self._last_node(), error=self._known.error)
        try:
            result = await self._work(upstream)
        except Exception as raised:
            error = _cause(raised)
            if isinstance(error, StoppedError):
                raise error from raised
            self._stop_if_lost(error)
            if self._held.stop.reason is not None:
                raise StoppedError(self._held.stop.reason) from error
            message = _why(self._name, error)
            await self._tell_failed(message)
            return TaskOutcome(TaskEnding.FAILED, self._last_node(), error=message)
        await self._tell(TaskChange("COMPLETED", result=result.text, blob=result.blob, raw=result.raw))
        return TaskOutcome(TaskEnding.COMPLETED, self._last_node(), result, parts=self._parts)

    def _stop_if_lost(self, error: Exception) -> None:
        if isinstance(error, (LeaseTakenError, RunHasEndedError)):
            self._held.stop.set(Stop.LEASE_LOST)

    async def _tell(self, change: TaskChange) -> ToldTask:
        told = await self._held.service.put_task(self._held.lease, self._name, change)
        self._parts = told.parts, told.failed_parts
        return told

    async def _tell_failed(self, error: str | None, first: Mapping[str, str] | None = None) -> str:
        """Tell that the task failed, once, and return why; the service cancels whatever of it has not ended.

        Without an `error` the service says how many subtasks failed, of which `first` is one.
        """
        if self._error is None:
            told = await self._tell(TaskChange("FAILED", error=error, first=first))
            self._error = told.error or error or ""
        return self._error

    def _last_node(self) -> UUID:
        return node_id(self._flow_run_id, self._key)


def _cause(error: Exception) -> Exception:
    """Return the first error of a group: what ends one of several that go on together is told as itself."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
