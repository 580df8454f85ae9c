"""Start a run of a workflow: check its parameters, write the run and its tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.spec import WorkflowSpec

from api.clock import utc_now
from api.services import Services
from coordinator.decisions.quotas import Quota
from storage.errors import NoSpecError
from storage.ledger import Transaction
from storage.runs.models import NewRun, OfSchedule, Parent, Run
from storage.runs.tasks import NewTask
from storage.workflows.store import Workflow


async def write_run(
    app: Services,
    workflow: Workflow,
    given: Mapping[str, Any],
    *,
    owner: str,
    id_: str | None = None,
    deadline: float | None = None,
    schedule: OfSchedule | None = None,
    request: str | None = None,
    first: Callable[[Transaction, str], Awaitable[None]] | None = None,
    parent: Parent | None = None,
    priority: int | None = None,
) -> Run:
    """Write a run for `Reconciler.start` to hand to Prefect; should nobody do so, the reconciler does.

    `parent` is the task that starts it, if one does; `priority` counts instead of the workflow's. `deadline` is in
    seconds from now; None: the spec's, if it has one. `request` and `first`: see `RunStore.add`. Raises
    InvalidSpecError for parameters it does not have, IdTakenError, WorkflowArchivedError, QuotaExceededError unless it
    has a parent: that one counts.
    """
    spec = specs.parse(workflow.spec, files=workflow.files.keys())
    parameters = specs.run_parameters(spec, given)
    if problems := specs.unfilled(spec, parameters):
        raise specs.InvalidSpecError(problems)
    new = NewRun(
        workflow_id=workflow.id,
        name=workflow.name,
        version=workflow.version,
        owner=owner,
        priority=workflow.priority if priority is None else priority,
        spec=workflow.spec,
        files=workflow.files,
        parameters=parameters,
        id=id_,
        schedule=schedule,
        request=request,
        clean_up=spec.cleanup,
        deadline=timedelta(seconds=seconds) if (seconds := deadline or spec.deadline) else None,
        parent=parent,
        readers=workflow.readers,
        tags=workflow.tags,
    )
    quota = await app.quotas.of(owner) if parent is None else Quota()
    now = utc_now()

    async def count(tx: Transaction, run_id: str) -> None:
        await app.stores.workflows.begin(tx, workflow.id, now=now)
        await app.quotas.one_more_run(tx, owner, quota)
        if first is not None:
            await first(tx, run_id)

    tasks = [app.stores.tasks.pending(workflow.id, task, now=now) for task in new_tasks(spec)]
    return await app.stores.runs.add(new, tasks, now=now, first=count)


async def workflow_of(app: Services, run: Run) -> Workflow:
    """Return the workflow in the version that `run` is of. Raises NoSpecError for an engineer's own flow."""
    if not run.spec:
        raise NoSpecError(run.id, "there is no workflow of it")
    return replace(
        await app.stores.workflows.get(run.workflow_id),
        name=run.name,
        version=run.version,
        priority=run.priority,
        spec=run.spec,
        files=run.files,
    )


def new_tasks(spec: WorkflowSpec) -> list[NewTask]:
    """Return the tasks of a spec as they are before anything has begun."""
    return [
        NewTask(
            name=task.name,
            command=task.command,
            parameters=task.parameters,
            dependencies=list(task.dependencies),
            required_resources={
                "cpu": task.resources.cpu,
                "memory": task.resources.memory,
                "storage": task.resources.storage,
            }
            if task.on_volunteers
            else {},
        )
        for task in spec.tasks
    ]
