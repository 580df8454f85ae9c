"""Execute the tasks without volunteers: sleeps, waits for signals, runs of other workflows.

Each is one Prefect task run that waits through the run's long poll. Nothing is lost with the process: the end
of a sleep or a wait is fixed by the service when the task begins and kept in its plan, a signal is given to the same
task again, and a second start of the run finds the child run that the first one started. A task that was set back to
PENDING gets another end; its child the service has begun again, or let go for another.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import Pause
from prefect.states import Cancelled, Completed
from pydantic import JsonValue

from njangi_flows.engine.errors import LeaseTakenError, RunHasEndedError, ServiceError
from njangi_flows.engine.inputs import ResultRef, gather_inputs, stored_result
from njangi_flows.engine.long_poll import Waits
from njangi_flows.engine.nodes import node, run_node
from njangi_flows.engine.run_lease import Stop, StoppedError
from njangi_flows.engine.task_execution import TaskExecution, TaskFailedError, TaskOutcome
from njangi_flows.protocol import BegunWait, TaskChange, Wait, WaitEnding
from njangi_flows.runs.endings import ending
from njangi_flows.workflow.spec import TaskSpec, WorkflowSpec


class SignalTimeoutError(TaskFailedError):
    """No signal of that name came in time."""

    def __init__(self, task: str, signal: str, until: datetime | None) -> None:
        super().__init__(task, signal, until)
        self.task = task
        self.signal = signal
        self.until = until

    def __str__(self) -> str:
        until = f"{self.until:%Y-%m-%d %H:%M:%S} UTC" if self.until else "its end"
        return ending("no-signal", task=self.task, signal=self.signal, until=until)


class ChildFailedError(TaskFailedError):
    """The child run could not be started, or did not complete."""


class WaitExecution(TaskExecution):
    """A task that waits for something. `failure` is what it failed with in this process."""

    def __init__(self, waits: Waits, name: str, flow_run_id: UUID) -> None:
        super().__init__(waits.held, name, flow_run_id)
        self._waits = waits
        self.failure: Exception | None = None

    @abc.abstractmethod
    async def _begin(self, upstream: Mapping[str, TaskOutcome]) -> None:
        """Tell the service that the task runs, with what a second start must find again."""

    @abc.abstractmethod
    async def _awaited(self) -> ResultRef:
        """Wait, and return what came."""

    async def _work(self, upstream: Mapping[str, TaskOutcome]) -> ResultRef:
        kept: list[ResultRef] = []

        async def wait() -> State[Any]:
            try:
                kept.append(await self._awaited())
            except StoppedError as stopped:
                if stopped.reason is Stop.CANCELLED:
                    return Cancelled(message=str(stopped))
                raise Pause(str(stopped)) from stopped
            except Exception as error:
                self._stop_if_lost(error)
                if self._held.stop.reason is Stop.LEASE_LOST:
                    raise Pause(str(error)) from error
                self.failure = error
                raise
            return Completed()

        await self._begin(upstream)
        task = Task(wait, name=self._name, persist_result=False, cache_policy=NO_CACHE, log_prints=False)
        nodes = [outcome.node for outcome in upstream.values() if outcome.node]
        await run_node(task, node(task, self._flow_run_id, self._last_node(), self._key, self._name, nodes), {})
        if kept:
            return kept[0]
        if self.failure is not None:
            raise self.failure
        if self._held.stop.reason is not None:
            raise StoppedError(self._held.stop.reason)
        raise RuntimeError("Prefect ended the task run before what it waits for had come")


class TimedExecution(WaitExecution):
    """A task whose waiting has an end: `seconds` after it begins, by the service's clock. Ours may be wrong."""

    def __init__(self, waits: Waits, name: str, flow_run_id: UUID, seconds: float | None) -> None:
        super().__init__(waits, name, flow_run_id)
        self._seconds = seconds
        known = self._known
        kept = known is not None and known.plan is not None
        self._until = BegunWait.model_validate(known.plan).until if known is not None and kept else None

    async def _begin(self, upstream: Mapping[str, TaskOutcome]) -> None:
        """Have the end fixed, or take the one that an earlier start got."""
        self._until = await self._held.service.begin_wait(self._held.lease, self._name, self._seconds)


