"""Runs: one execution of one version of a workflow, and the lease under which a flow carries it."""

from __future__ import annotations

import enum
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import IdTakenError, NotFoundError, RunEndedError, RunHeldError, RunLeaseLostError
from storage.ledger import Ledger, Turn

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


ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
GOING_ON = (RunStatus.SPLITTING, RunStatus.RUNNING, RunStatus.AGGREGATING)


@dataclass(frozen=True, slots=True)
class OfSchedule:
    """Which schedule started a run, and for which of its times."""

    id: str
    at: datetime


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


@dataclass(frozen=True, slots=True)
class CleanUp:
    """The task that runs when its run is cancelled: `done` once it has ended or was skipped by a second cancel."""

    task: str
    done: bool
    skipped: bool


@dataclass(frozen=True, slots=True)
class Orders:
    """What the flow that holds a run must know: whether to cancel it, and whether to leave out cleaning up."""

    cancel: bool
    clean_up: CleanUp | None

    def stop(self, task: str) -> bool:
        """Whether to stop waiting for the subtasks of a task."""
        if self.clean_up is not None and task == self.clean_up.task:
            return self.clean_up.skipped
        return self.cancel


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
    recoveries: int
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
    schedule: OfSchedule | None = None
    replaced_by: str | None = None
    request: str | None = None

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


