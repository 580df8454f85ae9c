"""The messages that flows and the service exchange under /v1/flow: requests and answers. Both sides import this module.

Ids, digests and JSON texts are strings; times are aware, in UTC; `seconds` are how long a call may wait for an answer.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from njangi_flows.workflow.kinds import LONGEST_WAIT, SignalName

MOST_AT_ONCE = 5000
"""How many leases, batches or waits one request names."""
MOST_SUBTASKS = 2000
"""How many batches one request queues, and how many subtasks one batch has."""

WaitSeconds = Annotated[float, Field(ge=0, strict=True)]

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


class WaitEnding(enum.StrEnum):
    SIGNAL = "signal"
    CHILD = "child"
    PASSED = "passed"


class EndedWait(BaseModel):
    """A wait of a task that has ended: by a signal (`payload` is JSON text), its child's end, or time that passed.

    `until` is the moment that has passed, which pauses may have moved.
    """

    task: str
    ending: WaitEnding
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


class AdoptedRun(BaseModel):
    """The run of an engineer's flow run."""

    id: str
    name: str = ""
    status: str = ""


class Beaten(BaseModel):
    """The orders for each lease, in the order of the request."""

    orders: list[BeatOrders]


class Heard(BaseModel):
    """How often Prefect has had new flow runs; the next request says it."""

    heard: int


class FlowRunsRequest(BaseModel):
    heard: int = -1
    seconds: WaitSeconds = 20.0


class AdoptRequest(BaseModel):
    """`owner` is the user whose run it is; without one it belongs to the flow token, and only admins see it."""

    prefect_flow_run_id: str
    owner: str | None = None
    name: Annotated[str, Field(max_length=200)]


class HoldRequest(BaseModel):
    holder: str


class LeaseToken(BaseModel):
    run_id: str
    token: str


class BeatRequest(BaseModel):
    """`flow_runs`: the ids of all flow runs that the process `holder` has taken up, held or not."""

    leases: Annotated[list[LeaseToken], Field(max_length=MOST_AT_ONCE)]
    holder: Annotated[str, Field(max_length=200)] | None = None
    flow_runs: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=20_000)] = []


class ReleaseRequest(BaseModel):
    error: str | None = None


class SettledRequest(BaseModel):
    """`waiting` are ids of batches."""

    waiting: Annotated[list[str], Field(max_length=MOST_AT_ONCE)]
    seconds: WaitSeconds = 20.0


class RequeueRequest(BaseModel):
    """Subtasks whose errors are of the types `but` stay as they are."""

    batch: str
    try_: Annotated[int, Field(alias="try", ge=2)]
    but: Annotated[list[str], Field(max_length=200)] = []


class Wait(BaseModel):
    """What a task waits for: a signal, the end of its child run, the moment `until`; the first that comes."""

    model_config = ConfigDict(frozen=True)

    task: str
    signal: SignalName | None = None
    child: bool = False
    until: AwareDatetime | None = None


class WaitsRequest(BaseModel):
    waiting: Annotated[list[Wait], Field(max_length=MOST_AT_ONCE)]
    seconds: WaitSeconds = 20.0


class BeginWaitRequest(BaseModel):
    """`seconds`: how long the task waits at most; null if only what it waits for ends it."""

    seconds: Annotated[float, Field(gt=0, le=LONGEST_WAIT, strict=True)] | None = None


class ChildRequest(BaseModel):
    """Start the workflow of that name, of the run's owner, as a child run."""

    workflow: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    on_parent_cancel: Literal["cancel", "abandon"] = "cancel"


class TaskRequest(BaseModel):
    """A task's change of state; a field that is null stays as it is. See `TaskChange`."""

    status: Literal["PENDING", "SPLITTING", "RUNNING", "AGGREGATING", "COMPLETED", "FAILED", "CANCELLED", "SKIPPED"]
    definition: dict[str, Any] | None = None
    plan: Any = None
    result: str | None = None
    blob: str | None = None
    raw: bool = False
    error: str | None = None
    first: SubtaskFailure | None = None


class SubtaskRequest(BaseModel):
    """A subtask to queue: its parameters, or the blob that holds them."""

    index: int
    parameters: dict[str, Any] | None = None
    parameters_blob: str | None = None


class BatchRequest(BaseModel):
    index: int
    subtasks: Annotated[list[SubtaskRequest], Field(min_length=1, max_length=MOST_SUBTASKS)]


class BatchesRequest(BaseModel):
    """With a `definition` the task is SPLITTING before, with `last` it is RUNNING after."""

    batches: Annotated[list[BatchRequest], Field(min_length=1, max_length=MOST_SUBTASKS)]
    definition: dict[str, Any] | None = None
    plan: Any = None
    last: bool = False


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
