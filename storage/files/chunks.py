"""Write a file of GridFS piece by piece, so that an upload that broke off can go on where it stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from bson import Binary, ObjectId
from pymongo import ReplaceOne

from storage.database import Database, unavailable_is_ours

CHUNK_BYTES = 255 * 1024
"""All chunks of a file but its last have this size: what GridFS demands of its readers."""
CHUNKS_A_WRITE = 8


class Chunks:
    """The collection `blobs.chunks`: the bytes of files, those of unfinished uploads too."""

    def __init__(self, database: Database) -> None:
        self.collection = database["blobs.chunks"]

    async def prepare(self) -> None:
        await self.collection.create_index([("files_id", 1), ("n", 1)], unique=True)

    async def read(self, file_id: ObjectId, first: int, length: int) -> AsyncIterator[bytes]:
        """Yield `length` bytes of a file from byte `first` on."""
        number, skip = divmod(first, CHUNK_BYTES)
        query = {"files_id": file_id, "n": {"$gte": number, "$lte": (first + length - 1) // CHUNK_BYTES}}
        with unavailable_is_ours():
            found = self.collection.find(query, {"data": 1}, batch_size=CHUNKS_A_WRITE).sort("n", 1)
            async for document in found:
                if length <= 0:
                    break
                piece = bytes(document["data"][skip : skip + length])
                length -= len(piece)
                skip = 0
                yield piece

    async def delete(self, file_id: ObjectId) -> None:
        with unavailable_is_ours():
            await self.collection.delete_many({"files_id": file_id})


class ChunkWriter:
    """Appends bytes that come in pieces of any size to a file that has `offset` bytes.

    `written` is how many it has for good; what came since is lost if the process dies before the next `flush`.
    """

    def __init__(self, chunks: Chunks, file_id: ObjectId, offset: int = 0) -> None:
        self._chunks = chunks
        self._file_id = file_id
        self._buffer = bytearray()
        self._at = offset - offset % CHUNK_BYTES  # where the buffer begins in the file
        self._missing = offset % CHUNK_BYTES  # bytes of a last, short chunk that are not in the buffer yet
        self.written = offset

    @property
    def size(self) -> int:
        return self._at + self._missing + len(self._buffer)

    async def write(self, piece: bytes) -> bool:
        """Take in more; return whether some of it was written down."""
        if self._missing:
            short = b"".join([part async for part in self._chunks.read(self._file_id, self._at, self._missing)])
            self._buffer[:0] = short
            self._missing = 0
        self._buffer += piece
        if len(self._buffer) < CHUNKS_A_WRITE * CHUNK_BYTES:
            return False
        await self._put(len(self._buffer) - len(self._buffer) % CHUNK_BYTES)
        return True

    async def flush(self) -> None:
        """Write down all there is."""
        if self._buffer:
            await self._put(len(self._buffer))

    async def _put(self, length: int) -> None:
        whole = memoryview(bytes(self._buffer[:length]))
        writes = [
            ReplaceOne(*self._chunk((self._at + start) // CHUNK_BYTES, bytes(whole[start : start + CHUNK_BYTES])), True)
            for start in range(0, length, CHUNK_BYTES)
        ]
        with unavailable_is_ours():
            await self._chunks.collection.bulk_write(writes, ordered=False)
        self.written = self._at + length
        keep = length - length % CHUNK_BYTES  # a short last chunk is written again when it has grown
        del self._buffer[:keep]
        self._at += keep

    def _chunk(self, number: int, data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        key = {"files_id": self._file_id, "n": number}
        return key, {**key, "data": Binary(data)}
