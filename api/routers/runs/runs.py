"""Runs: list them, look at them, read their results, cancel them. MongoDB alone answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.dependencies import App, Reader, Submitter
from api.list_parameters import RunList, SubtaskList, order
from api.runs.endings import FailureText, told
from api.runs.parts import parts_of_task
from api.runs.subtask_views import SubtaskPage, SubtaskView, subtask_view
from api.services import Services
from coordinator.estimates import Eta
from storage.listing import index_of, index_token
from storage.runs.models import Run, RunStatus
from storage.runs.parts import Parts, together
from storage.runs.tasks import TaskStatus

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class TaskView(BaseModel):
    """`queued`, `leased`, `completed`, `failed` and `cancelled` of the `total` subtasks are so now.

    `failed_parts` of the `parts` failed for good: 0 before the task has ended. Parts are the subtasks, and those of the
    other run where the task runs another workflow. `result_bytes` is how large a result is that is no JSON but bytes.
    """

    name: str
    status: TaskStatus
    total: int
    queued: int
    leased: int
    completed: int
    failed: int
    cancelled: int
    parts: int
    failed_parts: int
    progress: float
    error: str | None
    error_told: FailureText | None  # the same for other languages
    child_run_id: str | None
    result_bytes: int | None


class ScheduleOfRun(BaseModel):
    id: str
    at: datetime


class EtaView(BaseModel):
    """When the run ends: from `from` to `until`, both null where that cannot be told; `reason` says by what, or why.

    `code` and `values` say the same for other languages.
    """

    soonest: datetime | None = Field(serialization_alias="from")
    until: datetime | None
    reason: str
    code: str
    values: dict[str, str | int]


class RunView(BaseModel):
    """`failed_parts` of the `parts` of its tasks failed for good, which a run that is COMPLETED tolerated.

    A task of one subtask counts as no part unless that failed. In lists both are 0 before the run has ended.
    `progress` is the mean of its tasks, each by its accepted subtasks; what is COMPLETED is at 1, failed parts or not.
    """

    id: str
    workflow_id: str
    name: str
    version: int
    owner: str
    status: RunStatus
    priority: int
    attempt: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None
    error_told: FailureText | None  # the same for other languages
    cancel_requested: bool
    paused_tasks: list[str]
    deadline: datetime | None
    parameters: dict[str, Any]
    prefect_flow_run_id: str | None
    prefect_url: str | None
    parent_run_id: str | None
    progress: float
    parts: int
    failed_parts: int
    tasks: list[TaskView]
    schedule: ScheduleOfRun | None
    replaced_by: str | None
    tags: list[str]
    eta: EtaView | None  # null of a run that has ended, and in lists


class RunPage(BaseModel):
    runs: list[RunView]
    next_page_token: str | None


async def view(app: Services, run: Run) -> RunView:
    """Return a run as callers see it."""
    views, eta = await _tasks(app, run)
    counted = [task.progress for task in views if run.clean_up is None or task.name != run.clean_up.task]
    complete = run.status is RunStatus.COMPLETED
    progress = sum(counted) / len(counted) if counted and not complete else float(complete)
    return _view(app, run, progress, views, eta, together(Parts(task.parts, task.failed_parts) for task in views))


async def _listed(app: Services, runs: Sequence[Run]) -> list[RunView]:
    """Return runs without their tasks, for one more round trip together."""
    complete = {run.id for run in runs if run.status is RunStatus.COMPLETED}
    others = {run.id: run.clean_up.task if run.clean_up else None for run in runs if run.id not in complete}
    progress = dict.fromkeys(complete, 1.0) | await app.stores.timings.progress(others)
    return [_view(app, run, progress.get(run.id, 0.0), [], None, Parts(run.parts, run.failed_parts)) for run in runs]


def _view(app: Services, run: Run, progress: float, views: list[TaskView], eta: Eta | None, parts: Parts) -> RunView:
    return RunView(
        id=run.id,
        workflow_id=run.workflow_id,
        name=run.name,
        version=run.version,
        owner=run.owner,
        status=run.status,
        priority=run.priority,
        attempt=run.attempt,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        error=run.error,
        error_told=told(run.error),
        cancel_requested=run.cancel_requested,
        paused_tasks=list(run.paused_tasks),
        deadline=run.deadline,
        parameters=dict(run.parameters),
        prefect_flow_run_id=run.prefect_flow_run_id,
        prefect_url=app.prefect.ui_url(run.prefect_flow_run_id) if run.prefect_flow_run_id else None,
        parent_run_id=run.parent.run_id if run.parent else None,
        progress=progress,
        parts=parts.total,
        failed_parts=parts.failed,
        tasks=views,
        schedule=ScheduleOfRun(id=run.schedule.id, at=run.schedule.at) if run.schedule else None,
        replaced_by=run.replaced_by,
        tags=list(run.tags),
        eta=_eta(eta) if eta is not None else None,
    )


def _eta(eta: Eta) -> EtaView:
    reason = eta.reason
    return EtaView(
        soonest=eta.soonest, until=eta.latest, reason=str(reason), code=reason.code, values=dict(reason.values)
    )


async def _tasks(app: Services, run: Run) -> tuple[list[TaskView], Eta | None]:
    tasks, timings, children = await asyncio.gather(
        app.stores.tasks.outlines(run.id), app.stores.timings.of_run(run.id), app.stores.children.of(run.id)
    )
    eta = await app.estimates.of_run(run, tasks, timings)
    raw = {task.blob for task in tasks if task.raw and task.blob is not None}
    sizes = await app.stores.blobs.sizes(raw) if raw else {}
    views = []
    for task in tasks:
        timing = timings.get(task.name)
        child = children.get(task.name)
        complete = task.status is TaskStatus.COMPLETED
        parts = parts_of_task(task.status, timing, child)
        views.append(
            TaskView(
                name=task.name,
                status=task.status,
                total=timing.subtasks if timing else 0,
                queued=timing.queued if timing else 0,
                leased=timing.leased if timing else 0,
                completed=timing.completed if timing else 0,
                failed=timing.failed if timing else 0,
                cancelled=timing.cancelled if timing else 0,
                parts=parts.total,
                failed_parts=parts.failed,
                progress=float(complete) if complete or not timing else timing.completed / max(timing.subtasks, 1),
                error=task.error,
                error_told=told(task.error),
                child_run_id=child.id if child is not None else None,
                result_bytes=sizes.get(task.blob) if task.raw and task.blob is not None else None,
            )
        )
    return views, eta


@router.get("")
async def page(query: Annotated[RunList, Query()], app: App, caller: Reader) -> RunPage:
    """Return a page of runs without their tasks, the newest first unless `sort` says otherwise."""
    found, token = await app.stores.runs.page(query.as_seen_by(caller), order(query.sort), query.page())
    return RunPage(runs=await _listed(app, found), next_page_token=token)


@router.get("/{run_id}")
async def get(run_id: str, app: App, _: Reader) -> RunView:
    return await view(app, await app.stores.runs.get(run_id))


@router.post("/{run_id}:cancel", status_code=202)
async def cancel(run_id: str, app: App, caller: Submitter) -> RunView:
    """Stop lending the run's subtasks and end it; attempts under way are called back."""
    return await view(app, await app.cancellation.cancel(run_id, caller.name))


@router.get("/{run_id}/subtasks")
async def subtasks(run_id: str, query: Annotated[SubtaskList, Query()], app: App, _: Reader) -> SubtaskPage:
    """Return a page of a task's subtasks in order, with their attempts."""
    after, size = index_of(query.page_token), query.page_size
    found = await app.stores.results.page(f"{run_id}/{query.task}", after=after, limit=size + 1, status=query.status)
    if not found:
        await app.stores.tasks.get(f"{run_id}/{query.task}")  # is there such a task?
    token = index_token(found[size - 1].index) if len(found) > size else None
    return SubtaskPage(subtasks=[subtask_view(item) for item in found[:size]], next_page_token=token)


@router.get("/{run_id}/subtasks/{task}/{index}")
async def subtask(run_id: str, task: str, index: int, app: App, _: Reader) -> SubtaskView:
    """Return one subtask with its attempts."""
    return subtask_view(await app.stores.results.get(f"{run_id}/{task}/{index}"))
