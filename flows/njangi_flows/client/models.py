"""What the service answers. Written by `make models` from docs/openapi.json: mend it there."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, RootModel


class AttemptView(BaseModel):
    stdout: str | None
    stderr: str | None
    stdout_bytes: int | None
    stderr_bytes: int | None
    stdout_is_result: bool
    volunteer_id: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    outcome: str
    error: dict[str, str] | None


class Controlled(BaseModel):
    count: int
    runs: list[str]
    more: bool


class Difference(BaseModel):
    before: int
    after: int
    summary: list[str]
    patch: list[dict[str, Any]]
    files: dict[str, list[str | None]]
    text: str


class EntryView(BaseModel):
    id: str
    request_id: str | None
    at: AwareDatetime
    who: str
    address: str
    action: str
    on: dict[str, str]
    status: int | None


class Estimate(BaseModel):
    soonest: float | None
    latest: float | None
    slots: int
    reason: str
    code: str
    values: dict[str, str | int]


class EtaView(BaseModel):
    from_: Annotated[AwareDatetime | None, Field(alias="from")]
    until: AwareDatetime | None
    reason: str
    code: str
    values: dict[str, str | int]


class FailureText(BaseModel):
    code: str
    values: dict[str, str | int]


class FirstCall(BaseModel):
    arguments: list[str] | None
    parameters: dict[str, Any] | None


class HeldLeaseView(BaseModel):
    run_id: str
    task: str
    index: int
    since: AwareDatetime
    until: AwareDatetime


class JoinTokenView(BaseModel):
    id: str
    name: str
    uses: int
    used: int
    by: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None
    last_used_at: AwareDatetime | None


class LogView(BaseModel):
    stdout: str | None
    stderr: str | None
    stdout_bytes: int | None
    stderr_bytes: int | None
    stdout_is_result: bool
    subtask_id: str
    task: str
    index: int
    attempt: int
    volunteer_id: str
    outcome: str
    started_at: AwareDatetime
    ended_at: AwareDatetime


class Logs(BaseModel):
    logs: list[LogView]
    next: int | None


class Machine(BaseModel):
    os: str
    arch: str
    python: str
    cpu: int
    memory: int
    storage: int
    sandbox: str | None = "none"
    missing: list[str] | None = []


class MadeJoinToken(BaseModel):
    id: str
    name: str
    uses: int
    used: int
    by: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None
    last_used_at: AwareDatetime | None
    token: str


class OneTemplateView(BaseModel):
    name: str
    description: str
    tags: list[str]
    parameters: dict[str, Any]
    kinds: dict[str, str]
    files: dict[str, int]
    spec: dict[str, Any]
    source: str
    contents: dict[str, str]


class OneVersionView(BaseModel):
    workflow_id: str
    version: int
    name: str
    description: str
    tags: list[str]
    by: str
    created_at: AwareDatetime
    spec: dict[str, Any]
    files: dict[str, str]
    source: str | None


class Overlap(StrEnum):
    SKIP = "skip"
    QUEUE = "queue"
    CANCEL_OLD = "cancel_old"
    ALLOW = "allow"


class ProblemView(BaseModel):
    pointer: str
    detail: str
    code: str
    values: dict[str, str | int | float | list[str]]


class Readers(BaseModel):
    readers: list[str]


class Readiness(BaseModel):
    status: str
    mongodb: str
    prefect: str
    leaders: dict[str, str]
    version: str


class ReasonKind(StrEnum):
    PAUSED = "paused"
    DEPENDENCIES = "dependencies"
    NO_VOLUNTEERS = "no-volunteers"
    NO_FITTING_VOLUNTEER = "no-fitting-volunteer"
    VOLUNTEERS_BUSY = "volunteers-busy"
    QUOTA = "quota"
    BACKOFF = "backoff"
    SIGNAL = "signal"
    SLEEP = "sleep"
    CHILD = "child"
    CHECKING = "checking"
    NOT_STARTED = "not-started"
    NONE = "none"


class ReasonView(BaseModel):
    task: str | None
    kind: ReasonKind
    count: int
    values: dict[str, Any]
    detail: str


class Role(StrEnum):
    ADMIN = "admin"
    SUBMITTER = "submitter"
    VIEWER = "viewer"
    FLOW = "flow"
    JOIN = "join"


class RunStatus(StrEnum):
    CREATED = "CREATED"
    VALIDATED = "VALIDATED"
    SUBMITTED = "SUBMITTED"
    SPLITTING = "SPLITTING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    AGGREGATING = "AGGREGATING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class SavedWorkflow(BaseModel):
    id: str
    name: str
    description: str
    owner: str
    status: RunStatus
    parts: int
    failed_parts: int
    version: int
    priority: int
    tags: list[str]
    metadata: dict[str, Any]
    estimated_resources: dict[str, float]
    current_run_id: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    readers: list[str]
    archived_at: AwareDatetime | None
    spec: dict[str, Any]
    files: dict[str, str]
    warnings: list[ProblemView]


class ScheduleCause(StrEnum):
    TIME = "time"
    TRIGGER = "trigger"
    BACKFILL = "backfill"


class ScheduleOfRun(BaseModel):
    id: str
    at: AwareDatetime


class ScheduleOutcome(StrEnum):
    STARTED = "started"
    SKIPPED = "skipped"
    MISSED = "missed"
    FAILED = "failed"


class Scope(StrEnum):
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class SentSignal(BaseModel):
    run_id: str
    name: str
    number: int
    at: AwareDatetime


class ServiceView(BaseModel):
    name: str
    purpose: str


class Side(BaseModel):
    id: str
    workflow_id: str
    name: str
    version: int
    owner: str
    status: RunStatus
    parts: int
    failed_parts: int
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    seconds: float | None


class SubtaskPlace(BaseModel):
    task: str
    index: int


class SubtaskStatus(StrEnum):
    QUEUED = "QUEUED"
    LEASED = "LEASED"
    REPORTED = "REPORTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    DEAD = "DEAD"


class SubtaskView(BaseModel):
    id: str
    run_id: str
    task: str
    index: int
    batch: str
    status: SubtaskStatus
    attempt: int
    assigned_to: str | None
    attempts: list[AttemptView]
    error: dict[str, str] | None
    result: str | None
    blob: str | None
    updated_at: AwareDatetime
    progress: float


class TakenView(BaseModel):
    at: AwareDatetime
    until: AwareDatetime | None
    decided_at: AwareDatetime
    cause: ScheduleCause
    outcome: ScheduleOutcome
    run_id: str | None
    detail: str | None


class TaskPlan(BaseModel):
    task: str
    kind: str
    dependencies: list[str]
    items: int | None
    subtasks: int | None
    batches: int | None
    reason: str | None
    code: str | None
    values: dict[str, int]
    first: FirstCall | None


class TaskStatus(StrEnum):
    PENDING = "PENDING"
    SPLITTING = "SPLITTING"
    RUNNING = "RUNNING"
    AGGREGATING = "AGGREGATING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


class TaskView(BaseModel):
    name: str
    status: TaskStatus
    total: int
    queued: int
    leased: int
    completed: int
    failed: int
    cancelled: int
    parts: int
    failed_parts: int
    progress: float
    error: str | None
    error_told: FailureText | None
    child_run_id: str | None
    result_bytes: int | None


class TemplateView(BaseModel):
    name: str
    description: str
    tags: list[str]
    parameters: dict[str, Any]
    kinds: dict[str, str]
    files: dict[str, int]


class ThroughputPoint(BaseModel):
    at: AwareDatetime
    completed: int
    failed: int
    online: int


class ThroughputView(BaseModel):
    step: int
    points: list[ThroughputPoint]


class Span(RootModel[tuple[int, int, int, int, int | None, str]]):
    root: Annotated[tuple[int, int, int, int, int | None, str], Field(max_length=6, min_length=6)]


class TimelineVolunteer(BaseModel):
    id: str
    name: str


class TokenView(BaseModel):
    id: str
    user: str
    name: str
    scopes: list[Scope]
    created_at: AwareDatetime
    expires_at: AwareDatetime
    last_used_at: AwareDatetime | None


class Triggered(BaseModel):
    outcome: ScheduleOutcome | None
    run_id: str | None
    detail: str | None


class TryView(BaseModel):
    at: AwareDatetime
    status: int | None
    error: str | None
    seconds: float


class UserView(BaseModel):
    name: str
    role: Role
    created_at: AwareDatetime
    disabled_at: AwareDatetime | None
    signs_in: bool
    quota: dict[str, int | None]


class Validated(BaseModel):
    tasks: list[TaskPlan]
    subtasks: int
    batches: int
    estimate: Estimate
    lacking: list[ReasonView]
    problems: list[ProblemView]
    warnings: list[ProblemView]


class VersionView(BaseModel):
    workflow_id: str
    version: int
    name: str
    description: str
    tags: list[str]
    by: str
    created_at: AwareDatetime


class VolunteerStatus(StrEnum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


class WaitingView(BaseModel):
    reasons: list[ReasonView]


class WebhookStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class WebhookView(BaseModel):
    id: str
    owner: str
    url: str
    types: list[str]
    run_id: str | None
    workflow_id: str | None
    description: str
    status: WebhookStatus
    reason: str | None
    failing_since: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class WholeMe(BaseModel):
    name: str
    role: Role
    scopes: list[Scope]
    csrf_token: str | None
    quotas: dict[str, dict[str, int | None]]
    last_event: int


class WorkflowView(BaseModel):
    id: str
    name: str
    description: str
    owner: str
    status: RunStatus
    parts: int
    failed_parts: int
    version: int
    priority: int
    tags: list[str]
    metadata: dict[str, Any]
    estimated_resources: dict[str, float]
    current_run_id: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    readers: list[str]
    archived_at: AwareDatetime | None
    spec: dict[str, Any]
    files: dict[str, str]


class AuditPage(BaseModel):
    entries: list[EntryView]
    next_page_token: str | None


class BackfillView(BaseModel):
    id: str
    next_at: AwareDatetime
    until: AwareDatetime
    overlap: Overlap


class DeliveryView(BaseModel):
    id: str
    type: str
    state: str
    tried: int
    due_at: AwareDatetime | None
    created_at: AwareDatetime
    tries: list[TryView]
    body: Any


class ErrorGroup(BaseModel):
    id: str
    type: str
    message: str
    count: int
    tasks: dict[str, int]
    volunteers: int
    examples: list[SubtaskPlace]
    last_at: AwareDatetime
    stderr: str


class InvitationView(BaseModel):
    id: str
    name: str | None
    role: Role
    by: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    accepted_by: str | None


class ListedVolunteer(BaseModel):
    id: str
    name: str
    status: VolunteerStatus
    machine: Machine
    slots: int
    enrolled_at: AwareDatetime
    last_seen: AwareDatetime
    completed: int
    failed: int
    join_token: str | None
    note: str
    leased: int


class ListedWorkflow(BaseModel):
    id: str
    name: str
    description: str
    owner: str
    status: RunStatus
    parts: int
    failed_parts: int
    version: int
    priority: int
    tags: list[str]
    metadata: dict[str, Any]
    estimated_resources: dict[str, float]
    current_run_id: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    readers: list[str]
    archived_at: AwareDatetime | None


class MadeInvitation(BaseModel):
    id: str
    name: str | None
    role: Role
    by: str
    created_at: AwareDatetime
    expires_at: AwareDatetime
    accepted_by: str | None
    code: str


class MadeToken(BaseModel):
    id: str
    user: str
    name: str
    scopes: list[Scope]
    created_at: AwareDatetime
    expires_at: AwareDatetime
    last_used_at: AwareDatetime | None
    token: str


class Me(BaseModel):
    name: str
    role: Role
    scopes: list[Scope]
    csrf_token: str | None


class NewWebhookView(BaseModel):
    id: str
    owner: str
    url: str
    types: list[str]
    run_id: str | None
    workflow_id: str | None
    description: str
    status: WebhookStatus
    reason: str | None
    failing_since: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    secret: str


class Newcomer(BaseModel):
    id: str
    name: str
    status: VolunteerStatus
    enrolled_at: AwareDatetime
    last_seen: AwareDatetime
    completed: int


class OneScheduleView(BaseModel):
    id: str
    owner: str
    workflow_id: str
    parameters: dict[str, Any]
    cron: str | None
    interval: float | None
    timezone: str
    start_at: AwareDatetime | None
    end_at: AwareDatetime | None
    overlap: Overlap
    catch_up: float
    paused: bool
    note: str
    next_at: AwareDatetime | None
    waiting: AwareDatetime | None
    backfills: list[BackfillView]
    recent: list[TakenView]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    next_times: list[AwareDatetime]
    going_on: list[str]


class OneUserView(BaseModel):
    name: str
    role: Role
    created_at: AwareDatetime
    disabled_at: AwareDatetime | None
    signs_in: bool
    quota: dict[str, int | None]
    quotas: dict[str, dict[str, int | None]]


class OneVolunteerView(BaseModel):
    id: str
    name: str
    status: VolunteerStatus
    machine: Machine
    slots: int
    enrolled_at: AwareDatetime
    last_seen: AwareDatetime
    completed: int
    failed: int
    join_token: str | None
    note: str
    leased: int
    leases: list[HeldLeaseView]


class RunErrors(BaseModel):
    groups: list[ErrorGroup]
    more: bool


class RunView(BaseModel):
    id: str
    workflow_id: str
    name: str
    version: int
    owner: str
    status: RunStatus
    priority: int
    attempt: int
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    error: str | None
    error_told: FailureText | None
    cancel_requested: bool
    paused_tasks: list[str]
    deadline: AwareDatetime | None
    parameters: dict[str, Any]
    prefect_flow_run_id: str | None
    prefect_url: str | None
    parent_run_id: str | None
    progress: float
    parts: int
    failed_parts: int
    tasks: list[TaskView]
    schedule: ScheduleOfRun | None
    replaced_by: str | None
    tags: list[str]
    eta: EtaView | None


class ScheduleView(BaseModel):
    id: str
    owner: str
    workflow_id: str
    parameters: dict[str, Any]
    cron: str | None
    interval: float | None
    timezone: str
    start_at: AwareDatetime | None
    end_at: AwareDatetime | None
    overlap: Overlap
    catch_up: float
    paused: bool
    note: str
    next_at: AwareDatetime | None
    waiting: AwareDatetime | None
    backfills: list[BackfillView]
    recent: list[TakenView]
    created_at: AwareDatetime
    updated_at: AwareDatetime


class SubtaskPage(BaseModel):
    subtasks: list[SubtaskView]
    next_page_token: str | None


class TaskSide(BaseModel):
    status: TaskStatus
    subtasks: int
    parts: int
    failed_parts: int
    seconds: float | None
    mean_seconds: float | None
    digest: str | None


class TemplateList(BaseModel):
    templates: list[TemplateView]


class TimelineView(BaseModel):
    volunteers: list[TimelineVolunteer]
    tasks: list[str]
    spans: list[Span]
    since: AwareDatetime | None
    until: AwareDatetime | None
    left_out: int


class VersionPage(BaseModel):
    versions: list[VersionView]
    next_page_token: str | None


class Volunteer(BaseModel):
    id: str
    name: str
    status: VolunteerStatus
    machine: Machine
    slots: int
    enrolled_at: AwareDatetime
    last_seen: AwareDatetime
    completed: int
    failed: int
    join_token: str | None = None
    note: str | None = ""


class VolunteerPage(BaseModel):
    volunteers: list[ListedVolunteer]
    next_page_token: str | None


class WorkflowPage(BaseModel):
    workflows: list[ListedWorkflow]
    next_page_token: str | None


class Looked(BaseModel):
    name: str
    by: str
    expires_at: AwareDatetime
    left: int
    service: ServiceView
    volunteers: list[Newcomer]


class RunPage(BaseModel):
    runs: list[RunView]
    next_page_token: str | None


class SchedulePage(BaseModel):
    schedules: list[ScheduleView]
    next_page_token: str | None


class TaskComparison(BaseModel):
    task: str
    a: TaskSide | None
    b: TaskSide | None
    same_result: bool | None


class RunComparison(BaseModel):
    a: Side
    b: Side
    summary: list[str]
    spec: list[dict[str, Any]]
    parameters: list[dict[str, Any]]
    files: dict[str, list[str | None]]
    tasks: list[TaskComparison]