class RunStore:
    """One document a run. Prefect decides a run's status (`follow`); a flow writes under the run lease (`hold`)."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._runs = database["runs"]
        self._workflows = database["workflows"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._runs.create_index("prefect_flow_run_id", unique=True, sparse=True)
        await self._runs.create_index([("created_at", -1)])
        await self._runs.create_index([("status", 1), ("updated_at", 1)])
        await self._runs.create_index(
            [("schedule.id", 1), ("status", 1)], partialFilterExpression={"schedule.id": {"$exists": True}}
        )

    async def add(
        self,
        new: NewRun,
        tasks: Sequence[Document],
        *,
        now: datetime,
        first: Callable[[Turn, str], Awaitable[None]] | None = None,
    ) -> Run:
        """Write a run with its tasks (documents from `TaskStore.pending`), all or nothing.

        `first` is done before, in the same transaction, and told the id of the run. Raises IdTakenError. A task has
        one child: if its parent has it already, that one is returned.
        """
        document: Document = {
            "_id": new.id or new_id("r"),
            "workflow_id": new.workflow_id,
            "name": new.name,
            "version": new.version,
            "owner": new.owner,
            "status": RunStatus.SUBMITTED,
            "priority": new.priority,
            "spec": json.dumps(new.spec),
            "files": [{"name": name, "sha256": sha256} for name, sha256 in new.files.items()],
            "parameters": json.dumps(new.parameters),
            "cancel_requested": False,
            "attempt": 0,
            "recoveries": 0,
            "error": None,
            "created_at": now,
            "updated_at": now,
            "started_at": None,
            "ended_at": None,
            "paused": False,
            "paused_tasks": [],
            "change": 0,
            "to_tell": None,
            "told_held": None,
            "reopening": [],
            "generation": 0,
            "clean_up": {"task": new.clean_up, "done": False, "skipped": False} if new.clean_up else None,
            "deadline_seconds": new.deadline.total_seconds() if new.deadline else None,
            "deadline": now + new.deadline if new.deadline else None,
        }
        if new.prefect_flow_run_id is not None:
            document["prefect_flow_run_id"] = new.prefect_flow_run_id
        if new.schedule is not None:
            document["schedule"] = {"id": new.schedule.id, "at": new.schedule.at}
        if new.request is not None:
            document["request"] = new.request
        if new.parent is not None:
            document["parent"] = {**asdict(new.parent), "chain": list(new.parent.chain)}
        for task in tasks:
            task["run_id"] = document["_id"]
            task["_id"] = f"{document['_id']}/{task['name']}"

        async def insert(turn: Turn) -> None:
            if first is not None:
                await first(turn, document["_id"])
            await self._runs.insert_one(document, session=turn.session)
            if tasks:
                await self._workflows.database["tasks"].insert_many(tasks, session=turn.session)
            await self._workflows.update_one(
                {"_id": new.workflow_id},
                {"$set": {"status": RunStatus.SUBMITTED, "current_run_id": document["_id"], "updated_at": now}},
                session=turn.session,
            )
            turn.tell(
                "run.submitted",
                now,
                run_id=document["_id"],
                workflow=new.workflow_id,
                name=new.name,
                version=new.version,
                owner=new.owner,
                priority=new.priority,
                prefect_flow_run_id=new.prefect_flow_run_id,
                tasks=[task["name"] for task in tasks],
            )

        try:
            await self._ledger.write(insert)
        except DuplicateKeyError as error:
            if "_id" in (error.details or {}).get("keyPattern", {}):
                raise IdTakenError("run", document["_id"]) from error
            if new.parent is None:
                raise
            return await self.child(new.parent.run_id, new.parent.task)
        return as_run(document)

    async def child(self, run_id: str, task: str) -> Run:
        """Return the run that a task of a run started. Raises NotFoundError."""
        query = {"parent.run_id": run_id, "parent.task": task}
        with unavailable_is_ours():
            document = await self._runs.find_one(query)
        if document is None:
            raise NotFoundError("child of task", f"{run_id}/{task}")
        return as_run(document)

    async def adopt(self, new: NewRun, *, now: datetime) -> Run:
        """Return the run of an engineer's flow run, made on first use."""
        try:
            return await self.add(new, [], now=now)
        except DuplicateKeyError:
            return await self.by_flow_run(new.prefect_flow_run_id or "")

    async def get(self, run_id: str) -> Run:
        return await self._one({"_id": run_id}, run_id)

    async def status(self, run_id: str) -> RunStatus:
        """Return a run's status alone. Raises NotFoundError."""
        with unavailable_is_ours():
            document = await self._runs.find_one({"_id": run_id}, {"status": 1})
        if document is None:
            raise NotFoundError("run", run_id)
        return RunStatus(document["status"])

    async def by_flow_run(self, flow_run_id: str) -> Run:
        return await self._one({"prefect_flow_run_id": flow_run_id}, flow_run_id)

    async def _one(self, query: Document, name: str) -> Run:
        with unavailable_is_ours():
            document = await self._runs.find_one(query)
        if document is None:
            raise NotFoundError("run", name)
        return as_run(document)

    async def replace(self, turn: Turn, run_id: str, workflow_id: str, successor: str, *, now: datetime) -> str:
        """Let `successor` stand for the id `run_id` from now on; return the id of the run that stood for it before.

        Raises IdTakenError if that id names a run of another workflow.
        """
        before = await self._runs.find_one_and_update(
            {"_id": run_id, "workflow_id": workflow_id},
            {"$set": {"replaced_by": successor}},
            projection={"replaced_by": 1},
            session=turn.session,
        )
        if before is None:
            raise IdTakenError("run", run_id)
        turn.tell("run.replaced", now, run_id=run_id, successor=successor)
        return str(before.get("replaced_by") or run_id)

    async def going_on(self, schedule_id: str, *, limit: int = 1000) -> list[str]:
        """Return the ids of a schedule's runs that have not ended, the newest first."""
        query = {"schedule.id": schedule_id, "status": {"$nin": list(ENDED)}}
        with unavailable_is_ours():
            found = self._runs.find(query, {"_id": 1}).sort("created_at", -1).limit(limit)
            return [document["_id"] async for document in found]

    async def page(self, *, limit: int) -> list[Run]:
        """Return the newest runs."""
        with unavailable_is_ours():
            return [as_run(item) async for item in self._runs.find().sort("created_at", -1).limit(limit)]

    async def unfinished(self, *, after: str = "", limit: int) -> list[Run]:
        """Return runs that have not ended, in the order of their ids, from `after` on."""
        query = {"_id": {"$gt": after}, "status": {"$nin": list(ENDED)}}
        with unavailable_is_ours():
            return [as_run(item) async for item in self._runs.find(query).sort("_id", 1).limit(limit)]

    async def unsubmitted(self, *, before: datetime, limit: int) -> list[Run]:
        """Return runs untouched since that time of which we do not know a flow run.

        A run may go on without: whoever made its flow run was killed before it could write that down.
        """
        query = {
            "status": {"$nin": list(ENDED)},  # a paused or cancelled one too: its flow run says so, or ends it
            "updated_at": {"$lt": before},
            "prefect_flow_run_id": None,
        }
        with unavailable_is_ours():
            return [as_run(item) async for item in self._runs.find(query).limit(limit)]

    async def claim_orphans(self, *, now: datetime, limit: int) -> list[Run]:
        """Return runs that nobody has held or touched for RUN_LEASE; they count as touched then, so one caller wins."""
        idle = {
            "status": {"$nin": list(ENDED)},
            "paused": {"$ne": True},
            "to_tell": None,
            "updated_at": {"$lt": now - RUN_LEASE},
            "$or": [{"hold": None}, {"hold.until": {"$lt": now}}],
        }
        claimed: list[Run] = []
        with unavailable_is_ours():
            async for document in self._runs.find(idle).sort("updated_at", 1).limit(limit):
                mine = {**idle, "_id": document["_id"]}
                outcome = await self._runs.update_one(mine, {"$set": {"updated_at": now}})
                if outcome.modified_count:
                    claimed.append(as_run(document))
        return claimed

    async def carried_by(self, flow_run_ids: Sequence[str]) -> set[str]:
        """Return those of the flow runs that stand for a run."""
        with unavailable_is_ours():
            found = self._runs.find({"prefect_flow_run_id": {"$in": list(flow_run_ids)}}, {"prefect_flow_run_id": 1})
            return {document["prefect_flow_run_id"] async for document in found}

    async def is_held(self, flow_run_id: str, *, now: datetime) -> bool:
        """Whether the run of a flow run has not ended and its run lease lasts."""
        held = {"prefect_flow_run_id": flow_run_id, "status": {"$nin": list(ENDED)}, "hold.until": {"$gte": now}}
        with unavailable_is_ours():
            return await self._runs.find_one(held, {"_id": 1}) is not None

    async def count_recovery(self, run_id: str, state: str, *, now: datetime) -> None:
        """Log that a run is scheduled again after its flow, in Prefect's `state`, lost its worker."""

        async def count(turn: Turn) -> None:
            document = await self._runs.find_one_and_update(
                {"_id": run_id},
                {"$inc": {"recoveries": 1}, "$set": {"updated_at": now}},
                return_document=ReturnDocument.AFTER,
                session=turn.session,
            )
            if document is not None:
                turn.tell("run.recovered", now, run_id=run_id, state=state, recoveries=document.get("recoveries", 0))

        await self._ledger.write(count)

    async def forget_flow_run(self, run_id: str, flow_run_id: str, *, now: datetime) -> None:
        """Let a run have a new flow run in place of one that Prefect does not know any more."""
        lost = {"_id": run_id, "prefect_flow_run_id": flow_run_id}
        change = {"$set": {"status": RunStatus.SUBMITTED, "updated_at": now}, "$unset": {"prefect_flow_run_id": ""}}

        async def forget(turn: Turn) -> None:
            document = await self._runs.find_one_and_update(
                lost, change, return_document=ReturnDocument.AFTER, session=turn.session
            )
            if document is not None:
                turn.tell("run.submitted", now, run_id=run_id, lost_flow_run=flow_run_id, **told_of(document))

        await self._ledger.write(forget)

    async def set_flow_run(self, run_id: str, flow_run_id: str, *, now: datetime) -> None:
        """Note which Prefect flow run carries the run. Repeating is harmless."""

        async def note(turn: Turn) -> None:
            outcome = await self._runs.update_one(
                {"_id": run_id, "prefect_flow_run_id": {"$ne": flow_run_id}},
                {"$set": {"prefect_flow_run_id": flow_run_id, "updated_at": now}},
                session=turn.session,
            )
            if outcome.modified_count:
                turn.tell("run.scheduled", now, run_id=run_id, prefect_flow_run_id=flow_run_id)

        await self._ledger.write(note)

    async def hold(self, run_id: str, holder: str, *, now: datetime) -> tuple[Run, str]:
        """Lend the run to a flow for RUN_LEASE; return it and the token that its writes must carry.

        The same holder may take it again at any time, another one after the lease has ended.
        """
        token = secrets.token_urlsafe(16)
        free = {"_id": run_id, "$or": [{"hold": None}, {"hold.until": {"$lt": now}}, {"hold.holder": holder}]}
        change = {
            "$set": {"hold": {"token": token, "holder": holder, "until": now + RUN_LEASE}, "updated_at": now},
            "$inc": {"attempt": 1},
        }

        async def take(turn: Turn) -> Document:
            document = await self._runs.find_one_and_update(
                {**free, "status": {"$nin": list(ENDED)}, "reopening": {"$in": [None, []]}},
                change,
                return_document=ReturnDocument.AFTER,
                session=turn.session,
            )
            if document is None:
                current = await self._runs.find_one({"_id": run_id}, session=turn.session)
                if current is None:
                    raise NotFoundError("run", run_id)
                ended = current["status"] in ENDED
                raise RunEndedError(run_id, current["status"]) if ended else RunHeldError(run_id)
            if document.get("paused"):  # Prefect shows it as running since it was taken up
                await self._runs.update_one(
                    {"_id": run_id},
                    {"$set": {"to_tell": Tell.PAUSE, "told_held": None}, "$inc": {"change": 1}},
                    session=turn.session,
                )
            turn.tell("run.held", now, run_id=run_id, holder=holder, attempt=document["attempt"])
            return document

        return as_run(await self._ledger.write(take)), token

    async def beat(self, run_id: str, token: str, *, now: datetime) -> Orders:
        """Extend the run lease; return what its flow must know. Raises RunLeaseLostError."""
        with unavailable_is_ours():
            document = await self._runs.find_one_and_update(
                {"_id": run_id, "hold.token": token},
                {"$set": {"hold.until": now + RUN_LEASE}},
                projection={"cancel_requested": 1, "clean_up": 1},
            )
        if document is None:
            raise RunLeaseLostError(run_id)
        return Orders(document["cancel_requested"], _clean_up(document))

    async def check_hold(self, run_id: str, token: str) -> Orders:
        """Raise RunLeaseLostError unless `token` holds the run; return what its flow must know."""
        with unavailable_is_ours():
            document = await self._runs.find_one(
                {"_id": run_id, "hold.token": token}, {"cancel_requested": 1, "clean_up": 1}
            )
        if document is None:
            raise RunLeaseLostError(run_id)
        return Orders(document["cancel_requested"], _clean_up(document))

    async def release(self, run_id: str, token: str, error: str | None, *, now: datetime) -> None:
        """Give the run lease back, with the reason if the run fails."""
        change: Document = {"hold": None, "updated_at": now}
        if error is not None:
            change["error"] = error

        async def give_back(turn: Turn) -> None:
            outcome = await self._runs.update_one(
                {"_id": run_id, "hold.token": token}, {"$set": change}, session=turn.session
            )
            if outcome.matched_count == 0:
                raise RunLeaseLostError(run_id)
            turn.tell("run.released", now, run_id=run_id, error=error)

        await self._ledger.write(give_back)

    async def follow(self, turn: Turn, state: FlowRunState, status: RunStatus, *, now: datetime) -> Run | None:
        """Copy a state of Prefect's into the run, unless a later one is there; return the run if the state was news.

        `status` is what the run comes to by it. A paused run stays PAUSED until it ends, and
        one that has yet to clean up does not end CANCELLED. States before a reopening are none of the run's.
        """
        fresh = {
            "prefect_flow_run_id": state.flow_run_id,
            "status": {"$nin": list(ENDED)},
            "to_tell": {"$ne": Tell.REOPEN},
            "$or": [{"prefect_state.at": None}, {"prefect_state.at": {"$lt": state.at}}],
        }
        before = await self._runs.find_one(fresh, session=turn.session)
        if before is None:
            return None
        change: Document = {"prefect_state": {"type": state.type, "at": state.at}, "updated_at": now}
        new = _status(before, status)
        if new is not None:
            change["status"] = new
        if status in GOING_ON and before["started_at"] is None:
            change["started_at"] = state.at
        if new in ENDED:
            change |= {"ended_at": state.at, "hold": None, "paused": False, "to_tell": None}
        if new is RunStatus.FAILED and before["error"] is None:
            change["error"] = state.message
        document = await self._runs.find_one_and_update(
            {"_id": before["_id"]}, {"$set": change}, return_document=ReturnDocument.AFTER, session=turn.session
        )
        if document is None:
            return None
        if document["status"] != before["status"]:
            await self.show(turn, document, now=now)
            turn.tell(f"run.{document['status'].lower()}", now, run_id=document["_id"], **told_of(document))
        return as_run(document)

    async def show(self, turn: Turn, document: Document, *, now: datetime) -> None:
        """Let the workflow show the status of the run if it is its latest."""
        await self._workflows.update_one(
            {"_id": document["workflow_id"], "current_run_id": document["_id"]},
            {"$set": {"status": document["status"], "updated_at": now}},
            session=turn.session,
        )

    async def is_open(self, turn: Turn, run_id: str) -> bool:
        """Whether the run has not ended and nobody has asked for its end."""
        query = {"_id": run_id, "status": {"$nin": list(ENDED)}, "cancel_requested": False}
        return await self._runs.find_one(query, {"_id": 1}, session=turn.session) is not None

    async def request_cancel(self, turn: Turn, run_id: str, *, by: str, now: datetime) -> None:
        """Note that the run shall be cancelled; a second time, that it shall not clean up first.

        Raises RunEndedError when it has ended.
        """
        run = await self._runs.find_one({"_id": run_id}, session=turn.session)
        if run is None:
            raise NotFoundError("run", run_id)
        if run["status"] in ENDED:
            raise RunEndedError(run_id)
        clean_up = _clean_up(run)
        if not run["cancel_requested"]:
            change: Document = {"cancel_requested": True, "paused": False, "updated_at": now}
            if run.get("paused"):
                tell = Tell.REOPEN if run["to_tell"] == Tell.REOPEN else Tell.RESUME
                change |= {"status": RunStatus.RUNNING, "to_tell": tell, "told_held": None}
            await self._runs.update_one({"_id": run_id}, {"$set": change, "$inc": {"change": 1}}, session=turn.session)
            await self.show(turn, {**run, **change}, now=now)
            turn.tell("run.cancel_requested", now, run_id=run_id, by=by)
            if "status" in change:
                turn.tell("run.running", now, run_id=run_id, **told_of(run))
        elif clean_up is not None and not clean_up.done:
            change = {"clean_up.done": True, "clean_up.skipped": True, "updated_at": now}
            await self._runs.update_one({"_id": run_id}, {"$set": change}, session=turn.session)
            turn.tell("run.clean_up_skipped", now, run_id=run_id, by=by)

    async def move(self, turn: Turn, run_id: str, status: RunStatus, *, now: datetime) -> None:
        """Show what a run that goes on is busy with (SPLITTING, RUNNING, AGGREGATING)."""
        document = await self._runs.find_one_and_update(
            {"_id": run_id, "status": {"$in": [RunStatus.SUBMITTED, *GOING_ON], "$ne": status}},
            {"$set": {"status": status, "updated_at": now}},
            return_document=ReturnDocument.AFTER,
            session=turn.session,
        )
        if document is not None:
            if document["started_at"] is None:
                document["started_at"] = now
                await self._runs.update_one({"_id": run_id}, {"$set": {"started_at": now}}, session=turn.session)
            await self._workflows.update_one(
                {"_id": document["workflow_id"], "current_run_id": run_id},
                {"$set": {"status": status, "updated_at": now}},
                session=turn.session,
            )
            turn.tell(f"run.{status.lower()}", now, run_id=run_id, **told_of(document))


