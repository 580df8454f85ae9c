"""Control a run: pause, resume, retry, reset, run again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from api.clock import utc_now
from api.dependencies import App, Named, Submitter
from api.routers.runs.runs import RunView, view
from api.runs.chosen_ids import ChosenIdBody, start_run
from api.runs.submission import workflow_of
from coordinator.decisions.failures import GROUP_ID_LENGTH
from coordinator.prefect.engineers_flows import rerun_own_flow
from storage.sharing import Noun

router = APIRouter(prefix="/v1/runs", tags=["controls"])

ErrorGroupId = Annotated[str, Field(pattern=f"^[0-9a-f]{{{GROUP_ID_LENGTH}}}$")]
"""As `/errors` tells it."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Pause(_Body):
    """`call_back`: give up the attempts under way instead of letting them finish."""

    call_back: bool = False


class RetryRequest(_Body):
    """`tasks`: only these; all that failed when it is empty. `error_group`: only what failed for that cause.

    What failed for another cause stays as it is; what was cancelled or skipped because of a failure goes along.
    """

    tasks: Annotated[list[str], Field(max_length=1000)] = Field(default_factory=list)
    error_group: ErrorGroupId | None = None


class Reset(_Body):
    task: str


class Rerun(_Body):
    parameters: dict[str, Any] = Field(default_factory=dict)


@router.post("/{run_id}:pause", status_code=202)
async def pause(run_id: str, app: App, caller: Submitter, body: Annotated[Pause, Body()] = Pause()) -> RunView:
    """Stop lending the run's subtasks; attempts under way may finish, or are called back."""
    return await view(app, await app.controls.pause(run_id, call_back=body.call_back, by=caller.name))


@router.post("/{run_id}:resume", status_code=202)
async def resume(run_id: str, app: App, caller: Submitter) -> RunView:
    """Lend the run's subtasks again."""
    return await view(app, await app.controls.resume(run_id, by=caller.name))


@router.post("/{run_id}/tasks/{task}:pause", status_code=202)
async def pause_task(
    run_id: str, task: str, app: App, caller: Submitter, body: Annotated[Pause, Body()] = Pause()
) -> RunView:
    """Stop lending one task's subtasks; the rest of the run goes on."""
    return await view(app, await app.controls.pause_task(run_id, task, call_back=body.call_back, by=caller.name))


@router.post("/{run_id}/tasks/{task}:resume", status_code=202)
async def resume_task(run_id: str, task: str, app: App, caller: Submitter) -> RunView:
    """Lend one task's subtasks again."""
    return await view(app, await app.controls.resume_task(run_id, task, by=caller.name))


@router.post("/{run_id}:retry-failed", status_code=202)
async def retry_failed(
    run_id: str, app: App, caller: Submitter, body: Annotated[RetryRequest, Body()] = RetryRequest()
) -> RunView:
    """Begin a run that has ended again, with what failed alone. 409 while it is under way."""
    await app.quotas.may_begin_again((await app.stores.sharing.owned(Noun.RUN, run_id)).owner)
    return await view(app, await app.controls.retry_failed(run_id, body.tasks, body.error_group, by=caller.name))


@router.post("/{run_id}:reset", status_code=202)
async def reset(run_id: str, body: Reset, app: App, caller: Submitter) -> RunView:
    """Begin a run that has ended again at a task: it and all downstream of it from nothing. 409 while under way."""
    await app.quotas.may_begin_again((await app.stores.sharing.owned(Noun.RUN, run_id)).owner)
    return await view(app, await app.controls.reset(run_id, body.task, by=caller.name))


@router.post("/{run_id}:rerun", status_code=201)
async def rerun(
    run_id: str, app: App, caller: Submitter, named: Named, body: Annotated[Rerun, Body()] = Rerun()
) -> RunView:
    """Start a new run like this one: same version of spec and files, its parameters with those given on top.

    Of an engineer's own flow: a new flow run of the same deployment.
    """
    run = await app.stores.runs.get(run_id)
    if not run.spec:
        own = await rerun_own_flow(app.prefect, app.stores, run, body.parameters, request=named, now=utc_now())
        return await view(app, own)
    workflow, parameters = await workflow_of(app, run), {**run.parameters, **body.parameters}
    anew, _ = await start_run(app, workflow, parameters, ChosenIdBody(), caller=caller, request=named, deadline=None)
    return await view(app, anew)
