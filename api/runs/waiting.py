"""Collect the facts from which `coordinator.decisions.waiting` explains why a run does not go on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from njangi_flows.workflow import spec as specs
from pydantic import BaseModel

from api.clock import utc_now
from api.services import Services
from coordinator.decisions.waiting import (
    Limit,
    Reason,
    ReasonKind,
    Rest,
    RunNow,
    TaskNow,
    TaskPhase,
    TaskWait,
)
from coordinator.decisions.waiting import reasons as decide
from storage.runs.children import Child
from storage.runs.models import ENDED, Run, RunStatus
from storage.runs.tasks import ENDED as TASK_ENDED
from storage.runs.tasks import Task, TaskStatus
from storage.runs.waiting import BetweenTries


class ReasonView(BaseModel):
    """`task`: null of the whole run. `count`: of how many subtasks, of `dependencies` of how many tasks.

    `values` are what `detail`, an English sentence that says what would help, is made of.
    """

    task: str | None
    kind: ReasonKind
    count: int
    values: dict[str, Any]
    detail: str


async def reasons(app: Services, run: Run) -> list[Reason]:
    """Return what the run waits for and what would help; machines and quotas as of some seconds ago at most."""
    if run.status in ENDED:
        return decide(RunNow(ended=run.status), (), (), ())
    queued, tasks, children, machines, quota, usage = await asyncio.gather(
        app.stores.waiting.queued(run.id),
        app.stores.tasks.outlines(run.id),
        app.stores.children.of(run.id),
        app.machines.get(),
        app.quotas.of(run.owner),
        app.stores.usage.subtasks([run.owner]),
    )
    used = usage[run.owner]
    now = utc_now()
    return decide(
        RunNow(
            cancelling=run.cancel_requested,
            paused=run.paused,
            held=run.held(now),
            begun=run.attempt > 0 and run.status is not RunStatus.SUBMITTED,
            scheduled=run.prefect_flow_run_id is not None,
        ),
        await _tasks(app, run, tasks, children),
        queued,
        machines,
        leased=Limit(used.leased, quota.leased),
        queued=Limit(used.queued, quota.queued),
    )


async def _tasks(app: Services, run: Run, tasks: Sequence[Task], children: Mapping[str, Child]) -> list[TaskNow]:
    clean_up = run.clean_up.task if run.clean_up is not None else None
    shown = [task for task in tasks if task.name != clean_up]
    running = [task.name for task in shown if task.status is TaskStatus.RUNNING]
    awaited = {name: kind for name, kind in _awaited(run, running).items() if name in running}
    ends, tried = await asyncio.gather(
        app.stores.waiting.ends(run.id, list(awaited)),
        app.stores.waiting.between_tries(run.id, [name for name in running if name not in awaited]),
    )
    rests = _rests(run, tried)
    return [
        TaskNow(
            name=task.name,
            step=TaskPhase.ENDED if task.status in TASK_ENDED else TaskPhase(task.status.lower()),
            dependencies=task.dependencies,
            paused=task.name in run.paused_tasks,
            awaited=_filled(awaited.get(task.name), ends.get(task.name), children.get(task.name)),
            rest=rests.get(task.name),
        )
        for task in shown
    ]


def _awaited(run: Run, running: Sequence[str]) -> dict[str, TaskWait]:
    """Return what tasks wait for that no volunteer hastens. An engineer's waits say it in their names."""
    found: dict[str, TaskWait] = {}
    for task in run.spec.get("tasks", ()):
        if "wait" in task:
            found[task["name"]] = TaskWait(ReasonKind.SIGNAL, signal=task["wait"]["signal"])
        elif "sleep" in task:
            found[task["name"]] = TaskWait(ReasonKind.SLEEP)
        elif "workflow" in task:
            found[task["name"]] = TaskWait(ReasonKind.CHILD)
    if not run.spec:
        for name in running:
            kind, _, rest = name.partition("-")
            if kind == "wait" and "-" in rest:
                found[name] = TaskWait(ReasonKind.SIGNAL, signal=rest.rpartition("-")[0])
            elif kind == "sleep" and rest.isdecimal():
                found[name] = TaskWait(ReasonKind.SLEEP)
    return found


def _filled(awaited: TaskWait | None, until: datetime | None, child: Child | None) -> TaskWait | None:
    if awaited is None or awaited.kind is not ReasonKind.CHILD or child is None:
        return TaskWait(awaited.kind, until, awaited.signal) if awaited is not None else None
    return TaskWait(ReasonKind.CHILD, child_run_id=child.id, child_status=child.status)


def _rests(run: Run, tried: Sequence[BetweenTries]) -> dict[str, Rest]:
    """Return what is tried again, by task, and when the first of it is."""
    if not tried:
        return {}
    retries: dict[str, specs.Retry] = {}
    if run.spec:
        parsed = specs.accepted(run.spec, files=run.files.keys())
        retries = {task.name: task.retry for task in parsed.tasks}
    found: dict[str, Rest] = {}
    for item in tried:
        retry = retries.get(item.task)
        if retry is not None and item.tries >= retry.maximum_attempts:
            continue  # its last try: these failures are for good, which the task may tolerate
        until = item.since + timedelta(seconds=retry.interval(item.tries)) if retry is not None else None
        before = found.get(item.task, Rest(0, until))
        first = min(until, before.until) if until is not None and before.until is not None else until
        found[item.task] = Rest(before.count + item.count, first)
    return found
