"""Collect the facts from which `coordinator.decisions.eta` estimates when runs end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from njangi_flows.workflow.spec import WorkflowSpec

from coordinator.cached import Cached
from coordinator.decisions.eta import Basis, Durations, Left, TaskLeft, time_left
from storage.errors import NotFoundError
from storage.runs.models import ENDED, Run
from storage.runs.task_timings import TaskTiming
from storage.runs.tasks import ENDED as TASK_ENDED
from storage.runs.tasks import Task
from storage.stores import Stores

SLOTS_SECONDS = 5.0
"""How long the number of slots online is remembered: it costs a look at every volunteer online."""


@dataclass(frozen=True, slots=True)
class Eta:
    """When a run ends; without a range, `reason` says why there is none."""

    soonest: datetime | None
    latest: datetime | None
    reason: Basis


class Estimates:
    """One a process."""

    def __init__(self, stores: Stores, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._clock = clock
        self._slots = Cached(lambda: stores.volunteers.online_slots(now=clock()), SLOTS_SECONDS)

    async def slots(self) -> int:
        """Return how many slots volunteers offer who are online, as of some seconds ago at most."""
        return await self._slots.get()

    def forget(self) -> None:
        """Count the slots anew the next time."""
        self._slots.forget()

    async def of_run(self, run: Run, tasks: Sequence[Task], timings: Mapping[str, TaskTiming]) -> Eta | None:
        """Return when a run ends that has not, None of one that has."""
        if run.status in ENDED:
            return None
        if run.cancel_requested:
            return Eta(None, None, Basis("cancelling"))
        if run.paused:
            return Eta(None, None, Basis("paused"))
        if not tasks:
            return Eta(None, None, Basis("no-tasks"))
        clean_up = run.clean_up.task if run.clean_up else None
        going = [task for task in tasks if task.status not in TASK_ENDED and task.name != clean_up]
        earlier: Mapping[str, TaskTiming] = {}
        if any(timings.get(task.name) is None or not timings[task.name].completed for task in going):
            earlier = await self._earlier(run.workflow_id)
        waits = _waits(run)
        over = [
            TaskLeft(task.name, task.dependencies, 0, durations=_durations(timings.get(task.name)))
            for task in tasks
            if task.status in TASK_ENDED
        ]
        left = time_left([*over, *(_left(task, timings, earlier, waits) for task in going)], await self.slots())
        return self._eta(left)

    async def of_spec(self, spec: WorkflowSpec, subtasks: Mapping[str, int | None], owner: str) -> Left:
        """Return how long a run would take if it began now, by the last run of the owner's workflow of that name."""
        try:
            earlier = await self._earlier((await self._stores.workflows.latest(owner, spec.name)).id)
        except NotFoundError:
            earlier = {}
        waits = _waits_of(spec)
        left = []
        for task in spec.tasks:
            if task.name == spec.cleanup:
                continue
            count = subtasks.get(task.name)
            before = earlier.get(task.name)
            if count is None:
                count = before.subtasks if before is not None else 1
            wait = waits.get(task.name)
            left.append(TaskLeft(task.name, task.dependencies, 0 if wait else count, 0, _durations(before), wait))
        return time_left(left, await self.slots())

    async def _earlier(self, workflow_id: str) -> Mapping[str, TaskTiming]:
        last = await self._stores.timings.last_completed(workflow_id) if workflow_id else None
        return await self._stores.timings.of_run(last) if last is not None else {}

    def _eta(self, left: Left) -> Eta:
        now = self._clock()
        if left.soonest is None or left.latest is None:
            return Eta(None, None, left.reason)
        return Eta(now + timedelta(seconds=left.soonest), now + timedelta(seconds=left.latest), left.reason)


def _left(
    task: Task, timings: Mapping[str, TaskTiming], earlier: Mapping[str, TaskTiming], waits: Mapping[str, Basis]
) -> TaskLeft:
    now, before = timings.get(task.name), earlier.get(task.name)
    if task.name in waits:
        return TaskLeft(task.name, task.dependencies, 0, waits=waits[task.name])
    if now is None:
        subtasks = before.subtasks if before is not None else 1
        return TaskLeft(task.name, task.dependencies, subtasks, 0, _durations(before))
    return TaskLeft(
        task.name, task.dependencies, now.subtasks - now.ended, now.leased, _durations(now) or _durations(before)
    )


def _durations(timing: TaskTiming | None) -> Durations | None:
    if timing is None or timing.mean is None or timing.deviation is None:
        return None
    return Durations(timing.completed, timing.mean, timing.deviation)


def _waits(run: Run) -> dict[str, Basis]:
    """Return what tasks wait for that no volunteer hastens; the run's spec is read as it is, it was checked before."""
    waits: dict[str, Basis] = {}
    for task in run.spec.get("tasks", ()):
        if "wait" in task:
            waits[task["name"]] = _signal(task["name"], task["wait"]["signal"])
        elif "sleep" in task:
            waits[task["name"]] = _sleep(task["name"])
        elif "workflow" in task:
            waits[task["name"]] = _child(task["name"], task["workflow"])
    return waits


def _waits_of(spec: WorkflowSpec) -> dict[str, Basis]:
    waits: dict[str, Basis] = {}
    for task in spec.tasks:
        if task.wait is not None:
            waits[task.name] = _signal(task.name, task.wait.signal)
        elif task.sleep is not None:
            waits[task.name] = _sleep(task.name)
        elif task.workflow is not None:
            waits[task.name] = _child(task.name, task.workflow)
    return waits


def _signal(task: str, name: str) -> Basis:
    return Basis("signal", {"task": task, "signal": name})


def _sleep(task: str) -> Basis:
    return Basis("sleep", {"task": task})


def _child(task: str, workflow: str) -> Basis:
    return Basis("child", {"task": task, "workflow": workflow})
