"""Rebuild a run, its tasks and its subtasks from its event log alone.

A plain function of the events, in their order. It shares no code with the service: what it arrives at must equal what
is stored, or the log has a hole. `RULES` is the whole of it, one line an event type (docs/events.md lists them
with their fields); types and fields that it does not know are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from njangi_flows.errors import FlowsError

Event = Mapping[str, Any]

RUN_STATUSES = (
    *("CREATED", "VALIDATED", "SUBMITTED", "SPLITTING", "RUNNING", "PAUSED", "AGGREGATING"),
    *("COMPLETED", "FAILED", "CANCELLED"),
)
TASK_STATUSES = ("PENDING", "SPLITTING", "RUNNING", "AGGREGATING", "COMPLETED", "FAILED", "CANCELLED", "SKIPPED")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "SKIPPED")
REMEMBERED_ATTEMPTS = 20
"""How many ended attempts a subtask's record keeps, the newest."""


class HistoryError(FlowsError, ValueError):
    """The events are not the whole history of one run."""


@dataclass(slots=True)
class ReplayedSubtask:
    """A subtask as the log tells it. `attempts` are those that ended: (volunteer, outcome), the oldest first."""

    batch: int
    status: str = "QUEUED"
    attempt: int = 0
    assigned_to: str | None = None
    attempts: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class ReplayedTask:
    """A task as the log tells it, with its subtasks by their index. `told` are the parts that its end was told with."""

    status: str = "PENDING"
    error: str | None = None
    told: tuple[int, int] = (0, 0)
    subtasks: dict[int, ReplayedSubtask] = field(default_factory=dict)

    def counts(self) -> Counter[str]:
        """Return how many subtasks are in each status."""
        return Counter(subtask.status for subtask in self.subtasks.values())

    def parts(self) -> tuple[int, int]:
        """Return of how many parts how many failed for good; of a task without subtasks what was told of its child."""
        if not self.subtasks:
            return self.told
        counts = self.counts()
        return counts.total(), counts["FAILED"] + counts["DEAD"] if self.status in ENDED else 0


@dataclass(slots=True)
class ReplayedRun:
    """A run as the log tells it. Times are texts as in the events; `seq` is the last event's number."""

    id: str
    seq: int = 0
    status: str = "CREATED"
    attempt: int = 0
    recoveries: int = 0
    error: str | None = None
    cancel_requested: bool = False
    prefect_flow_run_id: str | None = None
    replaced_by: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    tasks: dict[str, ReplayedTask] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    """How often each event type came that has no rule here."""

    def task(self, name: str) -> ReplayedTask:
        return self.tasks.setdefault(name, ReplayedTask())


Rule = Callable[[ReplayedRun, Event], None]


def rebuild(events: Iterable[Event]) -> ReplayedRun:
    """Return the run that the events, its first and all that follow, tell of. Raises HistoryError if that cannot be."""
    run: ReplayedRun | None = None
    for event in events:
        if run is None:
            if event.get("type") != "run.submitted" or "tasks" not in event:
                raise HistoryError("the first event is not a run's beginning; export its history from the start")
            run = ReplayedRun(str(event["run_id"]))
        apply(run, event)
    if run is None:
        raise HistoryError("there are no events")
    return run


def apply(run: ReplayedRun, event: Event) -> None:
    """Change `run` as the event tells. Raises HistoryError if it is out of order, or of what was never told of."""
    if event.get("run_id") != run.id:
        raise HistoryError(f"event {event.get('seq')} is of run {event.get('run_id')}, not of {run.id}")
    if event["seq"] <= run.seq:
        raise HistoryError(f"event {event['seq']} comes after event {run.seq}")
    run.seq = event["seq"]
    rule = RULES.get(event["type"])
    if rule is None:
        run.unknown[event["type"]] += 1
        return
    try:
        rule(run, event)
    except KeyError as missing:
        raise HistoryError(f"event {run.seq} ({event['type']}) names {missing}, which is not known then") from missing


# Rules for runs


def _run_status(status: str) -> Rule:
    def rule(run: ReplayedRun, event: Event) -> None:
        run.status = status
        run.error = event["error"]
        run.started_at = event["started_at"]
        run.ended_at = event["ended_at"]

    return rule


def _run_submitted(run: ReplayedRun, event: Event) -> None:
    if "tasks" not in event:  # it was on its way and waits for a flow worker again
        _run_status("SUBMITTED")(run, event)
        if event.get("lost_flow_run") == run.prefect_flow_run_id:
            run.prefect_flow_run_id = None
        return
    run.status = "SUBMITTED"
    run.prefect_flow_run_id = event["prefect_flow_run_id"]
    run.tasks = {name: ReplayedTask() for name in event["tasks"]}


def _run_scheduled(run: ReplayedRun, event: Event) -> None:
    run.prefect_flow_run_id = event["prefect_flow_run_id"]


def _nothing(run: ReplayedRun, event: Event) -> None:
    """What is told changes nothing that is rebuilt here."""


def _run_held(run: ReplayedRun, event: Event) -> None:
    run.attempt = event["attempt"]


def _run_recovered(run: ReplayedRun, event: Event) -> None:
    run.recoveries = event["recoveries"]


def _run_released(run: ReplayedRun, event: Event) -> None:
    if event["error"] is not None:
        run.error = event["error"]


def _run_replaced(run: ReplayedRun, event: Event) -> None:
    run.replaced_by = event["successor"]


