"""Tasks: the nodes of a run's DAG, in the same collection as their subtasks (is_subtask: false)."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from njangi_agent.protocol import TaskDefinition

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import NotFoundError, OtherContentsError, RunLeaseLostError
from storage.ledger import Ledger, Transaction
from storage.runs.models import RunStatus
from storage.runs.parts import Parts, PartStore
from storage.runs.store import RunStore
from storage.subtasks.stopping import StoppingStore


class TaskStatus(enum.StrEnum):
    PENDING = "PENDING"
    SPLITTING = "SPLITTING"
    RUNNING = "RUNNING"
    AGGREGATING = "AGGREGATING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"


ENDED = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED)
_BUSY = {
    TaskStatus.SPLITTING: RunStatus.SPLITTING,
    TaskStatus.RUNNING: RunStatus.RUNNING,
    TaskStatus.AGGREGATING: RunStatus.AGGREGATING,
}


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task of a workflow as its run begins. Resources in cores and bytes."""

    name: str
    command: Sequence[str] | None
    parameters: Mapping[str, Any]
    dependencies: Sequence[str]
    required_resources: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    run_id: str
    workflow_id: str
    name: str
    status: TaskStatus
    dependencies: Sequence[str]
    definition: Mapping[str, Any] | None
    plan: Any
    result: str | None  # JSON text
    blob: str | None
    raw: bool  # the blob holds bytes that are kept as they are, not JSON
    error: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TaskUpdate:
    """What a flow says of its task; None leaves a field as it is. `result` is JSON text.

    `why` makes the error of one that has ended of how many of its parts failed, counted as that is written.
    """

    status: TaskStatus
    definition: Mapping[str, Any] | None = None
    plan: Any = None
    result: str | None = None
    blob: str | None = None
    raw: bool = False
    error: str | None = None
    why: Callable[[Parts], str] | None = None


@dataclass(frozen=True, slots=True)
class ChangedTask:
    """What a change came to: why the task failed, and its parts when it has ended."""

    error: str | None
    parts: Parts


