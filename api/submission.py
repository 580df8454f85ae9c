"""Start a run of a workflow: from its spec and parameters to the run, its tasks and its Prefect flow run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from njangi_flows import spec as specs
from njangi_flows.spec import WorkflowSpec

from api.services import Services, utc_now
from storage.ledger import Turn
from storage.runs import NewRun, OfSchedule, Run
from storage.tasks import NewTask
from storage.workflows import Workflow


async def submit_run(
    app: Services,
    workflow: Workflow,
    given: Mapping[str, Any],
    *,
    owner: str,
    id_: str | None = None,
    request: str | None = None,
    first: Callable[[Turn, str], Awaitable[None]] | None = None,
) -> Run:
    """Start a run of the workflow as it is now.

    Raises InvalidSpecError for parameters it does not have, IdTakenError. `request` and `first`: see `RunStore.add`.
    """
    written = await write_run(app, workflow, given, owner=owner, id_=id_, request=request, first=first)
    return await app.start_run(written)


async def write_run(
    app: Services,
    workflow: Workflow,
    given: Mapping[str, Any],
    *,
    owner: str,
    id_: str | None = None,
    schedule: OfSchedule | None = None,
    request: str | None = None,
    first: Callable[[Turn, str], Awaitable[None]] | None = None,
) -> Run:
    """Write a run for `Services.start_run` to hand to Prefect; should nobody do so, the reconciler does."""
    spec = specs.parse(workflow.spec, files=workflow.files.keys())
    new = NewRun(
        workflow_id=workflow.id,
        name=workflow.name,
        version=workflow.version,
        owner=owner,
        priority=workflow.priority,
        spec=workflow.spec,
        files=workflow.files,
        parameters=specs.run_parameters(spec, given),
        id=id_,
        schedule=schedule,
        request=request,
    )
    now = utc_now()
    tasks = [app.stores.tasks.pending(workflow.id, task, now=now) for task in new_tasks(spec)]
    return await app.stores.runs.add(new, tasks, now=now, first=first)


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
            },
        )
        for task in spec.tasks
    ]
