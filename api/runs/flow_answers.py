"""What the service answers to flows; `njangi_flows.engine.flow_client` has the same words on its side."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, JsonValue

from api.runs.waits import Ending
from storage.runs.models import RunStatus
from storage.runs.tasks import TaskStatus
from storage.subtasks.models import SubtaskStatus


class Heard(BaseModel):
    heard: int


class AdoptedRun(BaseModel):
    id: str
    name: str
    status: RunStatus


class FileOfRun(BaseModel):
    sha256: str
    size: int


class TaskOfRun(BaseModel):
    """`digest` is what an engineer's flow called its definition."""

    name: str
    status: TaskStatus
    plan: JsonValue
    error: str | None
    digest: str | None
    parts: int
    failed_parts: int


class ToldTask(BaseModel):
    """Why the task failed, if it did; how many of its parts did, once it has ended."""

    error: str | None
    parts: int
    failed_parts: int


class CarriedRun(BaseModel):
    """What a flow needs to carry a run; `clean_up` names the task that is all there is left to do."""

    id: str
    name: str
    spec: dict[str, Any]
    files: dict[str, FileOfRun]
    parameters: dict[str, Any]
    cancel: bool
    clean_up: str | None
    tasks: list[TaskOfRun]


class Held(BaseModel):
    """The run lease: it lasts `seconds` from each beat on; `slots` are what volunteers can run at once now."""

    token: str
    attempt: int
    seconds: float
    slots: int
    run: CarriedRun


class OrdersView(BaseModel):
    cancel: bool
    skip_clean_up: bool


class LostLease(BaseModel):
    lost: bool


class Beaten(BaseModel):
    """In the order of the leases that were told."""

    orders: list[OrdersView | LostLease]


class SubtaskFailure(BaseModel):
    subtask_id: str
    type: str
    message: str
    stderr: str


class TaskResult(BaseModel):
    """`result` is JSON text; `raw`: the blob holds bytes that are kept as they are, not JSON."""

    result: str | None
    blob: str | None
    raw: bool = False


class SettledBatch(BaseModel):
    """`errors` are the first three failures; `result` is that of a batch of one subtask.

    `aside` of the failed ones are not to be tried again; `error_types` counts the others.
    """

    id: str
    total: int
    completed: int
    failed: int
    tries: int
    aside: int
    errors: list[SubtaskFailure]
    error_types: dict[str, int]
    result: TaskResult | None


class Settled(OrdersView):
    settled: list[SettledBatch]


class ResultRow(BaseModel):
    """`result` is JSON text; `size` is that of the blob, null if it is not stored."""

    index: int
    status: SubtaskStatus
    result: str | None
    blob: str | None
    size: int | None


class ResultPage(BaseModel):
    results: list[ResultRow]
    next: int | None


class KnownCall(BaseModel):
    """A batch of one subtask: `contents` is the SHA-256 of its parameters, `tries` are those that have failed."""

    index: int
    contents: str | None
    tries: int


class KnownCalls(BaseModel):
    calls: list[KnownCall]
    next: int | None


class Neighbours(BaseModel):
    """Indexes from `first` to `last`."""

    first: int
    last: int


class FailedParts(BaseModel):
    """The indexes of subtasks without a result."""

    ranges: list[Neighbours]


class EndedWaitView(BaseModel):
    """`payload` is JSON text, of a signal; `until` the moment that has passed, which pauses may have moved."""

    task: str
    ending: Ending
    payload: str | None
    until: datetime | None = None


class EndedWaits(OrdersView):
    ended: list[EndedWaitView]


class BegunWait(BaseModel):
    until: datetime | None


class Child(BaseModel):
    id: str
    name: str
    status: RunStatus


class EndedChild(Child):
    error: str | None
    results: dict[str, JsonValue]
