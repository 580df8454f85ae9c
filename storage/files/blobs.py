"""Blobs: bytes named by their SHA-256, in GridFS, streamed both ways and never held whole."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Set
from dataclasses import dataclass
from datetime import datetime

from bson import Binary, ObjectId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, Session, unavailable_is_ours
from storage.errors import BlobMismatchError, NotFoundError, TooLargeError
from storage.files.chunks import CHUNK_BYTES, Chunks


@dataclass(frozen=True, slots=True)
class Blob:
    sha256: str  # hex
    size: int  # bytes


class BlobStore:
    """GridFS bucket `blobs`; a blob's file name is its hash, and unique.

    Each blob says who stored it (`metadata.by`) and when somebody last did or asked for it (`metadata.touched_at`):
    one that nothing refers to is kept for some time after that (see `storage.files.blob_collection`).
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._files = database["blobs.files"]
        self.chunks = Chunks(database)

    async def prepare(self) -> None:
        await self.chunks.prepare()
        await self._files.create_index("filename", unique=True)
        await self._files.create_index("metadata.touched_at")
        await self._files.create_index("metadata.by")
        before_metadata = {"metadata": {"$exists": False}}
        await self._files.update_many(
            before_metadata, [{"$set": {"metadata": {"by": [], "touched_at": "$uploadDate"}}}]
        )

    async def find(self, sha256: str) -> Blob | None:
        """Return what is known of a blob, None when it is not stored."""
        with unavailable_is_ours():
            document = await self._files.find_one({"filename": sha256}, {"length": 1})
        return Blob(sha256, document["length"]) if document else None

    async def touch(self, hashes: Set[str], *, by: str | None, now: datetime) -> set[str]:
        """Keep those of `hashes` that are stored for a while more, as blobs of `by` too; return the others."""
        return set(hashes) - (await self.touched_sizes(hashes, by=by, now=now)).keys()

    async def touched_sizes(self, hashes: Set[str], *, by: str | None, now: datetime) -> dict[str, int]:
        """Keep those of `hashes` that are stored for a while more; return their sizes in bytes."""
        change: Document = {"$max": {"metadata.touched_at": now}}
        if by is not None:
            change["$addToSet"] = {"metadata.by": by}
        query = {"filename": {"$in": sorted(hashes)}}
        with unavailable_is_ours():
            await self._files.update_many(query, change)
        return await self.sizes(hashes)

    async def sizes(self, hashes: Set[str]) -> dict[str, int]:
        """Return the sizes in bytes of those of `hashes` that are stored."""
        with unavailable_is_ours():
            found = self._files.find({"filename": {"$in": sorted(hashes)}}, {"filename": 1, "length": 1})
            return {document["filename"]: document["length"] async for document in found}

    async def stored_bytes(self, by: str) -> int:
        """Return how many bytes somebody has stored. What several have stored counts for each."""
        total: list[Document] = [
            {"$match": {"metadata.by": by}},
            {"$group": {"_id": None, "bytes": {"$sum": "$length"}}},
        ]
        with unavailable_is_ours():
            found = await (await self._files.aggregate(total)).to_list()
        return int(found[0]["bytes"]) if found else 0

    async def put_small(self, sha256: str, content: bytes, *, by: str | None, now: datetime) -> bool:
        """Store a blob of one chunk at most, all or nothing; return False if it was there. Raises BlobMismatchError."""
        check(sha256, hashlib.sha256(content).hexdigest())
        file_id = ObjectId()

        async def insert(session: Session) -> None:
            await self._files.insert_one(file(file_id, sha256, len(content), by, now), session=session)
            if content:
                chunk = {"files_id": file_id, "n": 0, "data": Binary(content)}
                await self.chunks.collection.insert_one(chunk, session=session)

        try:
            await self._database.transaction(insert)
        except DuplicateKeyError:  # somebody else stored the same bytes meanwhile
            await self.touch({sha256}, by=by, now=now)
            return False
        return True

    async def name(self, file_id: ObjectId, sha256: str, size: int, *, by: str | None, now: datetime) -> bool:
        """Make a blob of the chunks of a file; return False, and forget them, if there is one like it."""
        with unavailable_is_ours():
            try:
                await self._files.insert_one(file(file_id, sha256, size, by, now))
            except DuplicateKeyError:
                named = await self._files.find_one({"filename": sha256}, {"_id": 1})
                if named is not None and named["_id"] == file_id:  # this very call, whose answer was lost
                    return True
                await self.touch({sha256}, by=by, now=now)
                await self.chunks.delete(file_id)
                return False
        return True

    async def is_named(self, file_id: ObjectId) -> bool:
        """Whether a blob is made of the chunks of a file."""
        with unavailable_is_ours():
            return await self._files.find_one({"_id": file_id}, {"_id": 1}) is not None

    async def read(self, sha256: str, first: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield a blob's bytes, `length` of them (None: all) from `first` on.

        Raises NotFoundError at the first step if it is not stored.
        """
        with unavailable_is_ours():
            document = await self._files.find_one({"filename": sha256}, {"length": 1})
        if document is None:
            raise NotFoundError("blob", sha256)
        most = document["length"] - first
        async for piece in self.chunks.read(document["_id"], first, most if length is None else min(length, most)):
            yield piece


async def digest_of(pieces: AsyncIterator[bytes]) -> str:
    """Return the hex SHA-256 of what `pieces` yields."""
    digest = hashlib.sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def beginning(pieces: AsyncIterator[bytes], most: int) -> tuple[bytes, bool]:
    """Return the first pieces, more than `most` bytes of them or all, and whether that is all."""
    begun = bytearray()
    async for piece in pieces:
        begun += piece
        if len(begun) > most:
            return bytes(begun), False
    return bytes(begun), True


def check(announced: str, found: str) -> None:
    if announced != found:
        raise BlobMismatchError(announced, found)


def check_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLargeError("the blob", limit)


def file(file_id: ObjectId, sha256: str, size: int, by: str | None, now: datetime) -> Document:
    """Return the document of a file, as GridFS has it."""
    owners: Iterable[str] = () if by is None else (by,)
    return {
        "_id": file_id,
        "filename": sha256,
        "length": size,
        "chunkSize": CHUNK_BYTES,
        "uploadDate": now,
        "metadata": {"by": list(owners), "touched_at": now},
    }
