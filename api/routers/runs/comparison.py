"""Compare two runs: their tasks, parameters, durations and results."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from api.access.rights import Action
from api.dependencies import App, Reader, must
from api.runs.parts import parts_of_task
from api.services import Services
from api.workflows import differences
from storage.runs.children import Child
from storage.runs.models import Run, RunStatus
from storage.runs.task_timings import TaskTiming
from storage.runs.tasks import Task, TaskStatus
from storage.sharing import Noun

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class Side(BaseModel):
    """One of the runs; `seconds` from its start to its end."""

    id: str
    workflow_id: str
    name: str
    version: int
    owner: str
    status: RunStatus
    parts: int
    failed_parts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None


class TaskSide(BaseModel):
    """A task in one of the runs.

    `seconds` from the queueing of its first subtask to the end of its last, `mean_seconds` what a completed subtask
    took, `digest` the SHA-256 of its result as JSON text, which is made without the `failed_parts` of its `parts`.
    """

    status: TaskStatus
    subtasks: int
    parts: int
    failed_parts: int
    seconds: float | None
    mean_seconds: float | None
    digest: str | None


class TaskComparison(BaseModel):
    """`same_result` is null unless both have one."""

    task: str
    a: TaskSide | None
    b: TaskSide | None
    same_result: bool | None


class RunComparison(BaseModel):
    """`spec` and `parameters` are JSON Patches from `a` to `b`; `summary` tells the spec's differences in lines."""

    a: Side
    b: Side
    summary: list[str]
    spec: list[dict[str, Any]]
    parameters: list[dict[str, Any]]
    files: Mapping[str, Sequence[str | None]]
    tasks: list[TaskComparison]


@router.get(":compare")
async def compare(a: str, b: str, app: App, caller: Reader) -> RunComparison:
    """Return what differs between two runs, of the same workflow or not."""
    for run_id in (a, b):
        await must(app, caller, Action.READ, Noun.RUN, run_id)
    first, second = await app.stores.runs.get(a), await app.stores.runs.get(b)
    ours, theirs = await _tasks(app, first), await _tasks(app, second)
    names = sorted(first.files.keys() | second.files.keys())
    return RunComparison(
        a=_side(first),
        b=_side(second),
        summary=differences.summary(first.spec, second.spec),
        spec=differences.patch(dict(first.spec), dict(second.spec)),
        parameters=differences.patch(dict(first.parameters), dict(second.parameters)),
        files={
            name: (first.files.get(name), second.files.get(name))
            for name in names
            if first.files.get(name) != second.files.get(name)
        },
        tasks=[_compared(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys((*ours, *theirs))],
    )


async def _tasks(app: Services, run: Run) -> dict[str, TaskSide]:
    tasks, timings, children = await asyncio.gather(
        app.stores.tasks.of_run(run.id), app.stores.timings.of_run(run.id), app.stores.children.of(run.id)
    )
    return {task.name: _task(task, timings.get(task.name), children.get(task.name)) for task in tasks}


def _task(task: Task, timing: TaskTiming | None, child: Child | None) -> TaskSide:
    parts = parts_of_task(task.status, timing, child)
    return TaskSide(
        status=task.status,
        subtasks=timing.subtasks if timing else 0,
        parts=parts.total,
        failed_parts=parts.failed,
        seconds=_between(timing.queued_at, timing.settled_at) if timing else None,
        mean_seconds=timing.mean if timing else None,
        digest=hashlib.sha256(task.result.encode()).hexdigest() if task.result is not None else task.blob,
    )


def _compared(name: str, a: TaskSide | None, b: TaskSide | None) -> TaskComparison:
    same = a.digest == b.digest if a and b and a.digest and b.digest else None
    return TaskComparison(task=name, a=a, b=b, same_result=same)


def _side(run: Run) -> Side:
    return Side(
        id=run.id,
        workflow_id=run.workflow_id,
        name=run.name,
        version=run.version,
        owner=run.owner,
        status=run.status,
        parts=run.parts,
        failed_parts=run.failed_parts,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        seconds=_between(run.started_at, run.ended_at),
    )


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start is not None and end is not None else None