def _run_resumed(run: ReplayedRun, event: Event) -> None:
    run.status = event["status"]


def _run_reopened(run: ReplayedRun, event: Event) -> None:
    run.status = "SUBMITTED"
    run.error = run.ended_at = None
    run.cancel_requested = False
    run.recoveries = 0


def _cancel_requested(run: ReplayedRun, event: Event) -> None:
    run.cancel_requested = True


# Rules for tasks


def _task_status(status: str) -> Rule:
    def rule(run: ReplayedRun, event: Event) -> None:
        for name in [event["task"]] if "task" in event else event["tasks"]:
            task = run.task(name)
            task.status = status
            task.told = (event.get("parts", 0), event.get("failed_parts", 0))
            if event.get("error") is not None:
                task.error = event["error"]

    return rule


def _task_reset(run: ReplayedRun, event: Event) -> None:
    run.tasks[event["task"]] = ReplayedTask()


def _task_retried(run: ReplayedRun, event: Event) -> None:
    task = run.tasks[event["task"]]
    task.status, task.error, task.told = "PENDING", None, (0, 0)


# Rules for subtasks


def _queued(run: ReplayedRun, event: Event) -> None:
    subtasks = run.task(event["task"]).subtasks
    for batch in event["batches"]:
        for first, last in batch["ranges"]:
            subtasks.update((index, ReplayedSubtask(batch["batch"])) for index in range(first, last + 1))


def _leased(run: ReplayedRun, event: Event) -> None:
    for subtask in _named(run, event):
        subtask.status = "LEASED"
        subtask.attempt += 1
        subtask.assigned_to = event["volunteer"]


def _attempt_ended(outcome: str) -> Rule:
    def rule(run: ReplayedRun, event: Event) -> None:
        attempt = (event["volunteer"], outcome)
        for subtask in _named(run, event):
            subtask.status = event["status"]
            subtask.attempts = (*subtask.attempts, attempt)[-REMEMBERED_ATTEMPTS:]
            if subtask.status in ("QUEUED", "DEAD"):
                subtask.assigned_to = None

    return rule


def _overdue(run: ReplayedRun, event: Event) -> None:
    for subtask in _named(run, event):
        if subtask.status == "LEASED" and subtask.assigned_to is not None:
            subtask.attempts = (*subtask.attempts, (subtask.assigned_to, "TIMED_OUT"))[-REMEMBERED_ATTEMPTS:]
        subtask.status = "FAILED"
        subtask.assigned_to = None


def _requeued(run: ReplayedRun, event: Event) -> None:
    for subtask in _named(run, event):
        subtask.status = "QUEUED"
        subtask.assigned_to = None


def _called_back(run: ReplayedRun, event: Event) -> None:
    for subtask in _named(run, event):
        if subtask.assigned_to is not None:
            subtask.attempts = (*subtask.attempts, (subtask.assigned_to, "HANDED_BACK"))[-REMEMBERED_ATTEMPTS:]
        subtask.status = "QUEUED"
        subtask.assigned_to = None


def _cancelled(run: ReplayedRun, event: Event) -> None:
    for subtask in _named(run, event):
        subtask.status = "CANCELLED"


def _forgotten(run: ReplayedRun, event: Event) -> None:
    subtasks = run.tasks[event["task"]].subtasks
    for first, last in event["ranges"]:
        for index in range(first, last + 1):
            del subtasks[index]


def _named(run: ReplayedRun, event: Event) -> Iterator[ReplayedSubtask]:
    """Yield the subtasks that an event names, one by one in `indexes` or as runs of neighbours in `ranges`."""
    subtasks = run.tasks[event["task"]].subtasks
    for index in event.get("indexes", ()):
        yield subtasks[index]
    for first, last in event.get("ranges", ()):
        for index in range(first, last + 1):
            yield subtasks[index]


RULES: Mapping[str, Rule] = {
    **{f"run.{status.lower()}": _run_status(status) for status in RUN_STATUSES},
    "run.submitted": _run_submitted,
    "run.scheduled": _run_scheduled,
    "run.held": _run_held,
    "run.released": _run_released,
    "run.recovered": _run_recovered,
    "run.cancel_requested": _cancel_requested,
    "run.resumed": _run_resumed,
    "run.reopened": _run_reopened,
    "run.replaced": _run_replaced,
    "run.detached": _nothing,
    "signal.sent": _nothing,
    "signal.taken": _nothing,
    **{f"task.{status.lower()}": _task_status(status) for status in TASK_STATUSES},
    "task.reset": _task_reset,
    "task.retried": _task_retried,
    "subtasks.queued": _queued,
    "subtasks.leased": _leased,
    "subtasks.completed": _attempt_ended("RETURNED"),
    "subtasks.failed": _attempt_ended("FAILED"),
    "subtasks.refused": _attempt_ended("REFUSED"),
    "subtasks.handed_back": _attempt_ended("HANDED_BACK"),
    "subtasks.expired": _attempt_ended("EXPIRED"),
    "subtasks.timed_out": _attempt_ended("TIMED_OUT"),
    "subtasks.overdue": _overdue,
    "subtasks.given_up": _overdue,
    "subtasks.requeued": _requeued,
    "subtasks.cancelled": _cancelled,
    "subtasks.called_back": _called_back,
    "subtasks.forgotten": _forgotten,
}
