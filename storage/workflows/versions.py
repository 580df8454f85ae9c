"""Versions of workflows: one for each edit, kept until the workflow is deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import NotFoundError
from storage.ledger import Transaction
from storage.listing import Filter, Listing, Page, Sort


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a workflow. `source` is the text that it came in as, None where it came as JSON values."""

    workflow_id: str
    number: int
    name: str
    description: str
    tags: Sequence[str]
    spec: Mapping[str, Any]
    files: Mapping[str, str]
    source: str | None
    by: str
    created_at: datetime


class VersionStore:
    """One document a version, `{workflow}/{number}`, written with the workflow and never changed."""

    def __init__(self, database: Database) -> None:
        self._versions = database["workflow_versions"]
        self._listing = Listing(
            self._versions, sorts=["number"], leading=["workflow_id"], searched=["name"], readers=False
        )

    async def prepare(self) -> None:
        await self._listing.prepare()

    async def add(self, tx: Transaction, workflow: Document, source: str | None, *, by: str, now: datetime) -> None:
        """Keep a workflow's document as it is at its version."""
        kept = {name: workflow[name] for name in ("version", "name", "description", "spec_tags", "spec", "files")}
        document = {
            "_id": f"{workflow['_id']}/{kept['version']}",
            "workflow_id": workflow["_id"],
            "number": kept.pop("version"),
            "tags": kept.pop("spec_tags"),
            **kept,
            "source": source,
            "by": by,
            "created_at": now,
        }
        await self._versions.insert_one(document, session=tx.session)

    async def get(self, workflow_id: str, number: int) -> Version:
        """Raises NotFoundError."""
        with unavailable_is_ours():
            document = await self._versions.find_one({"_id": f"{workflow_id}/{number}"})
        if document is None:
            raise NotFoundError("version", f"{workflow_id}/{number}")
        return _version(document)

    async def page(self, workflow_id: str, page: Page) -> tuple[list[Version], str | None]:
        """Return a page of a workflow's versions, the newest first, and the token of the next one."""
        filter_ = Filter(equal={"workflow_id": workflow_id})
        found, token = await self._listing.page(filter_, Sort("number", True), page)
        return [_version(document) for document in found], token

    async def forget(self, tx: Transaction, workflow_id: str) -> None:
        """Delete all versions of a workflow."""
        await self._versions.delete_many({"workflow_id": workflow_id}, session=tx.session)


def _version(document: Document) -> Version:
    return Version(
        workflow_id=document["workflow_id"],
        number=document["number"],
        name=document["name"],
        description=document["description"],
        tags=document["tags"],
        spec=json.loads(document["spec"]),
        files={file["name"]: file["sha256"] for file in document["files"]},
        source=document["source"],
        by=document["by"],
        created_at=document["created_at"],
    )
