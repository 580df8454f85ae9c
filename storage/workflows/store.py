"""Workflows: named specs with an owner and a version."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import (
    IdTakenError,
    NotFoundError,
    StaleVersionError,
    WorkflowArchivedError,
    WorkflowInUseError,
)
from storage.ledger import Ledger, Transaction
from storage.listing import Filter, Listing, Page, Sort
from storage.runs.models import ENDED, RunStatus
from storage.workflows.versions import VersionStore


@dataclass(frozen=True, slots=True)
class NewWorkflow:
    """What a submitter brings. `files` maps a file's name to its SHA-256; resources in cores and bytes.

    `source` is the text that the spec was written as, if it came in as text.
    """

    name: str
    description: str
    priority: int
    tags: Sequence[str]
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    files: Mapping[str, str]
    estimated_resources: Mapping[str, float]
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    id: str
    name: str
    description: str
    owner: str
    status: RunStatus
    version: int
    priority: int
    tags: Sequence[str]
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    files: Mapping[str, str]
    estimated_resources: Mapping[str, float]
    current_run_id: str | None
    created_at: datetime
    updated_at: datetime
    readers: Sequence[str] = ()  # who may see it, its owner first; `*` is everybody
    request: str | None = None  # the request that made it, if that had an Idempotency-Key
    archived_at: datetime | None = None
    parts: int = 0  # of its last run, once that has ended
    failed_parts: int = 0


SORTS = ("created_at", "updated_at", "name", "priority")


class WorkflowStore:
    """One document a workflow; an edit raises its version and never touches runs under way."""

    def __init__(self, database: Database, ledger: Ledger, versions: VersionStore) -> None:
        self._workflows = database["workflows"]
        self._runs = database["runs"]
        self._schedules = database["schedules"]
        self._ledger = ledger
        self._versions = versions
        self.listing = Listing(
            self._workflows,
            sorts=SORTS,
            leading=["owner", "tags", "status"],
            searched=["_id", "name", "description", "tags"],
            left_out=["spec", "files"],
        )

    async def prepare(self) -> None:
        await self.listing.prepare()
        await self._workflows.update_many({"readers": {"$exists": False}}, [{"$set": {"readers": ["$owner"]}}])
        await self._workflows.create_index([("owner", 1), ("name", 1), ("created_at", -1)])

    async def add(
        self,
        new: NewWorkflow,
        *,
        owner: str,
        now: datetime,
        id_: str | None = None,
        request: str | None = None,
        first: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> Workflow:
        """Write a new workflow, under an id of its own unless one is given. Raises IdTakenError.

        `first` is done before, in the same transaction.
        """
        document: Document = {
            "_id": id_ or new_id("w"),
            "request": request,
            "owner": owner,
            "readers": [owner],
            "status": RunStatus.VALIDATED,
            "version": 1,
            "current_run_id": None,
            "archived_at": None,
            "created_at": now,
            "updated_at": now,
            "tags": list(new.tags),
            **_content(new),
        }

        async def insert(tx: Transaction) -> None:
            if first is not None:
                await first(tx)
            await self._workflows.insert_one(document, session=tx.session)
            await self._versions.add(tx, document, new.source, by=owner, now=now)
            tx.emit("workflow.created", now, workflow=document["_id"], name=new.name, owner=owner)

        try:
            await self._ledger.write(insert)
        except DuplicateKeyError as error:
            raise IdTakenError("workflow", document["_id"]) from error
        return _workflow(document)

    async def edit(
        self,
        workflow_id: str,
        new: NewWorkflow,
        *,
        by: str,
        now: datetime,
        version: int | None = None,
        request: str | None = None,
    ) -> Workflow:
        """Replace the content; the version rises by one. Repeating under the same `request` changes nothing again.

        With a `version` only that one is edited: StaleVersionError if it is another by now. Tags that somebody put on
        the workflow stay, those of the spec are replaced by those of the new one.
        """

        async def rewrite(tx: Transaction) -> Document:
            before = await self._workflows.find_one({"_id": workflow_id}, session=tx.session)
            if before is None:
                raise NotFoundError("workflow", workflow_id)
            if request is not None and before.get("edit_request") == request:
                return before
            if version is not None and before["version"] != version:
                raise StaleVersionError(workflow_id, before["version"])
            of_spec = before.get("spec_tags") or ()
            put_on = [tag for tag in before["tags"] if tag not in of_spec]
            change = {
                **_content(new),
                "tags": list(dict.fromkeys((*new.tags, *put_on))),
                "edit_request": request,
                "updated_at": now,
            }
            document = await self._workflows.find_one_and_update(
                {"_id": workflow_id, "version": before["version"]},
                {"$set": change, "$inc": {"version": 1}},
                return_document=ReturnDocument.AFTER,
                session=tx.session,
            )
            if document is None:
                raise StaleVersionError(workflow_id, before["version"])
            await self._versions.add(tx, document, new.source, by=by, now=now)
            tx.emit("workflow.edited", now, workflow=workflow_id, version=document["version"])
            return document

        return _workflow(await self._ledger.write(rewrite))

    async def tag(self, workflow_id: str, tags: Sequence[str], *, by: str, now: datetime) -> Workflow:
        """Put tags on a workflow; no new version. Repeating is harmless."""
        change = {"$addToSet": {"tags": {"$each": list(tags)}}}
        return await self._mark(workflow_id, change, "workflow.tagged", now, by=by, tags=list(tags))

    async def untag(self, workflow_id: str, tags: Sequence[str], *, by: str, now: datetime) -> Workflow:
        """Take tags off a workflow; an edit whose spec names them puts them on again. Repeating is harmless."""
        change = {"$pullAll": {"tags": list(tags)}}
        return await self._mark(workflow_id, change, "workflow.untagged", now, by=by, tags=list(tags))

    async def archive(self, workflow_id: str, *, by: str, now: datetime) -> Workflow:
        """Put a workflow aside: not listed unless asked for, not to be started. Its runs go on. Repeats safely."""
        return await self._mark(workflow_id, {"$set": {"archived_at": now}}, "workflow.archived", now, by=by)

    async def unarchive(self, workflow_id: str, *, by: str, now: datetime) -> Workflow:
        """Take an archived workflow up again. Repeating is harmless."""
        return await self._mark(workflow_id, {"$set": {"archived_at": None}}, "workflow.unarchived", now, by=by)

    async def _mark(self, workflow_id: str, change: Document, event: str, now: datetime, **told: Any) -> Workflow:
        async def write(tx: Transaction) -> Document:
            document = await self._workflows.find_one_and_update(
                {"_id": workflow_id}, change, return_document=ReturnDocument.AFTER, session=tx.session
            )
            if document is None:
                raise NotFoundError("workflow", workflow_id)
            tx.emit(event, now, workflow=workflow_id, **told)
            return document

        return _workflow(await self._ledger.write(write))

    async def begin(self, tx: Transaction, workflow_id: str, *, now: datetime) -> None:
        """Within the transaction that writes a run of it: let no one archive or delete the workflow meanwhile.

        Raises NotFoundError, WorkflowArchivedError.
        """
        open_ = {"_id": workflow_id, "archived_at": None}
        outcome = await self._workflows.update_one(open_, {"$set": {"updated_at": now}}, session=tx.session)
        if not outcome.matched_count:
            if await self._workflows.find_one({"_id": workflow_id}, {"_id": 1}, session=tx.session) is None:
                raise NotFoundError("workflow", workflow_id)
            raise WorkflowArchivedError(workflow_id)

    async def delete(self, workflow_id: str, *, by: str, now: datetime) -> None:
        """Forget a workflow, its versions and its schedules; its ended runs stay, with the spec that each ran.

        Raises NotFoundError, WorkflowInUseError.
        """
        under_way = {"workflow_id": workflow_id, "status": {"$nin": list(ENDED)}}

        async def forget(tx: Transaction) -> None:
            if (run := await self._runs.find_one(under_way, {"_id": 1}, session=tx.session)) is not None:
                raise WorkflowInUseError(workflow_id, run["_id"])
            deleted = await self._workflows.find_one_and_delete({"_id": workflow_id}, session=tx.session)
            if deleted is None:
                raise NotFoundError("workflow", workflow_id)
            await self._versions.forget(tx, workflow_id)
            of_it = {"workflow_id": workflow_id}
            schedules = await self._schedules.find(of_it, {"owner": 1}, session=tx.session).to_list()
            await self._schedules.delete_many(of_it, session=tx.session)
            for schedule in schedules:
                tx.emit("schedule.deleted", now, schedule=schedule["_id"], by=by, owner=schedule["owner"])
            tx.emit("workflow.deleted", now, workflow=workflow_id, by=by, owner=deleted["owner"])

        await self._ledger.write(forget)

    async def get(self, workflow_id: str) -> Workflow:
        with unavailable_is_ours():
            document = await self._workflows.find_one({"_id": workflow_id})
        if document is None:
            raise NotFoundError("workflow", workflow_id)
        return _workflow(document)

    async def latest(self, owner: str, name: str) -> Workflow:
        """Return the owner's newest workflow of that name that is not archived. Raises NotFoundError."""
        query = {"owner": owner, "name": name, "archived_at": None}
        with unavailable_is_ours():
            document = await self._workflows.find_one(query, sort=[("created_at", -1)])
        if document is None:
            raise NotFoundError(f"workflow of {owner}", name)
        return _workflow(document)

    async def page(
        self, filter_: Filter, sort: Sort, page: Page, *, archived: bool = False
    ) -> tuple[list[Workflow], str | None]:
        """Return a page of the workflows in use, or of the archived ones, and the token of the next page.

        They are without specs and files.
        """
        aside: Document = {"archived_at": {"$ne": None} if archived else None}
        filter_ = replace(filter_, equal={**filter_.equal, **aside})
        found, token = await self.listing.page(filter_, sort, page)
        return [_workflow(document) for document in found], token


def _content(new: NewWorkflow) -> Document:
    return {
        "name": new.name,
        "description": new.description,
        "priority": new.priority,
        "spec_tags": list(new.tags),
        "metadata": dict(new.metadata),
        "spec": json.dumps(new.spec),  # JSON text: BSON knows no integers above 64 bits
        "files": [{"name": name, "sha256": sha256} for name, sha256 in new.files.items()],
        "estimated_resources": dict(new.estimated_resources),
    }


def _workflow(document: Document) -> Workflow:
    return Workflow(
        id=document["_id"],
        name=document["name"],
        description=document["description"],
        owner=document["owner"],
        status=RunStatus(document["status"]),
        version=document["version"],
        priority=document["priority"],
        tags=document["tags"],
        metadata=document["metadata"],
        spec=json.loads(document.get("spec", "{}")),
        files={file["name"]: file["sha256"] for file in document.get("files", ())},
        estimated_resources=document["estimated_resources"],
        current_run_id=document["current_run_id"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        readers=tuple(document["readers"]),
        request=document.get("request"),
        archived_at=document.get("archived_at"),
        parts=document.get("parts", 0),
        failed_parts=document.get("failed_parts", 0),
    )
