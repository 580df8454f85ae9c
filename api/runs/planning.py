"""Plan a run without starting it: its tasks in order, and the number of their subtasks and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from njangi_agent.texts import LineReader
from njangi_flows.engine import compile
from njangi_flows.workflow import preview, split
from njangi_flows.workflow.placeholders.filling import NotFilledError
from njangi_flows.workflow.spec import TaskSpec, WorkflowSpec
from pydantic import BaseModel

from api.runs.waiting import ReasonView
from api.services import Services
from coordinator.decisions.waiting import lacking
from storage.errors import NotFoundError
from storage.values import QueuedWork

MOST_BYTES = 64 * 1024 * 1024
"""How much of an input is read to count its lines."""
SENTENCES: Mapping[str, str] = {
    "input-not-sent": "its input has not been sent",
    "input-not-stored": "its input is not stored yet",
    "items-of-result": "it is split over a result, which is known only during the run",
    "input-too-large": "its input has more than {limit} bytes, too many to count its lines before the run",
}
"""Why only the run can tell how many subtasks a task has."""


class FirstCall(BaseModel):
    """How the first subtask would be called with the defaults of the workflow's parameters.

    `arguments` of a command, `parameters` of a function; long ones are cut. A result that only the run knows stays as
    its placeholder.
    """

    arguments: list[str] | None
    parameters: dict[str, Any] | None


class TaskPlan(BaseModel):
    """One task; numbers are null where only the run can tell, and `reason` says why, as does `code` with `values`."""

    task: str
    kind: str
    dependencies: list[str]
    items: int | None
    subtasks: int | None
    batches: int | None
    reason: str | None
    code: str | None
    values: dict[str, int]
    first: FirstCall | None


class Estimate(BaseModel):
    """Seconds that a run would take if it began now; null where nothing is known of how long its tasks take."""

    soonest: float | None
    latest: float | None
    slots: int
    reason: str
    code: str
    values: dict[str, str | int]


class RunPlan(BaseModel):
    """The tasks in an order in which they may be done; `subtasks` and `batches` are of all for which they are known.

    `lacking` says of which tasks no machine that is online now could run a subtask, and what these machines lack.
    """

    tasks: list[TaskPlan]
    subtasks: int
    batches: int
    estimate: Estimate
    lacking: list[ReasonView]


@dataclass(frozen=True, slots=True)
class FileLines:
    """How many lines a file has that are not blank, and the first of them."""

    count: int = 0
    first: Sequence[str] = ()


async def plan_of(app: Services, spec: WorkflowSpec, files: Mapping[str, str], *, owner: str) -> RunPlan:
    """Return the plan of a run of `owner` with the volunteers of the moment; `files` are names and their SHA-256."""
    slots = await app.estimates.slots()
    lines: dict[str, FileLines | str] = {}
    tasks = []
    for task in compile.order(spec):
        if task.split is not None and task.split.lines is not None:
            name = spec.file(task.split.lines)
            if name not in lines:  # many tasks may share an input
                lines[name] = await _lines(app, files.get(name))
        tasks.append(_plan(spec, task, lines, slots))
    left = await app.estimates.of_spec(spec, {task.task: task.subtasks for task in tasks}, owner)
    return RunPlan(
        tasks=tasks,
        subtasks=sum(task.subtasks or 0 for task in tasks),
        batches=sum(task.batches or 0 for task in tasks),
        estimate=Estimate(
            soonest=left.soonest,
            latest=left.latest,
            slots=slots,
            reason=str(left.reason),
            code=left.reason.code,
            values=dict(left.reason.values),
        ),
        lacking=await _lacking(app, spec, {task.task: task.subtasks or 0 for task in tasks}),
    )


async def _lacking(app: Services, spec: WorkflowSpec, subtasks: Mapping[str, int]) -> list[ReasonView]:
    machines = await app.machines.get()
    if not machines:
        return []  # the estimate says so
    asked = [
        QueuedWork(
            task.name,
            subtasks[task.name],
            leased=0,
            checking=0,
            cpu=task.resources.cpu,
            memory=task.resources.memory,
            storage=task.resources.storage,
            lending=True,
        )
        for task in spec.tasks
        if task.on_volunteers
    ]
    found = [reason for queue in asked if (reason := lacking(queue, machines)) is not None]
    return [ReasonView.model_validate(reason, from_attributes=True) for reason in found]


def _plan(spec: WorkflowSpec, task: TaskSpec, lines: Mapping[str, FileLines | str], slots: int) -> TaskPlan:
    if not task.on_volunteers:
        return _planned(task, None, 0, 0, None)
    read = (
        lines[spec.file(task.split.lines)] if task.split is not None and task.split.lines is not None else FileLines()
    )
    if isinstance(read, str):
        return _planned(task, None, None, None, read, _first(spec, task, None, 1))
    items = preview.items_of(spec, task, spec.parameters, read.first)
    if items is None:
        return _planned(task, None, None, None, "items-of-result", _first(spec, task, None, 1))
    if task.split is None:
        return _planned(task, None, 1, 1, None, _first(spec, task, items, 1))
    count = read.count if task.split.lines is not None else len(items)
    if count == 0:
        return _planned(task, 0, 0, 0, None)
    plan = compile.plan(task, count, slots)
    first = _first(spec, task, items, min(plan.items_per_subtask, count))
    return _planned(task, count, plan.subtasks, plan.batches, None, first)


def _first(spec: WorkflowSpec, task: TaskSpec, items: Sequence[Any] | None, size: int) -> FirstCall | None:
    try:
        call = preview.first_call(spec, task, spec.parameters, items, size)
    except NotFilledError:
        return None  # the run's own parameters may make it right
    return FirstCall(arguments=call.arguments, parameters=call.parameters)


def _planned(
    task: TaskSpec,
    items: int | None,
    subtasks: int | None,
    batches: int | None,
    code: str | None,
    first: FirstCall | None = None,
) -> TaskPlan:
    values = {"limit": MOST_BYTES} if code == "input-too-large" else {}
    return TaskPlan(
        task=task.name,
        kind=task.kind,
        dependencies=list(task.dependencies),
        items=items,
        subtasks=subtasks,
        batches=batches,
        reason=SENTENCES[code].format_map(values) if code is not None else None,
        code=code,
        values=values,
        first=first,
    )


async def _lines(app: Services, sha256: str | None) -> FileLines | str:
    """Return the lines of a blob that are not blank, or the code of why they are not known."""
    if sha256 is None:
        return "input-not-sent"
    count = size = 0
    first: list[str] = []
    reader = LineReader(nul=False)
    try:
        async for piece in app.stores.blobs.read(sha256):
            size += len(piece)
            if size > MOST_BYTES:
                return "input-too-large"
            lines = split.not_blank(reader.lines(piece))
            count += len(lines)
            first += lines[: preview.MOST_SHOWN - len(first)]
    except NotFoundError:
        return "input-not-stored"
    lines = split.not_blank(reader.lines(b"", final=True))
    return FileLines(count + len(lines), [*first, *lines[: preview.MOST_SHOWN - len(first)]])
