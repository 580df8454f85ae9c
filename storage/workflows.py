"""Workflows: named specs with an owner and a version."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import IdTakenError, NotFoundError
from storage.ledger import Ledger, Turn
from storage.run_models import RunStatus


@dataclass(frozen=True, slots=True)
class NewWorkflow:
    """What a submitter brings. `files` maps a file's name to its SHA-256; resources in cores and bytes."""

    name: str
    description: str
    priority: int
    tags: Sequence[str]
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    files: Mapping[str, str]
    estimated_resources: Mapping[str, float]


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


class WorkflowStore:
    """One document a workflow; an edit raises its version and never touches runs under way."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._workflows = database["workflows"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._workflows.create_index([("created_at", -1)])
        await self._workflows.create_index([("readers", 1), ("created_at", -1)])
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
        first: Callable[[Turn], Awaitable[None]] | None = None,
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
            "created_at": now,
            "updated_at": now,
            **_content(new),
        }

        async def insert(turn: Turn) -> None:
            if first is not None:
                await first(turn)
            await self._workflows.insert_one(document, session=turn.session)
            turn.tell("workflow.created", now, workflow=document["_id"], name=new.name, owner=owner)

        try:
            await self._ledger.write(insert)
        except DuplicateKeyError as error:
            raise IdTakenError("workflow", document["_id"]) from error
        return _workflow(document)

    async def edit(self, workflow_id: str, new: NewWorkflow, *, now: datetime, request: str | None = None) -> Workflow:
        """Replace the content; the version rises by one. Repeating under the same `request` changes nothing again."""

        async def replace(turn: Turn) -> Document:
            document = await self._workflows.find_one_and_update(
                {"_id": workflow_id} | ({"edit_request": {"$ne": request}} if request is not None else {}),
                {"$set": {**_content(new), "edit_request": request, "updated_at": now}, "$inc": {"version": 1}},
                return_document=ReturnDocument.AFTER,
                session=turn.session,
            )
            if document is None:
                written = await self._workflows.find_one({"_id": workflow_id}, session=turn.session)
                if written is None:
                    raise NotFoundError("workflow", workflow_id)
                return written
            turn.tell("workflow.edited", now, workflow=workflow_id, version=document["version"])
            return document

        return _workflow(await self._ledger.write(replace))

    async def get(self, workflow_id: str) -> Workflow:
        with unavailable_is_ours():
            document = await self._workflows.find_one({"_id": workflow_id})
        if document is None:
            raise NotFoundError("workflow", workflow_id)
        return _workflow(document)

    async def latest(self, owner: str, name: str) -> Workflow:
        """Return the owner's newest workflow of that name. Raises NotFoundError."""
        with unavailable_is_ours():
            document = await self._workflows.find_one({"owner": owner, "name": name}, sort=[("created_at", -1)])
        if document is None:
            raise NotFoundError(f"workflow of {owner}", name)
        return _workflow(document)

    async def page(self, *, limit: int, readers: Sequence[str] | None = None) -> list[Workflow]:
        """Return the newest workflows; with `readers` those that one of them may read."""
        query = {"readers": {"$in": list(readers)}} if readers is not None else {}
        with unavailable_is_ours():
            found = self._workflows.find(query).sort("created_at", -1).limit(limit)
            return [_workflow(document) async for document in found]


def _content(new: NewWorkflow) -> Document:
    return {
        "name": new.name,
        "description": new.description,
        "priority": new.priority,
        "tags": list(new.tags),
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
        spec=json.loads(document["spec"]),
        files={file["name"]: file["sha256"] for file in document["files"]},
        estimated_resources=document["estimated_resources"],
        current_run_id=document["current_run_id"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        readers=tuple(document["readers"]),
        request=document.get("request"),
    )
