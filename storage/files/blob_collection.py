"""Collect the blobs that nothing refers to any more.

Nobody counts references: who refers to a blob is looked up, by indexes, when it is old enough to go. Whoever is about
to refer to one touches it first (it is stored again, asked for, or named by a new workflow), and one that was touched
meanwhile is not collected. So two collectors do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import UpdateOne

from storage.database import Database, Document, unavailable_is_ours
from storage.files.blobs import BlobStore

_REFERENCES = (
    ("workflows", "files.sha256"),
    ("workflow_versions", "files.sha256"),
    ("runs", "files.sha256"),
    ("tasks", "blob"),
    ("tasks", "file_blobs"),
    ("tasks", "parameters_blob"),
    ("tasks", "details_blob"),
)
"""Where the SHA-256 of a blob may stand."""

_A_TEXT: Document = {"$gt": ""}
"""What the indexes of fields that most documents lack are limited to; queries say it too, to be served by them."""


@dataclass(frozen=True, slots=True)
class Collected:
    blobs: int
    bytes: int
    looked_at: int


class BlobCollection:
    """Looks at blobs that nobody has touched for `grace`, the longest untouched first."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._files = database["blobs.files"]
        self._blobs = blobs

    async def prepare(self) -> None:
        for collection, field in _REFERENCES:
            await self._database[collection].create_index(field, partialFilterExpression={field: _A_TEXT})

    async def collect(self, *, now: datetime, grace: timedelta, limit: int) -> Collected:
        """Delete what nothing refers to among `limit` blobs; the others are looked at again after another `grace`."""
        await self._sweep_up()
        old: Document = {"metadata.touched_at": {"$lte": now - grace}}
        with unavailable_is_ours():
            found = await self._files.find(old).sort("metadata.touched_at", 1).limit(limit).to_list()
        used = await self._referred_to([document["filename"] for document in found])
        kept = [document for document in found if document["filename"] in used]
        if kept:
            again = [UpdateOne(_as_it_was(document), {"$set": {"metadata.touched_at": now}}) for document in kept]
            with unavailable_is_ours():
                await self._files.bulk_write(again, ordered=False)
        gone = [document for document in found if document["filename"] not in used and await self._doom(document)]
        await self._sweep_up()
        return Collected(len(gone), sum(document["length"] for document in gone), len(found))

    async def _doom(self, document: Document) -> bool:
        """Take the name from a blob unless somebody touched it: nobody finds it any more, its chunks may go."""
        doom = {"$set": {"filename": f"collected {document['_id']}", "metadata": {"doomed": True}}}
        with unavailable_is_ours():
            return bool((await self._files.update_one(_as_it_was(document), doom)).modified_count)

    async def _sweep_up(self) -> None:
        """Delete what has lost its name, also what a process that was killed left behind."""
        with unavailable_is_ours():
            async for document in self._files.find({"filename": {"$gte": "collected ", "$lt": "collected!"}}):
                await self._blobs.chunks.delete(document["_id"])
                await self._files.delete_one({"_id": document["_id"]})

    async def _referred_to(self, hashes: list[str]) -> set[str]:
        used: set[str] = set()
        wanted = set(hashes)
        with unavailable_is_ours():
            for collection, field in _REFERENCES:
                rest = sorted(wanted - used)
                query = {"$and": [{field: {"$in": rest}}, {field: _A_TEXT}]}
                used |= wanted & set(await self._database[collection].distinct(field, query)) if rest else set()
        return used


def _as_it_was(document: Document) -> Document:
    return {"_id": document["_id"], "metadata.touched_at": document["metadata"]["touched_at"]}
