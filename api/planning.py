"""What a run of a spec would do, without doing it: its tasks in order, how many subtasks and batches each comes to."""

from __future__ import annotations

from collections.abc import Mapping

from njangi_flows import compile, placeholders, split
from njangi_flows.spec import TaskSpec, WorkflowSpec
from pydantic import BaseModel

from api.services import Services
from storage.errors import NotFoundError

MOST_BYTES = 64 * 1024 * 1024
"""How much of an input is read to count its lines."""


class TaskPlan(BaseModel):
    """One task; numbers are null where only the run can tell, and `reason` says why."""

    task: str
    kind: str
    dependencies: list[str]
    items: int | None
    subtasks: int | None
    batches: int | None
    reason: str | None


class Estimate(BaseModel):
    """Seconds that a run would take if it began now; null where nothing is known of how long its tasks take."""

    soonest: float | None
    latest: float | None
    slots: int
    reason: str


class Plan(BaseModel):
    """The tasks in an order in which they may be done; `subtasks` and `batches` are of all for which they are known."""

    tasks: list[TaskPlan]
    subtasks: int
    batches: int
    estimate: Estimate


async def plan_of(app: Services, spec: WorkflowSpec, files: Mapping[str, str], *, owner: str) -> Plan:
    """Return the plan of a run of `owner` with the volunteers of the moment; `files` are names and their SHA-256."""
    slots = await app.estimates.slots()
    lines: dict[str, int | str] = {}
    tasks = []
    for task in compile.order(spec):
        if task.split is not None and task.split.lines is not None:
            name = spec.file(task.split.lines)
            if name not in lines:  # many tasks may share an input
                lines[name] = await _lines(app, files.get(name))
        tasks.append(_plan(spec, task, lines, slots))
    left = await app.estimates.of_spec(spec, {task.task: task.subtasks for task in tasks}, owner)
    return Plan(
        tasks=tasks,
        subtasks=sum(task.subtasks or 0 for task in tasks),
        batches=sum(task.batches or 0 for task in tasks),
        estimate=Estimate(soonest=left.soonest, latest=left.latest, slots=slots, reason=left.reason),
    )


def _plan(spec: WorkflowSpec, task: TaskSpec, lines: Mapping[str, int | str], slots: int) -> TaskPlan:
    if not task.on_volunteers:
        return _planned(task, None, 0, 0, None)
    if task.split is None:
        return _planned(task, None, 1, 1, None)
    if task.split.lines is not None:
        items = lines[spec.file(task.split.lines)]
        if isinstance(items, str):
            return _planned(task, None, None, None, items)
    else:
        items = len(split.items(task.split, lambda _: "", placeholders.split_files(spec, task)))
    if items == 0:
        return _planned(task, 0, 0, 0, None)
    plan = compile.plan(task, items, slots)
    return _planned(task, items, plan.subtasks, plan.batches, None)


def _planned(
    task: TaskSpec, items: int | None, subtasks: int | None, batches: int | None, reason: str | None
) -> TaskPlan:
    return TaskPlan(
        task=task.name,
        kind=task.kind,
        dependencies=list(task.dependencies),
        items=items,
        subtasks=subtasks,
        batches=batches,
        reason=reason,
    )


async def _lines(app: Services, sha256: str | None) -> int | str:
    """Return how many lines of a blob are not blank, or why that is not known."""
    if sha256 is None:
        return "its input has not been sent"
    count = size = 0
    rest = b""
    try:
        async for piece in app.stores.blobs.read(sha256):
            size += len(piece)
            if size > MOST_BYTES:
                return f"its input is larger than the {MOST_BYTES} bytes that are read to count lines"
            *whole, rest = (rest + piece).split(b"\n")
            count += sum(1 for line in whole if line.strip())
    except NotFoundError:
        return "its input is not stored yet"
    return count + bool(rest.strip())
