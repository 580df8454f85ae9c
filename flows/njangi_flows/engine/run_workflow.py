"""The one generic Prefect flow: execute a run, from its spec to its results."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.states import Cancelled, Completed, Failed

from njangi_flows.engine import compile as compiler
from njangi_flows.engine.errors import LeaseTakenError, RunHasEndedError, RunHeldElsewhereError
from njangi_flows.engine.heartbeats import open_heart
from njangi_flows.engine.long_poll import Waiting, Waits
from njangi_flows.engine.run_lease import HeldRun, Stop, StoppedError, hold_run
from njangi_flows.engine.task_execution import TaskEnding, TaskExecution, TaskOutcome
from njangi_flows.engine.volunteer_execution import VolunteerExecution
from njangi_flows.engine.waiting_tasks import wait_execution
from njangi_flows.runs.parts import together
from njangi_flows.workflow.spec import TaskSpec, WorkflowSpec, accepted, run_parameters

SECONDS_TO_STOP = 1.0
"""How long nodes have to end by themselves when the run stops."""


class RunLeftError(Pause):
    """This process no longer carries the run, which has not ended. Prefect's engine leaves the flow run's state alone.

    `reason` is Stop.LEASE_LOST when another holder carries it, Stop.LEAVING when somebody has to take it up.
    """

    def __init__(self, reason: Stop) -> None:
        super().__init__(reason.value)
        self.reason = reason


@flow(name="run-workflow", persist_result=False, validate_parameters=False)
async def run_workflow(run_id: str) -> State[Any]:
    """Carry one run from its spec to its results.

    Safe to start again at any point: subtasks are keyed by run, task and index, so a second start adopts what the
    first one queued, and a stale holder of the run lease is refused.
    """
    failure: str | None = None
    try:
        async with (
            open_heart() as heart,
            hold_run(heart, run_id, why_failed=lambda: failure) as held,
        ):
            try:
                outcomes = await execute_run(held, _flow_run_id())
            except StoppedError as stopped:
                if stopped.reason is Stop.CANCELLED:
                    await clean_up(held, _flow_run_id())
                raise
            failure = next(
                (outcome.error for outcome in outcomes.values() if outcome.ending is TaskEnding.FAILED), None
            )
    except StoppedError as stopped:
        if stopped.reason in (Stop.CANCELLED, Stop.CLEAN_UP_SKIPPED):
            return Cancelled(message=str(stopped))
        raise RunLeftError(stopped.reason) from stopped
    except (RunHeldElsewhereError, LeaseTakenError) as error:
        raise RunLeftError(Stop.LEASE_LOST) from error
    except RunHasEndedError as error:
        return _ended(error.run_status)
    if failure is not None:
        return Failed(message=failure)
    parts, failed = together(outcome.parts for outcome in outcomes.values())
    missing = f", {failed} of {parts} parts failed" if failed else ""
    return Completed(message=f"{len(outcomes)} tasks{missing}")


def _ended(run_status: str | None) -> State[Any]:
    """Return the state of a flow run that was begun once more after its run had ended: it ends as the run did."""
    state = {"COMPLETED": Completed, "FAILED": Failed}.get(run_status or "", Cancelled)
    return state(message="the run had ended before this flow run began")


async def execute_run(held: HeldRun, flow_run_id: UUID) -> Mapping[str, TaskOutcome]:
    """Carry every task of the run, each as soon as those it depends on have ended. Raises StoppedError."""
    if held.run.cancel:
        raise StoppedError(Stop.CANCELLED)
    spec = accepted(held.run.spec, files=held.run.files)
    return await _execute_tasks(held, flow_run_id, spec, compiler.order(spec))


async def clean_up(held: HeldRun, flow_run_id: UUID) -> None:
    """Carry the task that the workflow names for a cancelled run, if it has one. Raises StoppedError."""
    if held.run.clean_up is None:
        return
    held.stop.clean_up()
    spec = accepted(held.run.spec, files=held.run.files)
    await _execute_tasks(held, flow_run_id, spec, [spec.task(held.run.clean_up)])


async def _execute_tasks(
    held: HeldRun, flow_run_id: UUID, spec: WorkflowSpec, order: list[TaskSpec]
) -> Mapping[str, TaskOutcome]:
    given = run_parameters(spec, held.run.parameters)
    waiting, waits = Waiting(held), Waits(held)
    tasks: dict[str, asyncio.Task[TaskOutcome]] = {}

    async def execute(execution: TaskExecution, dependencies: list[str]) -> TaskOutcome:
        return await execution.execute({name: await tasks[name] for name in dependencies})

    polls = [asyncio.create_task(waiting_.poll(), name=f"poll of {held.id}") for waiting_ in (waiting, waits)]
    stopping = asyncio.create_task(held.stop.wait(), name=f"stop of {held.id}")
    try:
        for task in order:
            execution = (
                VolunteerExecution(held, waiting, spec, task, given, flow_run_id)
                if task.on_volunteers
                else wait_execution(waits, spec, task, given, flow_run_id)
            )
            tasks[task.name] = asyncio.create_task(execute(execution, task.dependencies), name=f"{held.id}/{task.name}")
        everything = asyncio.gather(*tasks.values(), return_exceptions=True)
        ends: set[asyncio.Future[Any]] = {everything, stopping, *polls}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            await asyncio.wait({everything}, timeout=SECONDS_TO_STOP)
        for poll in polls:
            if poll.done() and held.stop.reason is None:
                poll.result()
        if held.stop.reason is not None:
            raise StoppedError(held.stop.reason)
        return {name: task.result() for name, task in tasks.items()}
    finally:
        owned = [*polls, stopping, *tasks.values()]
        for task_ in owned:
            task_.cancel()
        await asyncio.gather(*owned, return_exceptions=True)


def _flow_run_id() -> UUID:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("run_workflow runs as a Prefect flow")
    return context.flow_run.id
