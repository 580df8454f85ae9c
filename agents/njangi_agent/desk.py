"""What the agent holds: leases waiting, leases under way, reports not yet acknowledged. Touches nothing else."""

from __future__ import annotations

from collections import deque
from typing import Collection, Deque, Dict, Iterable, List, Optional, Sequence, Set

from njangi_agent.decisions import bundle_size, fitting, smoothed
from njangi_agent.protocol import Held, Lease, Outcome, Report, SyncAnswer, TaskDefinition

_MOST_TASKS = 32


class Desk:
    """Every lease is known by its token, since a subtask may come back under a new one."""

    def __init__(self) -> None:
        self.attempt_seconds: Optional[float] = None
        self._tasks: Dict[str, TaskDefinition] = {}
        self._seconds: Dict[str, float] = {}
        self._queue: Deque[Lease] = deque()
        self._held: Dict[str, Lease] = {}
        self._reports: Dict[str, Report] = {}

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def has_reports(self) -> bool:
        return bool(self._reports)

    def beat_seconds(self) -> float:
        """Return how long the agent may be silent: a third of the shortest lease."""
        return min((lease.seconds for lease in self._held.values()), default=float("inf")) / 3

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
            self.attempt_seconds = smoothed(self.attempt_seconds, report.seconds)
            self._seconds[lease.task_id] = smoothed(self._seconds.get(lease.task_id), report.seconds)
        return True

    def remember(self, reports: Iterable[Report]) -> None:
        """Add reports of an earlier agent."""
        self._reports.update((report.token, report) for report in reports)

    def outgoing(self, most: int) -> List[Report]:
        reports = list(self._reports.values())
        return reports[: fitting(reports, most)]

    def beats(self, reports: Sequence[Report]) -> List[Held]:
        """Return the leases to name in a sync that carries these reports."""
        told = {report.token for report in reports}
        return [Held(lease.subtask_id, token) for token, lease in self._held.items() if token not in told]

    def acknowledged(self, reports: Sequence[Report]) -> None:
        self._drop({report.token for report in reports})

    def unreported(self) -> List[Lease]:
        return [lease for token, lease in self._held.items() if token not in self._reports]

    def _drop(self, tokens: Collection[str]) -> None:
        for token in tokens:
            self._held.pop(token, None)
            self._reports.pop(token, None)
