"""Control many runs at once: all that a filter selects, or only count them."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.access.rights import AccessDecision, Action, decide, reader_of
from api.dependencies import App, Submitter
from api.http.refusals import RefusalError
from api.list_parameters import RunFilter
from api.routers.runs.controls import ErrorGroupId
from api.runs.chosen_ids import ChosenIdBody, start_run
from api.runs.submission import workflow_of
from api.services import Services
from storage.errors import (
    FailuresToleratedError,
    NoSpecError,
    NotFoundError,
    NothingToRetryError,
    RunCancelledError,
    RunEndedError,
    RunUnderWayError,
    WorkflowArchivedError,
)
from storage.people.users import User
from storage.runs.models import ENDED, Run, RunStatus
from storage.sharing import Owned

_NOT_FOR_THIS_RUN = (
    FailuresToleratedError,
    NoSpecError,
    NotFoundError,
    NothingToRetryError,
    RunCancelledError,
    RunEndedError,
    RunUnderWayError,
    WorkflowArchivedError,
)
"""Why a control does not fit one of the runs."""

router = APIRouter(prefix="/v1/runs", tags=["controls"])

MOST_RUNS = 1000
"""How many runs one call controls."""
_UNDER_WAY = [status for status in RunStatus if status not in ENDED]
_FAILED = [RunStatus.FAILED, RunStatus.CANCELLED]


class ManyBody(BaseModel):
    """Which runs; with `dry_run` nothing is done to them."""

    model_config = ConfigDict(extra="forbid")

    filter: RunFilter
    dry_run: bool = False

    @model_validator(mode="after")
    def _selects(self) -> Self:
        if not self.filter.model_fields_set:
            raise ValueError('the filter must say which runs, such as {"owner": "ada"} or {"status": ["PAUSED"]}')
        return self


class PauseMany(ManyBody):
    call_back: bool = False


class RetryMany(ManyBody):
    tasks: Annotated[list[str], Field(max_length=1000)] = Field(default_factory=list)
    error_group: ErrorGroupId | None = None


class ResetMany(ManyBody):
    task: str


class RerunMany(ManyBody):
    parameters: dict[str, Any] = Field(default_factory=dict)


class Controlled(BaseModel):
    """The runs that the control was, or would be, applied to; `more`: the filter selects others beside them.

    Of runs that are run again, the new ones.
    """

    count: int
    runs: list[str]
    more: bool


@router.post(":pause", status_code=202)
async def pause(body: PauseMany, app: App, caller: Submitter) -> Controlled:
    """Pause runs that have not ended."""
    return await _each(
        app, caller, body, _UNDER_WAY, lambda id_: app.controls.pause(id_, call_back=body.call_back, by=caller.name)
    )


@router.post(":resume", status_code=202)
async def resume(body: ManyBody, app: App, caller: Submitter) -> Controlled:
    """Resume paused runs."""
    return await _each(app, caller, body, [RunStatus.PAUSED], lambda id_: app.controls.resume(id_, by=caller.name))


@router.post(":cancel", status_code=202)
async def cancel(body: ManyBody, app: App, caller: Submitter) -> Controlled:
    """Cancel runs that have not ended."""
    return await _each(app, caller, body, _UNDER_WAY, lambda id_: app.cancellation.cancel(id_, caller.name))


@router.post(":retry-failed", status_code=202)
async def retry_failed(body: RetryMany, app: App, caller: Submitter) -> Controlled:
    """Begin runs that ended badly again, with what failed alone."""

    async def again(run_id: str) -> Run:
        return await app.controls.retry_failed(run_id, body.tasks, body.error_group, by=caller.name)

    return await _each(app, caller, body, _FAILED, again)


@router.post(":reset", status_code=202)
async def reset(body: ResetMany, app: App, caller: Submitter) -> Controlled:
    """Begin runs that have ended, and have that task, again at it."""
    return await _each(app, caller, body, ENDED, lambda id_: app.controls.reset(id_, body.task, by=caller.name))


@router.post(":rerun", status_code=202)
async def rerun(body: RerunMany, app: App, caller: Submitter) -> Controlled:
    """Start a new run like each, with `parameters` on top of its own."""
    anew: list[str] = []

    async def again(run_id: str) -> Run:
        run = await app.stores.runs.get(run_id)
        workflow, parameters = await workflow_of(app, run), {**run.parameters, **body.parameters}
        made, _ = await start_run(app, workflow, parameters, ChosenIdBody(), caller=caller, request=None, deadline=None)
        anew.append(made.id)
        return made

    done = await _each(app, caller, body, list(RunStatus), again)
    return done if body.dry_run else done.model_copy(update={"runs": anew})


async def _controlled(run_ids: Sequence[str], control: Callable[[str], Awaitable[Run]]) -> list[str]:
    """Control runs one by one; return the ids of those that the control fitted when it came to them."""
    done = []
    for run_id in run_ids:
        with contextlib.suppress(*_NOT_FOR_THIS_RUN):
            await control(run_id)
            done.append(run_id)
    return done


async def _each(
    app: Services,
    caller: User,
    body: ManyBody,
    fits: Sequence[RunStatus],
    control: Callable[[str], Awaitable[Run]],
) -> Controlled:
    """Control the newest runs that are selected and in a status that the control fits, one by one.

    Who is no admin controls their own alone. Raises 403 for another's.
    """
    asked = body.filter.as_seen_by(caller)
    owner = body.filter.owner or reader_of(caller)
    if owner is not None:
        if decide(caller, Action.CHANGE, Owned(owner)) is not AccessDecision.ALLOWED:
            raise RefusalError("runs-of-others", owner=owner)
        asked = replace(asked, equal={**asked.equal, "owner": owner})
    status = [status for status in fits if not body.filter.status or status in body.filter.status]
    if not status:
        return Controlled(count=0, runs=[], more=False)
    selected = replace(asked, equal={**asked.equal, "status": status})
    ids = await app.stores.runs.listing.ids(selected, limit=MOST_RUNS + 1)
    runs, more = ids[:MOST_RUNS], len(ids) > MOST_RUNS
    if not body.dry_run:
        runs = await _controlled(runs, control)
    return Controlled(count=len(runs), runs=runs, more=more)
