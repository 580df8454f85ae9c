"""Uploads: blobs on their way in, which may come in several requests and over days.

What has arrived is written down while it comes, and when the line breaks: only a service that is killed loses some.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo import ReturnDocument

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import BlobMismatchError, NotFoundError, UploadBusyError, UploadOffsetError
from storage.files.blobs import BlobStore, beginning, check, check_size, digest_of
from storage.files.chunks import CHUNK_BYTES, ChunkWriter

KEPT = timedelta(days=7)
"""How long an upload may pause."""
BUSY = timedelta(seconds=60)
"""How long after a request last wrote something down another may go on with its upload."""
WRITE_DOWN = timedelta(seconds=15)
"""How often what has arrived is written down on a slow line. On a quick one two megabytes at a time are."""


@dataclass(frozen=True, slots=True)
class Upload:
    """`sha256` is the announced one until `done`, then that of the blob."""

    id: str
    length: int  # bytes
    offset: int  # bytes that are there
    sha256: str | None
    done: bool
    expires_at: datetime


class UploadStore:
    """One document an upload; its chunks lie beside those of blobs."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._uploads = database["uploads"]
        self._blobs = blobs

    async def prepare(self) -> None:
        await self._uploads.create_index("expires_at")
        await self._uploads.create_index([("by", 1), ("sha256", 1)])

    async def create(
        self, length: int, sha256: str | None, *, by: str, limit: int, now: datetime, done: bool = False
    ) -> Upload:
        """Begin an upload of `length` bytes, or return the one of the same blob that `by` has begun before.

        One that is `done` names a blob that is there already. Raises TooLargeError.
        """
        check_size(length, limit)
        if sha256 is not None and not done:
            begun = {"by": by, "sha256": sha256, "length": length, "done": False, "expires_at": {"$gt": now}}
            with unavailable_is_ours():
                document = await self._uploads.find_one(begun, sort=[("offset", -1)])
            if document is not None:
                return _upload(document)
        return _upload(await self._add(length, sha256, by=by, now=now, done=done))

    async def _add(self, length: int, sha256: str | None, *, by: str, now: datetime, done: bool = False) -> Document:
        document: Document = {
            "_id": new_id("u"),
            "file_id": ObjectId(),
            "length": length,
            "offset": length if done else 0,
            "sha256": sha256,
            "by": by,
            "done": done,
            "token": None,
            "busy_until": now,
            "created_at": now,
            "expires_at": now + KEPT,
        }
        with unavailable_is_ours():
            await self._uploads.insert_one(document)
        return document

    async def get(self, upload_id: str, *, by: str, now: datetime) -> Upload:
        """Return an upload of `by`, as far as it has come. Raises NotFoundError."""
        with unavailable_is_ours():
            document = await self._uploads.find_one({"_id": upload_id, "by": by, "expires_at": {"$gt": now}})
        if document is None:
            raise NotFoundError("upload", upload_id)
        return _upload(document)

    async def append(
        self, upload_id: str, offset: int, pieces: AsyncIterator[bytes], *, by: str, clock: Callable[[], datetime]
    ) -> Upload:
        """Take in what follows byte `offset`; after the last byte the blob is there. It may take hours by `clock`.

        What arrived before `pieces` broke off stays. Raises NotFoundError, UploadOffsetError when something else is
        expected next, UploadBusyError while another request goes on with it; TooLargeError when more comes than was
        announced, BlobMismatchError when it is not what was announced: nothing of the upload stays then.
        """
        document = await self._take(upload_id, offset, by=by, now=clock())
        if document["done"]:
            return _upload(document)
        writer = ChunkWriter(self._blobs.chunks, document["file_id"], offset)
        digest = hashlib.sha256() if offset == 0 else None
        noted = clock()
        try:
            async for piece in pieces:
                check_size(writer.size + len(piece), document["length"])
                if digest is not None:
                    digest.update(piece)
                wrote = await writer.write(piece)
                if wrote or clock() >= noted + WRITE_DOWN:
                    await writer.flush()
                    noted = clock()
                    await self._note(document, writer.written, now=noted)
        finally:
            await self._note(document, writer.written, now=clock())  # lest another has it by now
            await writer.flush()
            await self._note(document, writer.written, now=clock(), leave=True)
        if writer.written < document["length"]:
            return _upload({**document, "offset": writer.written})
        return await self._finish(document, digest.hexdigest() if digest else None, now=clock())

    async def _take(self, upload_id: str, offset: int, *, by: str, now: datetime) -> Document:
        """Make the upload this request's own for as long as it is not silent."""
        mine = {"_id": upload_id, "by": by, "expires_at": {"$gt": now}}
        take = {"token": secrets.token_hex(8), "busy_until": now + BUSY, "expires_at": now + KEPT}
        free = {"$or": [{"token": None}, {"busy_until": {"$lt": now}}]}
        with unavailable_is_ours():
            document = await self._uploads.find_one_and_update(
                {**mine, **free, "offset": offset}, {"$set": take}, return_document=ReturnDocument.AFTER
            )
            if document is not None:
                return document
            there = await self._uploads.find_one(mine)
        if there is None:
            raise NotFoundError("upload", upload_id)
        if there["offset"] != offset:
            raise UploadOffsetError(upload_id, there["offset"], offset)
        raise UploadBusyError(upload_id)

    async def _note(self, document: Document, offset: int, *, now: datetime, leave: bool = False) -> None:
        """Note how far the upload has come. Raises UploadBusyError if another request took it meanwhile."""
        change = {"offset": offset, "busy_until": now + BUSY, "token": None if leave else document["token"]}
        with unavailable_is_ours():
            noted = await self._uploads.update_one(
                {"_id": document["_id"], "token": document["token"]}, {"$set": change}
            )
        if not noted.matched_count:
            raise UploadBusyError(document["_id"])

    async def _finish(self, document: Document, digest: str | None, *, now: datetime) -> Upload:
        """Name the blob by its hash, which is read back unless all came in one request."""
        file_id, length = document["file_id"], document["length"]
        found = digest or await digest_of(self._blobs.chunks.read(file_id, 0, length))
        try:
            check(document["sha256"] or found, found)
        except BlobMismatchError:
            await self.delete(document["_id"], by=document["by"])
            raise
        await self._blobs.name(file_id, found, length, by=document["by"], now=now)
        with unavailable_is_ours():
            await self._uploads.update_one({"_id": document["_id"]}, {"$set": {"done": True, "sha256": found}})
        return _upload({**document, "offset": length, "done": True, "sha256": found})

    async def complete(self, upload: Upload, *, by: str, now: datetime) -> Upload:
        """Return the upload, finished if all its bytes are there: a request may have died between the two."""
        if upload.done or upload.offset < upload.length:
            return upload
        return await self._finish(await self._take(upload.id, upload.offset, by=by, now=now), None, now=now)

    async def delete(self, upload_id: str, *, by: str) -> None:
        """Forget an upload and what came of it; a blob that it made stays. Raises NotFoundError."""
        with unavailable_is_ours():
            document = await self._uploads.find_one({"_id": upload_id, "by": by})
            if document is None:
                raise NotFoundError("upload", upload_id)
            await self._forget(document)

    async def put(self, sha256: str, pieces: AsyncIterator[bytes], *, by: str, limit: int, now: datetime) -> bool:
        """Store a blob in one go; return False if it was there. Nothing stays of one that is too large or another."""
        if not await self._blobs.touch({sha256}, by=by, now=now):
            return False
        begun, whole = await beginning(pieces, min(CHUNK_BYTES, limit))
        check_size(len(begun), limit)
        if whole:
            return await self._blobs.put_small(sha256, begun, by=by, now=now)
        document = await self._add(limit, sha256, by=by, now=now)
        try:
            size, digest = await self._write(document["file_id"], begun, pieces, limit)
            check(sha256, digest)
            fresh = await self._blobs.name(document["file_id"], sha256, size, by=by, now=now)
        except BaseException:
            await self._forget(document)
            raise
        await self._forget(document)
        return fresh

    async def _write(
        self, file_id: ObjectId, begun: bytes, pieces: AsyncIterator[bytes], limit: int
    ) -> tuple[int, str]:
        """Write a file's chunks; return its size in bytes and its SHA-256."""
        writer, digest = ChunkWriter(self._blobs.chunks, file_id), hashlib.sha256(begun)
        await writer.write(begun)
        async for piece in pieces:
            check_size(writer.size + len(piece), limit)
            digest.update(piece)
            await writer.write(piece)
        await writer.flush()
        return writer.written, digest.hexdigest()

    async def expire(self, *, now: datetime, limit: int) -> int:
        """Forget uploads that paused too long; return how many."""
        with unavailable_is_ours():
            late = await self._uploads.find({"expires_at": {"$lte": now}}).limit(limit).to_list()
            for document in late:
                await self._forget(document)
        return len(late)

    async def _forget(self, document: Document) -> None:
        """Delete the chunks unless a blob is made of them, then the upload."""
        with unavailable_is_ours():
            if not await self._blobs.is_named(document["file_id"]):
                await self._blobs.chunks.delete(document["file_id"])
            await self._uploads.delete_one({"_id": document["_id"]})


def _upload(document: Document) -> Upload:
    return Upload(
        id=document["_id"],
        length=document["length"],
        offset=document["offset"],
        sha256=document["sha256"],
        done=document["done"],
        expires_at=document["expires_at"],
    )
