"""Blobs: bytes named by their SHA-256, in GridFS, streamed both ways and never held whole."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from bson import ObjectId
from gridfs import AsyncGridFSBucket
from pymongo.errors import DuplicateKeyError

from storage.database import Database, unavailable_is_ours
from storage.errors import BlobMismatchError, NotFoundError, TooLargeError

CHUNK_BYTES = 255 * 1024


@dataclass(frozen=True, slots=True)
class Blob:
    sha256: str  # hex
    size: int  # bytes


class BlobStore:
    """GridFS bucket `blobs`; a blob's file name is its hash, and unique."""

    def __init__(self, database: Database) -> None:
        self._files = database["blobs.files"]
        self._bucket = AsyncGridFSBucket(database.mongo, bucket_name="blobs", chunk_size_bytes=CHUNK_BYTES)

    async def prepare(self) -> None:
        await self._files.create_index("filename", unique=True)

    async def find(self, sha256: str) -> Blob | None:
        """Return what is known of a blob, None when it is not stored."""
        with unavailable_is_ours():
            document = await self._files.find_one({"filename": sha256}, {"length": 1})
        return Blob(sha256, document["length"]) if document else None

    async def missing(self, hashes: set[str]) -> set[str]:
        """Return those of `hashes` that are not stored."""
        with unavailable_is_ours():
            found = self._files.find({"filename": {"$in": sorted(hashes)}}, {"filename": 1})
            return hashes - {document["filename"] async for document in found}

    async def sizes(self, hashes: set[str]) -> dict[str, int]:
        """Return the sizes in bytes of those of `hashes` that are stored."""
        with unavailable_is_ours():
            found = self._files.find({"filename": {"$in": sorted(hashes)}}, {"filename": 1, "length": 1})
            return {document["filename"]: document["length"] async for document in found}

    async def put(self, sha256: str, chunks: AsyncIterator[bytes], *, limit: int) -> bool:
        """Store a blob; return False if it was there. Nothing stays of one that is too large or hashes otherwise."""
        if await self.find(sha256) is not None:
            return False
        digest, size = hashlib.sha256(), 0
        with unavailable_is_ours():
            upload = self._bucket.open_upload_stream_with_id(ObjectId(), sha256)
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise TooLargeError("the blob", limit)
                    digest.update(chunk)
                    await upload.write(chunk)
                if digest.hexdigest() != sha256:
                    raise BlobMismatchError(sha256, digest.hexdigest())
            except BaseException:
                await upload.abort()
                raise
            try:
                await upload.close()
            except DuplicateKeyError:  # somebody else stored the same bytes meanwhile
                await upload.abort()
                return False
        return True

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        """Yield a blob's bytes. Raises NotFoundError at the first step if it is not stored."""
        with unavailable_is_ours():
            document = await self._files.find_one({"filename": sha256}, {"_id": 1})
            if document is None:
                raise NotFoundError("blob", sha256)
            async with await self._bucket.open_download_stream(document["_id"]) as stream:
                while chunk := await stream.readchunk():
                    yield chunk
