"""What each task asks of an agent, kept ready to send: definitions never change while a run goes on."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Set
from dataclasses import dataclass

from storage.errors import NotFoundError
from storage.tasks import TaskStore

REMEMBERED = 2_000
DEFAULT_HEARTBEAT = 30.0


@dataclass(frozen=True, slots=True)
class _Definition:
    text: str  # a TaskDefinition as JSON
    heartbeat: float  # seconds


class Definitions:
    """Task definitions by task id, read once each."""

    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks
        self._known: OrderedDict[str, _Definition] = OrderedDict()

    async def load(self, task_ids: Set[str]) -> None:
        """Read those not known yet. What is not stored is passed over."""
        for task_id in task_ids - self._known.keys():
            try:
                task = await self._tasks.get(task_id)
            except NotFoundError:
                continue
            if task.definition is None:
                continue
            text = json.dumps({**task.definition, "task_id": task_id})
            self._known[task_id] = _Definition(text, float(task.definition.get("heartbeat", DEFAULT_HEARTBEAT)))
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def text(self, task_id: str) -> str:
        """Return a loaded definition as JSON text. Raises KeyError if it was not loaded."""
        return self._known[task_id].text

    def heartbeat(self, task_id: str) -> float:
        """Return the seconds after which a lease of the task is lost without a heartbeat."""
        known = self._known.get(task_id)
        return known.heartbeat if known else DEFAULT_HEARTBEAT