class SleepExecution(TimedExecution):
    """A durable timer; its result is null."""

    async def _awaited(self) -> ResultRef:
        await self._waits.ended(Wait(task=self._name, until=self._until))
        return ResultRef(text="null")


class SignalExecution(TimedExecution):
    """A wait for a signal; the result is its payload."""

    def __init__(
        self,
        waits: Waits,
        name: str,
        flow_run_id: UUID,
        signal: str,
        seconds: float | None,
        in_line: asyncio.Event | None = None,
    ) -> None:
        """`in_line` is set when the task waits: what comes from then on may be for it."""
        super().__init__(waits, name, flow_run_id, seconds)
        self._signal = signal
        self._in_line = in_line

    async def _awaited(self) -> ResultRef:
        if self._in_line is not None:
            self._in_line.set()
        ended = await self._waits.ended(Wait(task=self._name, signal=self._signal, until=self._until))
        if ended.ending is not WaitEnding.SIGNAL:
            self._until = ended.until or self._until  # a pause moves it
            raise self.timed_out()
        return ResultRef(text=ended.payload)

    def timed_out(self) -> SignalTimeoutError:
        """Return what a wait that has failed has failed with."""
        return SignalTimeoutError(self._name, self._signal, self._until)


class ChildExecution(WaitExecution):
    """A run of another workflow; the result is {task: result} of its tasks."""

    def __init__(
        self, waits: Waits, spec: WorkflowSpec, task: TaskSpec, given: Mapping[str, JsonValue], flow_run_id: UUID
    ) -> None:
        super().__init__(waits, task.name, flow_run_id)
        self._spec = spec
        self._task = task
        self._given = given
        self._parameters: Mapping[str, JsonValue] = {}

    async def _begin(self, upstream: Mapping[str, TaskOutcome]) -> None:
        results = {name: outcome.result or ResultRef() for name, outcome in upstream.items()}
        inputs = await gather_inputs(self._held, self._spec, self._task, self._given, results)
        self._parameters = inputs.calls.parameters({})
        await self._tell(TaskChange("RUNNING"))

    async def _awaited(self) -> ResultRef:
        service, lease = self._held.service, self._held.lease
        workflow = self._task.workflow or ""
        try:
            await service.start_child(lease, self._name, workflow, self._parameters, self._task.on_parent_cancel)
        except (LeaseTakenError, RunHasEndedError):
            raise
        except ServiceError as error:
            told = ending("child-not-started", task=self._name, workflow=workflow, error=error.detail)
            raise ChildFailedError(told) from error
        await self._waits.ended(Wait(task=self._name, child=True))
        child = await service.child(lease, self._name)
        if child.status != "COMPLETED":
            values = {"task": self._name, "run": child.id, "workflow": child.name, "status": child.status}
            if child.error:
                raise ChildFailedError(ending("child-ended-error", **values, error=child.error))
            raise ChildFailedError(ending("child-ended", **values))
        return await stored_result(service, child.results)


def wait_execution(
    waits: Waits, spec: WorkflowSpec, task: TaskSpec, given: Mapping[str, JsonValue], flow_run_id: UUID
) -> WaitExecution:
    """Return what carries a task that is not on volunteers; `given` are the run's parameters."""
    if task.wait is not None:
        return SignalExecution(waits, task.name, flow_run_id, task.wait.signal, task.wait.timeout)
    if task.sleep is not None:
        return SleepExecution(waits, task.name, flow_run_id, task.sleep)
    return ChildExecution(waits, spec, task, given, flow_run_id)
