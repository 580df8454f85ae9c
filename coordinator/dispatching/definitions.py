"""Task definitions, packed and ready to send to agents. A definition changes only when its task is reset."""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from njangi_agent.protocol import TaskDefinition

from coordinator.decisions.leases import longest_lease
from storage.runs.tasks import TaskStore

REMEMBERED = 2_000
_AGENTS_FIELDS = {field.name: field.default for field in dataclasses.fields(TaskDefinition)}


@dataclass(frozen=True, slots=True)
class PackedDefinition:
    """What a task asks, and what follows from it for its leases."""

    text: str  # a TaskDefinition as JSON
    heartbeat: float  # seconds
    start_to_close: float  # seconds
    transfers: int  # bytes that an attempt may have to fetch and send


class Definitions:
    """Task definitions by task id, read once each."""

    def __init__(self, tasks: TaskStore) -> None:
        self._tasks = tasks
        self._known: OrderedDict[str, PackedDefinition] = OrderedDict()
        self._generations: OrderedDict[str, int] = OrderedDict()  # of tasks that were ever reset

    def forget_older(self, generations: Mapping[str, int]) -> None:
        """Forget what was read of tasks that have been reset since: `generations` are those of tasks by their id."""
        for task_id, generation in generations.items():
            if self._generations.get(task_id, 0) < generation:
                self._known.pop(task_id, None)
                self._generations[task_id] = generation
        while len(self._generations) > REMEMBERED:
            self._generations.popitem(last=False)

    async def load(self, task_ids: Set[str]) -> None:
        """Read those not known yet, and remember all of them the longest. What is not stored is passed over."""
        for task_id in task_ids & self._known.keys():
            self._known.move_to_end(task_id)
        if unknown := task_ids - self._known.keys():
            for task_id, definition in (await self._tasks.definitions(unknown)).items():
                self._known[task_id] = _definition(task_id, definition)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def get(self, task_id: str) -> PackedDefinition | None:
        """Return a loaded definition; None if the task is not stored, or was set back and has none now."""
        return self._known.get(task_id)

    def heartbeat(self, task_id: str) -> float:
        """Return the seconds after which a lease of the task is lost without a heartbeat."""
        return self._known.get(task_id, _UNKNOWN).heartbeat

    def longest_lease(self, task_id: str, leases: int, slots: int) -> float:
        """Return the seconds after which a lease of the task is over, lent with others; see `decisions.leases`."""
        known = self._known.get(task_id, _UNKNOWN)
        return longest_lease(known.start_to_close, known.transfers, leases, slots)


def _definition(task_id: str, stored: Mapping[str, Any]) -> PackedDefinition:
    """Return what is used of a stored definition; agents get only the fields that are theirs."""
    theirs = {name: value for name, value in stored.items() if name in _AGENTS_FIELDS}
    limits = {**_AGENTS_FIELDS, **theirs}
    return PackedDefinition(
        text=json.dumps({**theirs, "task_id": task_id}),
        heartbeat=float(limits["heartbeat"]),
        start_to_close=float(limits["start_to_close"]),
        transfers=sum(file["size"] for file in limits["files"]) + int(limits["storage"]),
    )


_UNKNOWN = _definition("", {})