class TaskStore:
    """One document a task: `{run}/{task}`."""

    def __init__(
        self, database: Database, ledger: Ledger, runs: RunStore, stopping: StoppingStore, parts: PartStore
    ) -> None:
        self._tasks = database["tasks"]
        self._runs_collection = database["runs"]
        self._ledger = ledger
        self._runs = runs
        self._stopping = stopping
        self._parts = parts

    async def prepare(self) -> None:
        await self._tasks.create_index([("run_id", 1), ("name", 1)], partialFilterExpression={"is_subtask": False})

    def pending(self, workflow_id: str, new: NewTask, *, now: datetime) -> Document:
        """Return the document of a task that has not begun, for `RunStore.add`."""
        return {
            "workflow_id": workflow_id,
            "name": new.name,
            "command": list(new.command) if new.command else None,
            "parameters": json.dumps(new.parameters),
            "dependencies": list(new.dependencies),
            "status": TaskStatus.PENDING,
            "parent_task_id": None,
            "is_subtask": False,
            "progress": 0.0,
            "required_resources": dict(new.required_resources),
            "assigned_to": None,
            "results": None,
            "created_at": now,
            "updated_at": now,
        }

    async def change(self, run_id: str, token: str, name: str, change: TaskUpdate, *, now: datetime) -> ChangedTask:
        """Apply a change under the run lease `token`. Of a task that FAILED nothing is lent any more.

        Raises RunLeaseLostError when the lease is another's, OtherContentsError for another definition.
        """

        async def once(tx: Transaction) -> ChangedTask:
            return await self.apply(tx, await self._held(tx, run_id, token), name, change, now=now)

        return await self._ledger.write(once)

    async def begin_wait(
        self, run_id: str, token: str, name: str, seconds: float | None, *, now: datetime
    ) -> datetime | None:
        """Let a task wait, `seconds` from now on; return when that ends, None if only what it waits for ends it.

        A task that waits already keeps its end, so repeating is harmless; one that was set back to PENDING gets
        another. Time stands still for it while it is paused (see `storage.runs.waits`). Raises RunLeaseLostError when
        `token` is not the token of the run lease.
        """

        async def begin(tx: Transaction) -> str | None:
            run = await self._held(tx, run_id, token)
            known = await self._tasks.find_one({"_id": f"{run_id}/{name}", "is_subtask": False}, session=tx.session)
            until = now + timedelta(seconds=seconds) if seconds is not None else None
            plan: dict[str, Any] = {"until": until.isoformat() if until is not None else None, "seconds": seconds}
            waits = known is not None and known["status"] != TaskStatus.PENDING and known.get("plan")
            if known is not None and waits:
                plan = json.loads(known["plan"])
            await self.apply(tx, run, name, TaskUpdate(TaskStatus.RUNNING, plan=plan), now=now)
            if not waits:
                # Writing to the run lets a pause that commits meanwhile be seen, or see this wait.
                await self._runs_collection.update_one({"_id": run_id}, {"$inc": {"writes": 1}}, session=tx.session)
                held = not run["cancel_requested"] and (run.get("paused") or name in run.get("paused_tasks", ()))
                change: Document = {"$set": {"waits": True} | ({"held_since": now} if held else {})}
                if not held:
                    change["$unset"] = {"held_since": ""}
                await self._tasks.update_one({"_id": f"{run_id}/{name}"}, change, session=tx.session)
            return cast("str | None", plan["until"])

        until = await self._ledger.write(begin)
        return datetime.fromisoformat(until) if until is not None else None

    async def _held(self, tx: Transaction, run_id: str, token: str) -> Document:
        """Return what a change must know of its run. Raises RunLeaseLostError unless `token` holds it."""
        shown = dict.fromkeys(
            ("workflow_id", "status", "clean_up.task", "cancel_requested", "paused", "paused_tasks"), 1
        )
        held = {"_id": run_id, "hold.token": token}
        run = await self._runs_collection.find_one(held, shown, session=tx.session)
        if run is None:
            raise RunLeaseLostError(run_id)
        return run

    async def apply(
        self, tx: Transaction, run: Document, name: str, change: TaskUpdate, *, now: datetime
    ) -> ChangedTask:
        """Within a transaction that has made sure of the run lease, apply a change to a task of `run`.

        `run` has its workflow_id, status and clean_up, of which the status is kept up to date. A definition stays what
        it is until the task is reset: raises OtherContentsError for another one.
        """
        run_id = run["_id"]
        parts = await self._parts.of_task(tx, run_id, name) if change.status in ENDED else Parts()
        if change.why is not None:
            change = replace(change, error=change.why(parts), why=None)
        before = await self._tasks.find_one_and_update(
            {"_id": f"{run_id}/{name}"},
            {
                "$set": _fields(change, now),
                "$setOnInsert": {
                    "run_id": run_id,
                    "workflow_id": run["workflow_id"],
                    "name": name,
                    "parent_task_id": None,
                    "is_subtask": False,
                    "dependencies": [],
                    "created_at": now,
                },
            },
            upsert=True,
            projection={"definition": 1},
            session=tx.session,
        )
        if before and change.definition is not None and not _same(before.get("definition"), change.definition):
            raise OtherContentsError(f"{run_id}/{name}")
        told: Document = {"task": name, "error": change.error, "blob": change.blob}
        told |= parts.told() if change.status in ENDED else {}
        tx.emit(f"task.{change.status.lower()}", now, run_id=run_id, **told)
        if change.status is TaskStatus.FAILED:
            await self._stopping.cancel(tx, run_id, name, now=now)
        if change.status in ENDED and name == (run.get("clean_up") or {}).get("task"):
            await self._runs_collection.update_one(
                {"_id": run_id}, {"$set": {"clean_up.done": True}}, session=tx.session
            )
        busy = _BUSY.get(change.status)
        if busy is not None and busy != run["status"] and await self._runs.move(tx, run_id, busy, now=now):
            run["status"] = busy
        return ChangedTask(change.error, parts)

    async def get(self, task_id: str) -> Task:
        with unavailable_is_ours():
            document = await self._tasks.find_one({"_id": task_id, "is_subtask": False})
        if document is None:
            raise NotFoundError("task", task_id)
        return _task(document)

    async def definitions(self, task_ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """Return the definitions of those of the tasks that have one, by task id."""
        wanted = {"_id": {"$in": list(task_ids)}, "is_subtask": False, "definition": {"$type": "string"}}
        with unavailable_is_ours():
            found = self._tasks.find(wanted, {"definition": 1})
            return {item["_id"]: json.loads(item["definition"]) async for item in found}

    async def of_run(self, run_id: str) -> list[Task]:
        """Return the tasks of a run in the order they were written."""
        with unavailable_is_ours():
            found = self._tasks.find({"run_id": run_id, "is_subtask": False})
            return [_task(item) async for item in found.sort([("created_at", 1), ("_id", 1)])]

    async def outlines(self, run_id: str) -> list[Task]:
        """Return the same without their definitions, plans and results, which may be large."""
        left_out = {"definition": 0, "plan": 0, "results": 0, "parameters": 0, "command": 0}
        with unavailable_is_ours():
            found = self._tasks.find({"run_id": run_id, "is_subtask": False}, left_out)
            return [_task(item) async for item in found.sort([("created_at", 1), ("_id", 1)])]

    async def open(self, tx: Transaction, run_id: str) -> dict[str, TaskStatus]:
        """Return the statuses of the tasks of a run that have not ended."""
        query = {"run_id": run_id, "is_subtask": False, "status": {"$nin": list(ENDED)}}
        found = self._tasks.find(query, {"name": 1, "status": 1}, session=tx.session)
        return {item["name"]: TaskStatus(item["status"]) async for item in found}

    async def end(
        self,
        tx: Transaction,
        run_id: str,
        ends: Mapping[str, TaskStatus],
        parts: Mapping[str, Parts],
        *,
        now: datetime,
    ) -> None:
        """Give tasks of a run that has ended their last statuses; `parts` are those of the tasks that have some."""
        by_status: defaultdict[TaskStatus, list[str]] = defaultdict(list)
        for name, status in ends.items():
            by_status[status].append(name)
        for status, names in by_status.items():
            await self._tasks.update_many(
                {"_id": {"$in": [f"{run_id}/{name}" for name in names]}, "is_subtask": False},
                {"$set": {"status": status, "updated_at": now}},
                session=tx.session,
            )
            for name in names:
                if name in parts:
                    tx.emit(f"task.{status.lower()}", now, run_id=run_id, task=name, **parts[name].told())
            if others := [name for name in names if name not in parts]:
                tx.emit(f"task.{status.lower()}", now, run_id=run_id, tasks=others)


_UNSAID = json.loads(json.dumps(dataclasses.asdict(TaskDefinition(task_id="", name=""))))
"""What a definition means that leaves a field out, as one of an earlier version does."""


def _same(stored: str | None, definition: Mapping[str, Any]) -> bool:
    return stored is None or {**_UNSAID, **json.loads(stored)} == {**_UNSAID, **json.loads(json.dumps(definition))}


def _fields(change: TaskUpdate, now: datetime) -> Document:
    fields: Document = {"status": change.status, "updated_at": now}
    if change.definition is not None:
        fields["definition"] = json.dumps(change.definition)
        fields["file_blobs"] = [file["sha256"] for file in change.definition.get("files", ())]
    if change.plan is not None:
        fields["plan"] = json.dumps(change.plan)
    if change.result is not None or change.blob is not None:
        fields |= {"results": change.result, "blob": change.blob, "raw": change.raw}
    if change.error is not None:
        fields["error"] = change.error
    if change.status is TaskStatus.COMPLETED:
        fields["progress"] = 1.0
    return fields


def _task(document: Document) -> Task:
    definition, plan = document.get("definition"), document.get("plan")
    return Task(
        id=document["_id"],
        run_id=document["run_id"],
        workflow_id=document["workflow_id"],
        name=document["name"],
        status=TaskStatus(document["status"]),
        dependencies=document["dependencies"],
        definition=json.loads(definition) if definition else None,
        plan=json.loads(plan) if plan else None,
        result=document.get("results"),
        blob=document.get("blob"),
        raw=document.get("raw", False),
        error=document.get("error"),
        updated_at=document["updated_at"],
    )
