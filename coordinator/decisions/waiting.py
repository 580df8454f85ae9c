"""Explain what each part of a run waits for, and what would help.

Plain functions of plain values. Queued work is looked at by what it asks of a machine, as matching does, so nothing
here grows with queued subtasks.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from coordinator.decisions.matching import Offer, Wish, fits
from storage.values import EqualMachines, QueuedWork

_SIZES = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


class ReasonKind(enum.StrEnum):
    """Why something waits."""

    PAUSED = "paused"
    DEPENDENCIES = "dependencies"
    NO_VOLUNTEERS = "no-volunteers"
    NO_FITTING_VOLUNTEER = "no-fitting-volunteer"
    VOLUNTEERS_BUSY = "volunteers-busy"
    QUOTA = "quota"
    BACKOFF = "backoff"  # between two tries
    SIGNAL = "signal"
    SLEEP = "sleep"
    CHILD = "child"
    CHECKING = "checking"  # results wait to be certified
    NOT_STARTED = "not-started"
    NONE = "none"  # nothing waits


class TaskPhase(enum.StrEnum):
    """How far a task is."""

    PENDING = "pending"
    SPLITTING = "splitting"
    RUNNING = "running"
    AGGREGATING = "aggregating"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Reason:
    """`count`: of how many subtasks (of `dependencies`: tasks); `detail` says in English what would help."""

    kind: ReasonKind
    detail: str
    task: str | None = None
    count: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rest:
    """Subtasks that failed and are tried again at `until`; None: soon, nobody can tell when."""

    count: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class TaskWait:
    """What a task waits for that no volunteer hastens, `until` at most: a signal, time, a child run."""

    kind: ReasonKind  # SIGNAL, SLEEP or CHILD
    until: datetime | None = None
    signal: str = ""
    child_run_id: str | None = None
    child_status: str = ""


@dataclass(frozen=True, slots=True)
class TaskNow:
    name: str
    step: TaskPhase
    dependencies: Sequence[str] = ()
    paused: bool = False
    awaited: TaskWait | None = None
    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class RunNow:
    """`ended`: its last status; `held`: a flow worker carries it; `begun`: one did before."""

    ended: str | None = None
    cancelling: bool = False
    paused: bool = False
    held: bool = True
    begun: bool = True
    scheduled: bool = True  # Prefect has a flow run for it


@dataclass(frozen=True, slots=True)
class Limit:
    """What an owner has of something and may have; None: no limit."""

    used: int
    allowed: int | None

    @property
    def reached(self) -> bool:
        return self.allowed is not None and self.used >= self.allowed


NO_LIMIT = Limit(0, None)


def reasons(
    run: RunNow,
    tasks: Sequence[TaskNow],
    queues: Sequence[QueuedWork],
    machines: Sequence[EqualMachines],
    *,
    leased: Limit = NO_LIMIT,
    queued: Limit = NO_LIMIT,
) -> list[Reason]:
    """Return all reasons, of the whole run first, then of tasks in their order; one of kind NONE if nothing waits.

    `leased` and `queued` are the owner's quotas of subtasks.
    """
    if run.ended is not None:
        return [Reason(ReasonKind.NONE, f"the run has ended: {run.ended}")]
    if run.cancelling:
        text = "the run is being cancelled: volunteers get no more subtasks of it"
        return [Reason(ReasonKind.NONE, text, values={"cancelling": True})]
    found = [*_of_run(run, queues), *_of_lending(run, tasks, queues, machines, leased)]
    for task in tasks:
        found += _of_task(task, queues, run, queued)
    if run.begun:
        found += _of_dependencies(tasks)
    return found or [_nothing(tasks, queues)]


def _of_run(run: RunNow, queues: Sequence[QueuedWork]) -> Iterator[Reason]:
    if run.paused:
        count = sum(queue.queued for queue in queues)
        yield Reason(
            ReasonKind.PAUSED, f"the run is paused; resume it to give its {_subtasks(count)} to volunteers", count=count
        )
    elif not run.held:
        if run.begun:
            text = "the flow worker of this run is gone; another one takes over within seconds, if one is running"
        elif run.scheduled:
            text = (
                "no flow worker has taken the run yet; if this takes longer than seconds, check whether one is running"
            )
        else:
            text = "Prefect does not know this run yet; it will as soon as the Prefect server answers"
        yield Reason(ReasonKind.NOT_STARTED, text, values={"lost": run.begun, "scheduled": run.scheduled})


def _of_lending(
    run: RunNow,
    tasks: Sequence[TaskNow],
    queues: Sequence[QueuedWork],
    machines: Sequence[EqualMachines],
    leased: Limit,
) -> list[Reason]:
    """Return why subtasks that may be lent are not."""
    held_back = {task.name for task in tasks if task.paused}
    lendable = [queue for queue in queues if queue.lending and queue.queued and queue.task not in held_back]
    count = sum(queue.queued for queue in lendable)
    if run.paused or not count:
        return []
    if leased.reached:
        text = (
            f"volunteers have {leased.used} subtasks of the owner, of {leased.allowed} allowed; they get more when "
            "these end, or when an admin raises the quota"
        )
        values = {"quota": "leased", "used": leased.used, "allowed": leased.allowed}
        return [Reason(ReasonKind.QUOTA, text, count=count, values=values)]
    if not machines:
        text = f"no volunteer is online; {_subtasks(count)} wait until a machine joins or comes back"
        return [Reason(ReasonKind.NO_VOLUNTEERS, text, count=count)]
    return [_not_lent(queue, machines) for queue in lendable]


def lacking(queue: QueuedWork, machines: Sequence[EqualMachines]) -> Reason | None:
    """Say what a subtask needs that none of these machines has; None if one of them is large enough."""
    if _fitting(queue, machines):
        return None
    online = sum(item.count for item in machines)
    asked = {"cpu": queue.cpu, "memory": queue.memory, "storage": queue.storage}
    most: dict[str, float] = {name: max((getattr(item, name) for item in machines), default=0) for name in asked}
    short = [name for name in asked if asked[name] > most[name]] or list(asked)
    wanted = " and ".join(_amount(name, asked[name]) for name in short)
    there = " and ".join(_amount(name, most[name]) for name in short)
    text = (
        f"none of the {online} online machines has {wanted} for a subtask of {queue.task} (the most is {there}); "
        "ask for less in the task's resources, or add a larger machine"
    )
    values = {**asked, "short": short, "most": most, "online": online}
    return Reason(ReasonKind.NO_FITTING_VOLUNTEER, text, queue.task, queue.queued, values)


def _fitting(queue: QueuedWork, machines: Sequence[EqualMachines]) -> list[EqualMachines]:
    offer = Offer("", queue.task, queue.queued, queue.cpu, queue.memory, queue.storage)
    return [item for item in machines if fits(offer, Wish("", 1, item.cpu, item.memory, item.storage))]


def _not_lent(queue: QueuedWork, machines: Sequence[EqualMachines]) -> Reason:
    if (reason := lacking(queue, machines)) is not None:
        return reason
    fitting = _fitting(queue, machines)
    online = sum(item.count for item in machines)
    count, slots = sum(item.count for item in fitting), sum(item.slots for item in fitting)
    text = (
        f"{_subtasks(queue.queued)} of {queue.task} wait for a free slot: {count} of {online} machines online fit, "
        f"with {slots} slots in all, and {queue.leased} subtasks of the task are with volunteers; more machines would "
        "help, or a higher priority if other runs come first"
    )
    values = {"machines": count, "online": online, "slots": slots, "leased": queue.leased}
    return Reason(ReasonKind.VOLUNTEERS_BUSY, text, queue.task, queue.queued, values)


def _of_task(task: TaskNow, queues: Sequence[QueuedWork], run: RunNow, queued: Limit) -> Iterator[Reason]:
    own = [queue for queue in queues if queue.task == task.name]
    if task.step is TaskPhase.ENDED:
        return
    if task.paused:
        count = sum(queue.queued for queue in own)
        text = f"the task {task.name} is paused; resume it to give its {_subtasks(count)} to volunteers"
        yield Reason(ReasonKind.PAUSED, text, task.name, count)
    if checking := sum(queue.checking for queue in own):
        text = f"{_subtasks(checking)} of {task.name} have a result that is still being checked"
        yield Reason(ReasonKind.CHECKING, text, task.name, checking)
    if task.awaited is not None and task.step is TaskPhase.RUNNING:
        yield _awaits(task.name, task.awaited)
    if task.rest is not None:
        when = f"at {_moment(task.rest.until)}" if task.rest.until is not None else "soon"
        text = f"{_subtasks(task.rest.count)} of {task.name} failed and are tried again {when}"
        yield Reason(ReasonKind.BACKOFF, text, task.name, task.rest.count, {"until": _iso(task.rest.until)})
    if task.step is TaskPhase.SPLITTING and run.held and not run.paused:
        yield _splitting(task.name, queued)


def _splitting(task: str, queued: Limit) -> Reason:
    if queued.reached:
        text = (
            f"the owner has {queued.used} queued subtasks, of {queued.allowed} allowed; more subtasks of {task} "
            "are queued when these are done, or when an admin raises the quota"
        )
        values = {"quota": "queued", "used": queued.used, "allowed": queued.allowed}
        return Reason(ReasonKind.QUOTA, text, task, values=values)
    return Reason(ReasonKind.NOT_STARTED, f"{task} is being split into subtasks", task, values={"splitting": True})


def _awaits(task: str, awaited: TaskWait) -> Reason:
    until = f", until {_moment(awaited.until)} at the longest" if awaited.until is not None else ""
    values: dict[str, Any] = {"until": _iso(awaited.until)}
    if awaited.kind is ReasonKind.SIGNAL:
        text = f"{task} waits for the signal {awaited.signal}{until}; anyone who may change the run can send it"
        values["signal"] = awaited.signal
    elif awaited.kind is ReasonKind.CHILD:
        text = f"{task} waits for the end of the run that it started"
        if awaited.child_run_id is not None:
            text += f", {awaited.child_run_id}, which is {awaited.child_status}; see why that one waits"
        values = {"run_id": awaited.child_run_id, "status": awaited.child_status}
    else:
        end = f" until {_moment(awaited.until)}" if awaited.until is not None else ""
        text = f"{task} sleeps{end}; nothing can shorten this"
    return Reason(awaited.kind, text, task, values=values)


def _of_dependencies(tasks: Sequence[TaskNow]) -> Iterator[Reason]:
    """Tell of tasks that come next, one by one, and of all behind these in one line."""
    steps = {task.name: task.step for task in tasks}
    pending = [task for task in tasks if task.step is TaskPhase.PENDING]
    behind = 0
    for task in pending:
        open_ = [name for name in task.dependencies if steps.get(name, TaskPhase.ENDED) is not TaskPhase.ENDED]
        if not open_:
            yield Reason(ReasonKind.NOT_STARTED, f"{task.name} is about to start", task.name)
        elif any(steps[name] is TaskPhase.PENDING for name in open_):
            behind += 1
        else:
            text = f"{task.name} starts when {_listed(open_)} {'has' if len(open_) == 1 else 'have'} ended"
            yield Reason(ReasonKind.DEPENDENCIES, text, task.name, len(open_), {"tasks": open_})
    if behind:
        text = f"{behind} more {'task waits' if behind == 1 else 'tasks wait'} for these tasks"
        yield Reason(ReasonKind.DEPENDENCIES, text, None, behind, {"tasks": []})


def _nothing(tasks: Sequence[TaskNow], queues: Sequence[QueuedWork]) -> Reason:
    leased = sum(queue.leased for queue in queues)
    if leased:
        return Reason(ReasonKind.NONE, f"nothing is waiting: {_subtasks(leased)} are with volunteers", count=leased)
    if joining := [task.name for task in tasks if task.step is TaskPhase.AGGREGATING]:
        text = f"nothing is waiting: the results of {_listed(joining)} are being combined"
        return Reason(ReasonKind.NONE, text, values={"tasks": joining})
    return Reason(ReasonKind.NONE, "nothing is waiting")


def _subtasks(count: int) -> str:
    return f"{count:,} subtask{'' if count == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _amount(name: str, value: float) -> str:
    if name == "cpu":
        return f"{value:g} cores"
    unit, size = next(((unit, size) for unit, size in _SIZES if value >= size), ("B", 1))
    return f"{value / size:.3g} {unit} of {name}"


def _moment(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at is not None else "no time that is known"


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
