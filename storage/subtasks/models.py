"""The values that callers of the subtask stores get and give; no documents."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from njangi_agent.protocol import Report

BUCKETS = 64
MAX_LOSSES = 10
"""How many volunteers may lose a subtask (vanish, refuse) before it is DEAD."""
REMEMBERED_ATTEMPTS = 20


class SubtaskStatus(enum.StrEnum):
    QUEUED = "QUEUED"
    LEASED = "LEASED"
    REPORTED = "REPORTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    DEAD = "DEAD"


ENDED = (SubtaskStatus.COMPLETED, SubtaskStatus.FAILED, SubtaskStatus.CANCELLED, SubtaskStatus.DEAD)


@dataclass(frozen=True, slots=True)
class NewSubtask:
    """A subtask to queue: its parameters inline or, when large, as a blob."""

    index: int
    parameters: str | None = None  # JSON text
    parameters_blob: str | None = None


@dataclass(frozen=True, slots=True)
class NewBatch:
    index: int
    subtasks: Sequence[NewSubtask]


@dataclass(frozen=True, slots=True)
class TaskKey:
    """Where subtasks belong, what leasing them demands of a machine, and how many seconds they may wait and last."""

    run_id: str
    workflow_id: str
    name: str
    priority: int
    cpu: float
    memory: int
    storage: int
    schedule_to_start: float | None = None
    schedule_to_close: float | None = None

    @property
    def task_id(self) -> str:
        return f"{self.run_id}/{self.name}"


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch with queued subtasks, as matching sees it. Memory and storage in bytes."""

    id: str
    task_id: str
    run_id: str
    priority: int
    queued: int
    cpu: float
    memory: int
    storage: int
    owner: str
    generation: int  # rises when the run is reset: a task of another generation may ask for something else


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a machine can run: cores, bytes, and none of the tasks in `but_tasks`."""

    cpu: float
    memory: int
    storage: int
    but_tasks: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Lend up to `count` subtasks of a batch to a volunteer until `until`; no heartbeat extends that past `latest`."""

    batch_id: str
    task_id: str
    volunteer_id: str
    count: int
    until: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Leased:
    subtask_id: str
    task_id: str
    volunteer_id: str
    token: str
    attempt: int
    parameters: str | None  # JSON text
    parameters_blob: str | None
    details: str | None = None  # JSON text: what an earlier attempt told last
    details_blob: str | None = None


@dataclass(frozen=True, slots=True)
class Wrote:
    """What an attempt wrote: the last 64 KiB of each stream as text, and how many bytes there were in all.

    A text is None where it is not at hand: of standard output that is the result; of an attempt that never told how it
    ended, whose bytes are None too; and, unless one subtask alone is asked for, of one that is long.
    """

    stdout: str | None = None
    stderr: str | None = None
    stdout_bytes: int | None = None
    stderr_bytes: int | None = None
    stdout_is_result: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    volunteer_id: str
    token: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    error: Mapping[str, str] | None
    wrote: Wrote


@dataclass(frozen=True, slots=True)
class Subtask:
    id: str
    run_id: str
    task: str
    index: int
    batch: str
    status: SubtaskStatus
    attempt: int
    assigned_to: str | None
    attempts: Sequence[Attempt]
    error: Mapping[str, str] | None
    result: str | None  # JSON text
    blob: str | None
    updated_at: datetime
    progress: float  # 0..1


@dataclass(frozen=True, slots=True)
class Batch:
    id: str
    run_id: str
    task: str
    index: int
    first: int  # the lowest index of its subtasks
    total: int
    queued: int
    leased: int
    completed: int
    failed: int
    dead: int
    cancelled: int
    tries: int
    settled: bool
    aside: int = 0  # of the failed and dead ones: those that are not to be tried again


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A batch of one subtask, as a flow that began anew must know it. `tries` are those that have failed."""

    index: int
    contents: bytes | None  # SHA-256 of its parameters; None of batches that were put before that was kept
    tries: int


@dataclass(frozen=True, slots=True)
class VolunteerReport:
    volunteer_id: str
    report: Report
