"""Estimate when a run ends: a range, and the reason for it.

What is left of each task is its subtasks that have not ended, each taking as long as those did that ended. No
schedule of that work is shorter than its longest chain of tasks nor than all of it shared out evenly; a list
schedule, which is what lending is, takes no longer than the two together (Graham 1969, SIAM J. Appl. Math. 17).
"""

from __future__ import annotations

import graphlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SENTENCES: Mapping[str, str] = {
    "cancelling": "it is being cancelled",
    "paused": "it is paused",
    "no-tasks": "its flow has not told of any task yet",
    "nothing-left": "nothing is left to do",
    "signal": "task {task} waits for the signal {signal}",
    "sleep": "task {task} waits for a time to pass",
    "child": "task {task} waits for a run of {workflow} to end",
    "no-volunteers": "no volunteer is online",
    "nothing-known": "no subtask of this run or of an earlier one has ended yet",
    "work": "{left} subtasks left, {slots} slots online; estimated from {seen} ended subtasks",
    "work.fewest": "; the latest time assumes only the {fewest} slots that work for it now",
    "work.unlike": "; no subtask of {unlike} has ended yet: assumed to take as long as the rest",
    "work.several": "; no subtask of {several} and other tasks has ended yet: assumed to take as long as the rest",
}
"""What a forecast can rest on. `work` says more where there are values for it."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a forecast rests on, or why there is none: in English as text, by code and values for other languages."""

    code: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        more = [
            code for code in SENTENCES if code.startswith(f"{self.code}.") and code.partition(".")[2] in self.values
        ]
        return "".join(SENTENCES[code].format_map(self.values) for code in (self.code, *more))


@dataclass(frozen=True, slots=True)
class Durations:
    """What ended subtasks of a task took: how many there were, mean and standard deviation in seconds."""

    count: int
    mean: float
    deviation: float

    @property
    def uncertainty(self) -> float:
        """Twice the standard error of the mean, in seconds; of a single one, as much as the mean itself."""
        return 2 * self.deviation / math.sqrt(self.count) if self.count > 1 else self.mean


@dataclass(frozen=True, slots=True)
class TaskLeft:
    """What is left of a task: `subtasks` have not ended, `leased` of them are with volunteers.

    `durations` are those seen of it in this run, else in an earlier one of the workflow, None if there are none. Tasks
    that have ended tell what the others may be like.
    `waits` says that a task waits for something that no volunteer hastens, such as a signal.
    """

    name: str
    dependencies: Sequence[str]
    subtasks: int
    leased: int = 0
    durations: Durations | None = None
    waits: Basis | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds from now in which a run ends: `soonest` to `latest`, both None where that cannot be told; and why."""

    soonest: float | None
    latest: float | None
    reason: Basis


@dataclass(slots=True)
class _Work:
    """Seconds of work, and the seconds by which it may be more or less."""

    total: float = 0.0
    spread: float = 0.0
    chains: dict[str, float] = field(default_factory=dict)


def time_left(tasks: Sequence[TaskLeft], slots: int) -> Left:
    """Return when what is left of a run ends if volunteers go on offering `slots` slots.

    At the soonest all of them work for this run; at the latest, where others hold slots now, only those that it has.
    """
    left = [task for task in tasks if task.subtasks > 0 or task.waits is not None]
    if not left:
        return Left(0.0, 0.0, Basis("nothing-left"))
    if waiting := [task.waits for task in left if task.waits is not None]:
        return Left(None, None, waiting[0])
    if slots <= 0:
        return Left(None, None, Basis("no-volunteers"))
    known = [task.durations for task in tasks if task.durations is not None]
    if not known:
        return Left(None, None, Basis("nothing-known"))
    guess = sum(item.mean for item in known) / len(known)
    work = _work(left, {task.name: task.durations or Durations(1, guess, 0.0) for task in left})
    longest = max(work.chains.values())
    queued = sum(max(0, task.subtasks - task.leased) for task in left)
    leased = sum(task.leased for task in left)
    fewest = leased if 0 < leased < slots and queued > 0 else slots
    soonest = max(longest, max(0.0, work.total - work.spread) / slots)
    latest = longest + (work.total + work.spread) / fewest
    seen = sum(item.count for item in known)
    return Left(soonest, latest, _reason(left, seen, slots, fewest))


def _work(left: Sequence[TaskLeft], durations: Mapping[str, Durations]) -> _Work:
    work = _Work()
    tasks = {task.name: task for task in left}
    graph = {task.name: [name for name in task.dependencies if name in tasks] for task in left}
    for name in graphlib.TopologicalSorter(graph).static_order():
        task, took = tasks[name], durations[name]
        work.total += task.subtasks * took.mean
        work.spread += task.subtasks * took.uncertainty
        work.chains[name] = took.mean + max((work.chains[above] for above in graph[name]), default=0.0)
    return work


def _reason(left: Sequence[TaskLeft], seen: int, slots: int, fewest: int) -> Basis:
    values: dict[str, str | int] = {"left": sum(task.subtasks for task in left), "slots": slots, "seen": seen}
    if fewest < slots:
        values["fewest"] = fewest
    if unknown := [task.name for task in left if task.durations is None]:
        values["several" if len(unknown) > 1 else "unlike"] = unknown[0]
    return Basis("work", values)
