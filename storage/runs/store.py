"""Runs: one execution of one version of a workflow."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict
from datetime import datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import IdTakenError, NotFoundError, RunEndedError
from storage.ledger import Ledger, Transaction
from storage.listing import Filter, Listing, Page, Sort
from storage.runs.models import (
    ENDED,
    GOING_ON,
    FlowRunState,
    NewRun,
    Run,
    RunStatus,
    Tell,
    as_run,
    clean_up_of,
    told_of,
)
from storage.runs.parts import PartStore, parts_of, together
from storage.subtasks.stopping import StoppingStore

SORTS = ("created_at", "name", "priority")


class RunStore:
    """One document a run. Prefect decides a run's status (`follow`); flows write under its lease (`run_leases`)."""

    def __init__(self, database: Database, ledger: Ledger, stopping: StoppingStore, parts: PartStore) -> None:
        self._runs = database["runs"]
        self._batches = database["batches"]
        self._workflows = database["workflows"]
        self._ledger = ledger
        self.listing = Listing(
            self._runs,
            sorts=SORTS,
            leading=["workflow_id", "owner", "tags", "status"],
            searched=["_id", "name", "tags", "error"],
            left_out=["spec", "files"],
        )
        self._stopping = stopping
        self._parts = parts

    async def prepare(self) -> None:
        await self._runs.create_index("prefect_flow_run_id", unique=True, sparse=True)
        await self.listing.prepare()
        await self._runs.update_many({"readers": {"$exists": False}}, [{"$set": {"readers": ["$owner"]}}])
        await self._runs.create_index([("status", 1), ("updated_at", 1)])
        await self._runs.create_index(
            [("schedule.id", 1), ("status", 1)], partialFilterExpression={"schedule.id": {"$exists": True}}
        )
        await self._runs.create_index("ending.status", partialFilterExpression={"ending.status": {"$type": "string"}})

    async def add(
        self,
        new: NewRun,
        tasks: Sequence[Document],
        *,
        now: datetime,
        first: Callable[[Transaction, str], Awaitable[None]] | None = None,
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
            "readers": list(dict.fromkeys((new.owner, *new.readers))),
            "status": RunStatus.SUBMITTED,
            "priority": new.priority,
            "tags": list(new.tags),
            "spec": json.dumps(new.spec),
            "files": [{"name": name, "sha256": sha256} for name, sha256 in new.files.items()],
            "parameters": json.dumps(new.parameters),
            "cancel_requested": False,
            "attempt": 0,
            "recoveries": 0,
            "error": None,
            "parts": 0,
            "failed_parts": 0,
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
            "ending": None,
            "generation": 0,
            "prepares": new.prepares,
            "clean_up": {"task": new.clean_up, "done": False, "skipped": False} if new.clean_up else None,
            "deadline_seconds": new.deadline.total_seconds() if new.deadline else None,
            "deadline": now + new.deadline if new.deadline else None,
        }
        if new.prefect_flow_run_id is not None:
            document["prefect_flow_run_id"] = new.prefect_flow_run_id
        if new.schedule is not None:
            document["schedule"] = asdict(new.schedule)
        if new.request is not None:
            document["request"] = new.request
        if new.parent is not None:
            document["parent"] = {**asdict(new.parent), "chain": list(new.parent.chain)}
        for task in tasks:
            task["run_id"] = document["_id"]
            task["_id"] = f"{document['_id']}/{task['name']}"

        async def insert(tx: Transaction) -> None:
            if first is not None:
                await first(tx, document["_id"])
            workflow = await self._workflows.find_one_and_update(
                {"_id": new.workflow_id},
                {"$set": {"current_run_id": document["_id"], **_shown(document, now)}},
                projection={"readers": 1},
                session=tx.session,
            )
            if workflow is not None:  # it may have been shared since it was read
                document["readers"] = list(dict.fromkeys((new.owner, *workflow["readers"])))
            await self._runs.insert_one(document, session=tx.session)
            if tasks:
                await self._workflows.database["tasks"].insert_many(tasks, session=tx.session)
            tx.emit(
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

    async def outline(self, run_id: str) -> Run:
        """Return a run without its spec and files, which may be large. Raises NotFoundError."""
        return await self._one({"_id": run_id}, run_id, {"spec": 0, "files": 0})

    async def status(self, run_id: str) -> RunStatus:
        """Return a run's status alone. Raises NotFoundError."""
        with unavailable_is_ours():
            document = await self._runs.find_one({"_id": run_id}, {"status": 1})
        if document is None:
            raise NotFoundError("run", run_id)
        return RunStatus(document["status"])

    async def flow_runs(self, run_ids: Collection[str]) -> dict[str, str]:
        """Return the ids of Prefect's flow runs by run, of those runs that have one."""
        query = {"_id": {"$in": sorted(run_ids)}, "prefect_flow_run_id": {"$exists": True}}
        with unavailable_is_ours():
            found = self._runs.find(query, {"prefect_flow_run_id": 1})
            return {item["_id"]: item["prefect_flow_run_id"] async for item in found}

    async def by_flow_run(self, flow_run_id: str) -> Run:
        return await self._one({"prefect_flow_run_id": flow_run_id}, flow_run_id)

    async def _one(self, query: Document, name: str, shown: Document | None = None) -> Run:
        with unavailable_is_ours():
            document = await self._runs.find_one(query, shown)
        if document is None:
            raise NotFoundError("run", name)
        return as_run(document)

    async def replace(self, tx: Transaction, run_id: str, workflow_id: str, successor: str, *, now: datetime) -> str:
        """Let `successor` stand for the id `run_id` from now on; return the id of the run that stood for it before.

        Raises IdTakenError if that id names a run of another workflow.
        """
        before = await self._runs.find_one_and_update(
            {"_id": run_id, "workflow_id": workflow_id},
            {"$set": {"replaced_by": successor}},
            projection={"replaced_by": 1},
            session=tx.session,
        )
        if before is None:
            raise IdTakenError("run", run_id)
        tx.emit("run.replaced", now, run_id=run_id, successor=successor)
        return str(before.get("replaced_by") or run_id)

    async def going_on(self, schedule_id: str, *, beside: bool = True, limit: int = 1000) -> list[str]:
        """Return the ids of a schedule's runs that have not ended, the newest first.

        Without those that were started `beside` the others, unless they are wanted too.
        """
        query: Document = {"schedule.id": schedule_id, "status": {"$nin": list(ENDED)}}
        if not beside:
            query["schedule.beside"] = {"$ne": True}
        with unavailable_is_ours():
            found = self._runs.find(query, {"_id": 1}).sort("created_at", -1).limit(limit)
            return [document["_id"] async for document in found]

    async def schedules_of(self, run_ids: Collection[str]) -> set[str]:
        """Return the ids of the schedules that started some of these runs."""
        query = {"_id": {"$in": list(run_ids)}, "schedule.id": {"$exists": True}}
        with unavailable_is_ours():
            return {run["schedule"]["id"] async for run in self._runs.find(query, {"schedule.id": 1})}

    async def page(self, filter_: Filter, sort: Sort, page: Page) -> tuple[list[Run], str | None]:
        """Return a page of runs, without their specs and files, and the token of the next one."""
        found, token = await self.listing.page(filter_, sort, page)
        return [as_run(document) for document in found], token

    async def unfinished(self, *, after: str = "", limit: int) -> list[Run]:
        """Return runs that have not ended, without specs and files, in the order of their ids, from `after` on."""
        query = {"_id": {"$gt": after}, "status": {"$nin": list(ENDED)}}
        with unavailable_is_ours():
            found = self._runs.find(query, {"spec": 0, "files": 0}).sort("_id", 1).limit(limit)
            return [as_run(item) async for item in found]

    async def any_under_way(self) -> bool:
        """Whether some run has not ended, or has ended and Prefect has still to hear of it."""
        going_on = {"status": {"$in": [status for status in RunStatus if status not in ENDED]}}
        query = {"$or": [going_on, {"to_tell": {"$type": "string"}}]}
        with unavailable_is_ours():
            return await self._runs.find_one(query, {"_id": 1}) is not None

    async def follow(self, tx: Transaction, state: FlowRunState, status: RunStatus, *, now: datetime) -> Run | None:
        """Copy a state of Prefect's into the run, unless a later one is there; return the run if the state was news.

        `status` is what the run comes to by it; a last one `end`s it. A paused run stays PAUSED until it ends. One that
        was cancelled ends CANCELLED, however its flow did, and not before it has cleaned up. States before a reopening
        are none of the run's.
        """
        fresh = {
            "prefect_flow_run_id": state.flow_run_id,
            "status": {"$nin": list(ENDED)},
            "ending": None,
            "to_tell": {"$ne": Tell.REOPEN},
            "$or": [{"prefect_state.at": None}, {"prefect_state.at": {"$lt": state.at}}],
        }
        before = await self._runs.find_one(fresh, session=tx.session)
        if before is None:
            return None
        change: Document = {"prefect_state": {"type": state.type, "at": state.at}, "updated_at": now}
        new = _status(before, status)
        if new is not None:
            change["status"] = new
        if status in GOING_ON and before["started_at"] is None:
            change["started_at"] = state.at
        if new is RunStatus.FAILED and before["error"] is None:
            change["error"] = state.message
        if new in ENDED:
            otherwise = new is RunStatus.CANCELLED is not status
            change |= {"ended_at": state.at, "to_tell": Tell.CANCEL if otherwise else None}
            return as_run(await self.end(tx, before, change, now=now))
        await self._runs.update_one({"_id": before["_id"]}, {"$set": change}, session=tx.session)
        document = {**before, **change}
        if document["status"] != before["status"]:
            await self._moved(tx, document, now)
        return as_run(document)

    async def end(self, tx: Transaction, run: Document, change: Document, *, now: datetime) -> Document:
        """End a run as `change` says, and nothing of it is lent any more; return the run as it is then.

        A run with more open subtasks than a transaction takes is `ending` first: nobody carries it any more, and it
        ends when the last of them is cancelled. Call it again then, with what is kept in `ending`.
        """
        if await self._stopping.cancel(tx, run["_id"], now=now):
            change = {"ending": change, "hold": None}
        else:
            parts = together((await self._parts.of_tasks(tx, run["_id"])).values())
            change = {**change, **parts.told(), "ending": None, "hold": None, "paused": False, "told_held": None}
        change["updated_at"] = now
        await self._runs.update_one({"_id": run["_id"]}, {"$set": change, "$inc": {"change": 1}}, session=tx.session)
        document = {**run, **change}
        if document["status"] != run["status"]:
            await self._moved(tx, document, now)
        return document

    async def _moved(self, tx: Transaction, document: Document, now: datetime) -> None:
        await self.show(tx, document, now=now)
        tx.emit(f"run.{document['status'].lower()}", now, run_id=document["_id"], **told_of(document))

    async def show(self, tx: Transaction, document: Document, *, now: datetime) -> None:
        """Let the workflow show the state of the run if it is its latest."""
        await self._workflows.update_one(
            {"_id": document["workflow_id"], "current_run_id": document["_id"]},
            {"$set": _shown(document, now)},
            session=tx.session,
        )

    async def is_open(self, tx: Transaction, run_id: str) -> bool:
        """Whether the run neither has ended nor is ending, and nobody has asked for its end."""
        query = {"_id": run_id, "status": {"$nin": list(ENDED)}, "ending": None, "cancel_requested": False}
        return await self._runs.find_one(query, {"_id": 1}, session=tx.session) is not None

    async def request_cancel(self, tx: Transaction, run_id: str, *, by: str, now: datetime) -> None:
        """Note that the run shall be cancelled; a second time, that it shall not clean up first.

        Raises RunEndedError when it has ended or is ending.
        """
        run = await self._runs.find_one({"_id": run_id}, session=tx.session)
        if run is None:
            raise NotFoundError("run", run_id)
        if run["status"] in ENDED or run.get("ending"):
            raise RunEndedError(run_id)
        clean_up = clean_up_of(run)
        if not run["cancel_requested"]:
            change: Document = {"cancel_requested": True, "paused": False, "updated_at": now}
            if run.get("paused"):
                tell = Tell.REOPEN if run["to_tell"] == Tell.REOPEN else Tell.RESUME
                change |= {"status": RunStatus.RUNNING, "to_tell": tell, "told_held": None}
            await self._runs.update_one({"_id": run_id}, {"$set": change, "$inc": {"change": 1}}, session=tx.session)
            await self.show(tx, {**run, **change}, now=now)
            tx.emit("run.cancel_requested", now, run_id=run_id, by=by)
            if "status" in change:
                tx.emit("run.running", now, run_id=run_id, **told_of(run))
        elif clean_up is not None and not clean_up.done:
            change = {"clean_up.done": True, "clean_up.skipped": True, "updated_at": now}
            await self._runs.update_one({"_id": run_id}, {"$set": change}, session=tx.session)
            tx.emit("run.clean_up_skipped", now, run_id=run_id, by=by)

    async def move(self, tx: Transaction, run_id: str, status: RunStatus, *, now: datetime) -> bool:
        """Show what a run that goes on is busy with; tell whether that changes anything.

        It is SPLITTING until its first subtasks are queued, then RUNNING or AGGREGATING: with many tasks under way
        there is always one that splits.
        """
        if status is RunStatus.SPLITTING:
            queued = await self._batches.find_one({"run_id": run_id}, {"_id": 1}, session=tx.session)
            if queued is not None:
                return False
        document = await self._runs.find_one_and_update(
            {"_id": run_id, "status": {"$in": [RunStatus.SUBMITTED, *GOING_ON], "$ne": status}},
            {"$set": {"status": status, "updated_at": now}},
            projection={"spec": 0, "files": 0},
            return_document=ReturnDocument.AFTER,
            session=tx.session,
        )
        if document is None:
            return False
        if document["started_at"] is None:
            document["started_at"] = now
            await self._runs.update_one({"_id": run_id}, {"$set": {"started_at": now}}, session=tx.session)
        await self.show(tx, document, now=now)
        tx.emit(f"run.{status.lower()}", now, run_id=run_id, **told_of(document))
        return True


def _shown(run: Document, now: datetime) -> Document:
    """Return the fields of a workflow that show the state of its latest run."""
    return {"status": run["status"], **parts_of(run).told(), "updated_at": now}


def _status(before: Document, status: RunStatus) -> RunStatus | None:
    """Return the status that a run comes to when Prefect's says `status`; None leaves it as it is."""
    if status in (RunStatus.COMPLETED, RunStatus.FAILED) and not before["cancel_requested"]:
        return status
    if status in ENDED:
        clean_up = before.get("clean_up")
        if clean_up is None or clean_up["done"]:
            return RunStatus.CANCELLED
        failed_to = status is RunStatus.FAILED and clean_up.get("begun_again")
        return RunStatus.CANCELLED if failed_to else None
    if before.get("paused"):
        return RunStatus.PAUSED
    if status is RunStatus.PAUSED or (status is RunStatus.RUNNING and before["status"] in GOING_ON):
        return None
    return status
