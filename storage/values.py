"""Plain values that stores return and decisions take: no documents, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class QueuedWork:
    """Subtasks of one task that need the same of a machine. `cpu` in cores, `memory` and `storage` in bytes.

    `checking` of them have a result that is not certified; `lending`: the others may be leased now.
    """

    task: str
    queued: int
    leased: int
    checking: int
    cpu: float
    memory: int
    storage: int
    lending: bool


@dataclass(frozen=True, slots=True)
class EqualMachines:
    """Volunteers online whose machines offer the same. `cpu` in cores, `memory` and `storage` in bytes."""

    count: int
    slots: int
    cpu: float
    memory: int
    storage: int


@dataclass(frozen=True, slots=True)
class Failure:
    """One subtask that failed, for now or for good, with the error of its last attempt.

    `volunteer_id` made that attempt; None if the subtask was never leased.
    """

    task: str
    index: int
    type: str
    message: str
    volunteer_id: str | None
    at: datetime
