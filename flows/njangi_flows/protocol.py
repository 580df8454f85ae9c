"""The messages that flows and the service exchange under /v1/flow. Both sides import this module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue

START_TIMED_OUT = "ScheduleToStartTimedOut"
CLOSE_TIMED_OUT = "ScheduleToCloseTimedOut"
REFUSED_BY_ALL = "RefusedByAll"
"""Types of the errors of subtasks that waited, or lasted, longer than their task allows. No try mends them."""


class FileRef(BaseModel):
    sha256: str
    size: int


class TaskState(BaseModel):
    """A task as the service has it; `plan` is what an earlier start put there, `digest` an engineer's definition's."""

    name: str
    status: str
    plan: JsonValue = None
    error: str | None = None
    digest: str | None = None
    parts: int = 0
    failed_parts: int = 0


class ToldTask(BaseModel):
    """What the service makes of a task's change: why it failed, and how many of its parts did when it has ended."""

    error: str | None = None
    parts: int = 0
    failed_parts: int = 0


class CarriedRun(BaseModel):
    """The run that a flow carries. `cancel`: all that is left to do is `clean_up`, a task, unless that is None."""

    id: str
    name: str
    spec: dict[str, Any]
    files: dict[str, FileRef] = Field(default_factory=dict)
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    tasks: list[TaskState] = Field(default_factory=list)
    cancel: bool = False
    clean_up: str | None = None


class Hold(BaseModel):
    """The run lease: `token` goes with every write; `slots` are the subtasks volunteers can run at once now."""

    token: str
    attempt: int
    seconds: float
    slots: int = 0
    run: CarriedRun


class SubtaskFailure(BaseModel):
    subtask_id: str
    type: str
    message: str = ""
    stderr: str = ""


class TaskResult(BaseModel):
    """Where a result is: JSON text, or the blob that holds it; `raw`: or that holds bytes which are the result."""

    result: str | None = None
    blob: str | None = None
    raw: bool = False


class SettledBatch(BaseModel):
    """A batch of which every subtask has ended, after `tries` rounds.

    `errors` are the first few failures. `aside` of the failed ones stay as they are, since other errors alone were to
    be tried again; `error_types` counts the rest by the type of their error. `result` is that of a batch of one
    subtask, where the service tells it along.
    """

    id: str
    total: int
    completed: int
    failed: int = 0
    tries: int = 1
    aside: int = 0
    errors: list[SubtaskFailure] = Field(default_factory=list)
    error_types: dict[str, int] = Field(default_factory=dict)
    result: TaskResult | None = None


class Orders(BaseModel):
    """What the service has to say to the flow: that the run is cancelled, and that it shall not clean up first."""

    cancel: bool = False
    skip_clean_up: bool = False


class BeatOrders(Orders):
    """What the service has to say to one flow with its beat. `lost`: its run lease is another's."""

    lost: bool = False


class Settled(Orders):
    settled: list[SettledBatch] = Field(default_factory=list)


class EndedWait(BaseModel):
    """A wait of a task that has ended: by a signal (`payload` is JSON text), its child's end, or time that passed."""

    task: str
    ending: Literal["signal", "child", "passed"]
    payload: str | None = None
    until: datetime | None = None


class BegunWait(BaseModel):
    """When a wait ends at the latest; None if only what it waits for ends it."""

    until: datetime | None = None


class EndedWaits(Orders):
    ended: list[EndedWait] = Field(default_factory=list)


class ChildRun(BaseModel):
    """The run that a task started; `results` holds small results by task, and names the blobs of others."""

    id: str
    name: str
    status: str
    error: str | None = None
    results: dict[str, JsonValue] = Field(default_factory=dict)


class ResultRow(BaseModel):
    """A subtask's accepted result: JSON text, or the blob that holds it, of so many bytes."""

    index: int
    status: str
    result: str | None = None
    blob: str | None = None
    size: int | None = None


class ResultPage(BaseModel):
    results: list[ResultRow]
    next: int | None = None


class KnownCall(BaseModel):
    """A call that is there: `contents` is the SHA-256 of its parameters, `tries` are those of it that have failed."""

    index: int
    contents: str | None = None
    tries: int = 0


class KnownCalls(BaseModel):
    calls: list[KnownCall]
    next: int | None = None


class Neighbours(BaseModel):
    """Indexes from `first` to `last`."""

    first: int
    last: int


class FailedParts(BaseModel):
    """The indexes of a task's subtasks that failed."""

    ranges: list[Neighbours]

    def indexes(self) -> list[int]:
        return [index for part in self.ranges for index in range(part.first, part.last + 1)]


class Adopted(BaseModel):
    id: str


class Beaten(BaseModel):
    orders: list[BeatOrders]


class Heard(BaseModel):
    heard: int


@dataclass(frozen=True, slots=True)
class RunLease:
    """What a flow's writes carry: which run, and the token that proves it is still ours."""

    run_id: str
    token: str


@dataclass(frozen=True, slots=True)
class SubtaskInput:
    """A subtask to queue: its parameters as a JSON object, or the blob that holds them."""

    index: int
    parameters: dict[str, JsonValue] | None = None
    parameters_blob: str | None = None


@dataclass(frozen=True, slots=True)
class BatchInput:
    index: int
    subtasks: Sequence[SubtaskInput]


@dataclass(frozen=True, slots=True)
class Wait:
    """What a task waits for: a signal, the end of its child run, the moment `until`; the first that comes."""

    task: str
    signal: str | None = None
    child: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What a flow says of a task; None leaves a field as it is.

    `result` is JSON text; `raw` says of the blob that it holds no JSON but bytes which are the result. One that FAILED
    without an error did so because too many subtasks did: `first` is one of them, a SubtaskFailure.
    """

    status: str
    definition: Mapping[str, Any] | None = None
    plan: JsonValue = None
    result: str | None = None
    blob: str | None = None
    raw: bool | None = None
    error: str | None = None
    first: Mapping[str, str] | None = None