def told_of(document: Document) -> Document:
    """Return what the event of a run's change of status says beside the status."""
    return {name: document[name] for name in ("error", "started_at", "ended_at")}


def _status(before: Document, status: RunStatus) -> RunStatus | None:
    """Return the status that a run comes to when Prefect's says `status`; None leaves it as it is."""
    if status in (RunStatus.COMPLETED, RunStatus.FAILED):
        return status
    if status is RunStatus.CANCELLED:
        clean_up = _clean_up(before)
        return None if clean_up is not None and not clean_up.done else status
    if before.get("paused"):
        return RunStatus.PAUSED
    if status is RunStatus.PAUSED or (status is RunStatus.RUNNING and before["status"] in GOING_ON):
        return None
    return status


def _clean_up(document: Document) -> CleanUp | None:
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
        spec=json.loads(document["spec"]),
        files={file["name"]: file["sha256"] for file in document["files"]},
        parameters=json.loads(document["parameters"]),
        prefect_flow_run_id=document.get("prefect_flow_run_id"),
        parent=Parent(**parent) if (parent := document.get("parent")) else None,
        cancel_requested=document["cancel_requested"],
        attempt=document["attempt"],
        recoveries=document.get("recoveries", 0),
        error=document["error"],
        created_at=document["created_at"],
        started_at=document["started_at"],
        ended_at=document["ended_at"],
        schedule=OfSchedule(**document["schedule"]) if "schedule" in document else None,
        replaced_by=document.get("replaced_by"),
        request=document.get("request"),
        paused=bool(document.get("paused")),
        paused_tasks=document.get("paused_tasks", ()),
        deadline=document.get("deadline"),
        clean_up=_clean_up(document),
        change=document.get("change", 0),
        to_tell=Tell(document["to_tell"]) if document.get("to_tell") else None,
        told_held=document.get("told_held"),
        reopening=bool(document.get("reopening")),
        held_until=(document.get("hold") or {}).get("until"),
    )
