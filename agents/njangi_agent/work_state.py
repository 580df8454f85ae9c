"""The state of the agent's work: waiting leases, running leases, unacknowledged reports."""

from __future__ import annotations

from collections import deque
from typing import Collection, Deque, Dict, Iterable, List, Optional, Sequence, Set

from njangi_agent.decisions import bundle_size, fitting, fitting_notes, smoothed
from njangi_agent.protocol import LONGEST_SILENCE, Held, Lease, Outcome, Report, SyncAnswer, TaskDefinition

_MOST_TASKS = 32


class WorkState:
    """Every lease is known by its token, since a subtask may come back under a new one."""

    def __init__(self) -> None:
        self.attempt_seconds: Optional[float] = None
        self._tasks: Dict[str, TaskDefinition] = {}
        self._seconds: Dict[str, float] = {}
        self._queue: Deque[Lease] = deque()
        self._held: Dict[str, Lease] = {}
        self._reports: Dict[str, Report] = {}
        self._notes: Dict[str, Held] = {}  # what attempts told, by token, until the service has it

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def has_reports(self) -> bool:
        return bool(self._reports)

    @property
    def has_notes(self) -> bool:
        return bool(self._notes)

    def beat_seconds(self) -> float:
        """Return how long the agent may be silent: a third of the shortest lease, LONGEST_SILENCE at most."""
        return min(LONGEST_SILENCE, min((lease.seconds for lease in self._held.values()), default=float("inf")) / 3)

    def take(self, answer: SyncAnswer) -> None:
        """Put new leases in the queue. A lease that is already held is not taken twice."""
        if len(self._tasks) > _MOST_TASKS:
            used = {lease.task_id for lease in self._held.values()}
            self._tasks = {name: task for name, task in self._tasks.items() if name in used}
            self._seconds = {name: mean for name, mean in self._seconds.items() if name in used}
        self._tasks.update((task.task_id, task) for task in answer.tasks)
        for lease in answer.leases:
            if lease.token not in self._held:
                self._held[lease.token] = lease
                self._queue.append(lease)

    def task(self, lease: Lease) -> Optional[TaskDefinition]:
        return self._tasks.get(lease.task_id)

    def next_bundle(self, slots: int) -> List[Lease]:
        """Take from the queue what one slot shall run next: leases of one task, in order; empty if there are none."""
        if not self._queue:
            return []
        first = self._queue[0]
        task = self.task(first)
        same = 1
        if task is not None and task.source is not None:
            while same < len(self._queue) and self._queue[same].task_id == first.task_id:
                same += 1
            same = bundle_size(same, slots, self._seconds.get(first.task_id))
        return [self._queue.popleft() for _ in range(same)]

    def put_back(self, leases: Sequence[Lease]) -> None:
        """Return to the head of the queue what was taken but not run, except what was cancelled meanwhile."""
        self._queue.extendleft(lease for lease in reversed(leases) if lease.token in self._held)

    def cancel(self, subtask_ids: Collection[str]) -> Set[str]:
        """Drop these subtasks; return the tokens of their leases, of which some may be under way."""
        tokens = {token for token, lease in self._held.items() if lease.subtask_id in subtask_ids}
        if tokens:
            self._queue = deque(lease for lease in self._queue if lease.token not in tokens)
            self._drop(tokens)
        return tokens

    def report(self, report: Report) -> bool:
        """Keep a report until it is acknowledged. Returns whether its lease was still wanted."""
        lease = self._held.get(report.token)
        if lease is None:
            return False
        self._reports[report.token] = report
        if report.outcome is Outcome.RETURNED:  # quick failures must not draw more work here
            self._notes.pop(report.token, None)
            self.attempt_seconds = smoothed(self.attempt_seconds, report.seconds)
            self._seconds[lease.task_id] = smoothed(self._seconds.get(lease.task_id), report.seconds)
        return True

    def note(self, held: Held) -> None:
        """Keep what an attempt tells until the service has it; it takes the place of what it told before."""
        if held.token in self._held:
            self._notes[held.token] = held

    def noted(self, held: Iterable[Held]) -> None:
        """Forget what the service has."""
        for item in held:
            if self._notes.get(item.token) is item:
                del self._notes[item.token]

    def remember(self, reports: Iterable[Report]) -> None:
        """Add reports of an earlier agent."""
        self._reports.update((report.token, report) for report in reports)

    def replace(self, report: Report) -> None:
        """Send this report instead of the one of the same lease."""
        self._reports[report.token] = report

    def outgoing(self, most: int) -> List[Report]:
        reports = list(self._reports.values())
        return reports[: fitting(reports, most)]

    def beats(self, reports: Sequence[Report], *, notes: bool) -> List[Held]:
        """Return the leases to name in a sync that carries these reports, with what their attempts told if `notes`.

        An attempt that ends otherwise than well is named as well if it told something: the next one wants it.
        """
        told = {report.token for report in reports}
        telling = {item.token: item for item in fitting_notes(self._notes.values())} if notes else {}
        return [
            telling.get(token) or Held(lease.subtask_id, token)
            for token, lease in self._held.items()
            if token not in told or token in telling
        ]

    def acknowledged(self, reports: Sequence[Report]) -> None:
        self._drop({report.token for report in reports})

    def unreported(self) -> List[Lease]:
        return [lease for token, lease in self._held.items() if token not in self._reports]

    def _drop(self, tokens: Collection[str]) -> None:
        for token in tokens:
            self._held.pop(token, None)
            self._reports.pop(token, None)
            self._notes.pop(token, None)
