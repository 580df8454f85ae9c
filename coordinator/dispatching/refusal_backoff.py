"""Remember which volunteers pause from which tasks because they refused them. Each replica has its own memory."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from coordinator.decisions.refusals import rest_seconds

REMEMBERED = 10_000


class Rests:
    def __init__(self) -> None:
        self._refusals: OrderedDict[tuple[str, str], tuple[int, datetime]] = OrderedDict()
        self._tasks: dict[str, set[str]] = {}  # by volunteer

    def refused(self, volunteer_id: str, task_id: str, *, now: datetime) -> None:
        """Let a volunteer rest from a task that it refuses, each time twice as long."""
        pair = (volunteer_id, task_id)
        count = self._refusals.pop(pair, (0, now))[0] + 1
        self._refusals[pair] = count, now + timedelta(seconds=rest_seconds(count))
        self._tasks.setdefault(volunteer_id, set()).add(task_id)
        while len(self._refusals) > REMEMBERED:
            (volunteer, task), _ = self._refusals.popitem(last=False)
            self._drop(volunteer, task)

    def returned(self, volunteer_id: str, task_id: str) -> None:
        """Forget that a volunteer has refused a task which it has done by now."""
        if self._refusals.pop((volunteer_id, task_id), None) is not None:
            self._drop(volunteer_id, task_id)

    def of(self, volunteer_id: str, *, now: datetime) -> frozenset[str]:
        """Return the ids of the tasks that a volunteer rests from."""
        tasks = self._tasks.get(volunteer_id, ())
        return frozenset(task for task in tasks if self._refusals[volunteer_id, task][1] > now)

    def _drop(self, volunteer_id: str, task_id: str) -> None:
        tasks = self._tasks[volunteer_id]
        tasks.discard(task_id)
        if not tasks:
            del self._tasks[volunteer_id]
