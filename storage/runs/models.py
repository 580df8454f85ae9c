"""The values that callers of the stores of runs get, and how a document becomes one."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.database import Document

RUN_LEASE = timedelta(seconds=10)
"""How long a flow may be silent before another may carry its run: three of its beats."""


class RunStatus(enum.StrEnum):
    """The states of runs, and of workflows by their latest run."""

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


class Tell(enum.StrEnum):
    """What Prefect has still to be told of a run: our record is written first, Prefect's state is set after."""

    PAUSE = "PAUSE"
    RESUME = "RESUME"
    REOPEN = "REOPEN"
    FAIL = "FAIL"
    CANCEL = "CANCEL"
    COMPLETE = "COMPLETE"


ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
OWN_FLOW = "{}"
"""The spec of a run whose flow is an engineer's own: nobody but Prefect could start it."""
GOING_ON = (RunStatus.SPLITTING, RunStatus.RUNNING, RunStatus.AGGREGATING)


@dataclass(frozen=True, slots=True)
class OfSchedule:
    """Which schedule started a run, and for which of its times; one `beside` the others is in nobody's way."""

    id: str
    at: datetime
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Parent:
    """The task that started a run, and what becomes of the run when the task's own run is cancelled or fails.

    `chain` names the workflows above the run, the outermost first. `on_parent_cancel` is cancel or abandon.
    """

    run_id: str
    task: str
    chain: Sequence[str]
    on_parent_cancel: str


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to start. `spec` is that of the workflow's version now, so later edits do not reach it."""

    workflow_id: str
    name: str
    version: int
    owner: str
    priority: int
    spec: Mapping[str, Any]
    files: Mapping[str, str]
    parameters: Mapping[str, Any]
    prefect_flow_run_id: str | None = None  # set when an engineer's flow run is adopted
    id: str | None = None  # None: one is made
    schedule: OfSchedule | None = None
    request: str | None = None  # the request that starts it, if that has an Idempotency-Key
    clean_up: str | None = None  # the task that runs when the run is cancelled
    deadline: timedelta | None = None  # from now on
    parent: Parent | None = None
    readers: Sequence[str] = ()  # who may see it beside its owner; `*` is everybody
    prepares: bool = False  # an engineer's flow that has yet to ask for its run
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CleanUp:
    """The task that runs when its run is cancelled: `done` once it has ended or was skipped by a second cancel."""

    task: str
    done: bool
    skipped: bool


@dataclass(frozen=True, slots=True)
class RunOrders:
    """What the flow that holds a run must know: whether to cancel it, and whether to leave out cleaning up."""

    cancel: bool
    clean_up: CleanUp | None

    def stop(self, task: str) -> bool:
        """Whether to stop waiting for the subtasks of a task."""
        if self.clean_up is not None and task == self.clean_up.task:
            return self.clean_up.skipped
        return self.cancel


@dataclass(frozen=True, slots=True)
class Recovered:
    """How far a run was at its last recovery, when that was, and how often flows had held it by then."""

    progress: int
    at: datetime
    holds: int


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    workflow_id: str
    name: str
    version: int
    owner: str
    status: RunStatus
    priority: int
    spec: Mapping[str, Any]
    files: Mapping[str, str]
    parameters: Mapping[str, Any]
    prefect_flow_run_id: str | None
    parent: Parent | None
    cancel_requested: bool
    attempt: int
    recoveries: int  # in a row, without progress
    error: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    paused: bool
    paused_tasks: Sequence[str]
    deadline: datetime | None
    clean_up: CleanUp | None
    change: int  # counts pauses, resumptions and reopenings
    to_tell: Tell | None
    told_held: bool | None  # whether the run was held when Prefect was told that it is paused; None: not told
    reopening: bool  # tasks wait to be set back; no flow may take the run before
    held_until: datetime | None
    ending: bool = False  # it ends when the last of its subtasks is cancelled; no flow may take it
    prepares: bool = False  # an engineer's flow that was scheduled and has not asked for its run since
    schedule: OfSchedule | None = None
    replaced_by: str | None = None
    request: str | None = None
    readers: Sequence[str] = ()  # who may see it, its owner first; `*` is everybody
    parts: int = 0  # of a run that has ended
    failed_parts: int = 0
    recovered: Recovered | None = None
    tags: Sequence[str] = ()

    def held(self, now: datetime) -> bool:
        """Whether a flow carries the run."""
        return self.held_until is not None and self.held_until >= now

    @property
    def must_clean_up(self) -> bool:
        return self.clean_up is not None and not self.clean_up.done


@dataclass(frozen=True, slots=True)
class FlowRunState:
    """A state of a Prefect flow run, as an event or a read of it told. `type` is Prefect's, e.g. RUNNING."""

    flow_run_id: str
    type: str
    name: str
    message: str | None
    at: datetime


def told_of(document: Document) -> Document:
    """Return what the event of a run's change of status says beside the status."""
    counts = ("parts", "failed_parts") if document["status"] in ENDED else ()
    return {name: document[name] for name in ("error", "started_at", "ended_at", *counts)}


def clean_up_of(document: Document) -> CleanUp | None:
    clean_up = document.get("clean_up")
    return CleanUp(clean_up["task"], clean_up["done"], clean_up["skipped"]) if clean_up else None


def as_run(document: Document) -> Run:
    return Run(
        id=document["_id"],
        workflow_id=document["workflow_id"],
        name=document["name"],
        version=document["version"],
        owner=document["owner"],
        status=RunStatus(document["status"]),
        priority=document["priority"],
        spec=json.loads(document.get("spec", "{}")),
        files={file["name"]: file["sha256"] for file in document.get("files", ())},
        parameters=json.loads(document["parameters"]),
        prefect_flow_run_id=document.get("prefect_flow_run_id"),
        parent=Parent(**parent) if (parent := document.get("parent")) else None,
        cancel_requested=document["cancel_requested"],
        attempt=document["attempt"],
        recoveries=document.get("recoveries", 0),
        recovered=Recovered(last["progress"], last["at"], last.get("holds", 0))
        if (last := document.get("recovered"))
        else None,
        error=document["error"],
        created_at=document["created_at"],
        started_at=document["started_at"],
        ended_at=document["ended_at"],
        schedule=OfSchedule(**document["schedule"]) if "schedule" in document else None,
        replaced_by=document.get("replaced_by"),
        request=document.get("request"),
        readers=tuple(document["readers"]),
        parts=document.get("parts", 0),
        failed_parts=document.get("failed_parts", 0),
        tags=tuple(document.get("tags", ())),
        paused=bool(document.get("paused")),
        paused_tasks=document.get("paused_tasks", ()),
        deadline=document.get("deadline"),
        clean_up=clean_up_of(document),
        change=document.get("change", 0),
        to_tell=Tell(document["to_tell"]) if document.get("to_tell") else None,
        told_held=document.get("told_held"),
        reopening=bool(document.get("reopening")),
        held_until=(document.get("hold") or {}).get("until"),
        ending=bool(document.get("ending")),
        prepares=bool(document.get("prepares")),
    )
