"""Blobs: files of workflows, and large results, each under its SHA-256."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import httpx

from njangi_flows.client.errors import (
    ConflictError,
    DamagedError,
    MissingError,
    ProblemError,
    UnreachableError,
    refusal,
)
from njangi_flows.client.transport import Transport, is_passing

RESUMABLE_BYTES = 1024 * 1024
"""Smaller files are sent in one request."""
Progress = Callable[[int, int], object]
"""Is called with how many bytes were sent, and with how many there are."""
_PIECE = 256 * 1024
_TUS = {"Tus-Resumable": "1.0.0"}


class BlobCalls:
    """The files that the service keeps, each under its hash."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def has(self, sha256: str) -> bool:
        try:
            await self._to.send("HEAD", "/v1/blobs/{sha256}", sha256=sha256)
        except MissingError:
            return False
        return True

    async def put(self, source: Path | bytes, on_progress: Progress | None = None) -> str:
        """Store a file's content, or bytes, unless the service has them, and return their SHA-256.

        A large file goes on after a broken connection, and `on_progress` is called with the bytes sent so far and with
        all bytes. Raises OSError if the file cannot be read.
        """
        content = source if isinstance(source, bytes) else None
        if isinstance(source, Path):
            sha256, size = await asyncio.to_thread(_digest, source)
            if size <= RESUMABLE_BYTES:
                content = await asyncio.to_thread(source.read_bytes)
        else:
            sha256, size = hashlib.sha256(source).hexdigest(), len(source)
        if await self.has(sha256):
            return sha256
        if content is not None and size <= RESUMABLE_BYTES:
            await self._to.send("PUT", "/v1/blobs/{sha256}", content=content, sha256=sha256)
        else:
            await UploadCalls(self._to).send(source, sha256, size, on_progress)
        return sha256

    async def get(self, sha256: str) -> AsyncGenerator[bytes, None]:
        """Yield a blob piece by piece; after a broken connection it goes on where it stopped.

        Raises DamagedError at the end if the content does not have this SHA-256.
        """
        digest = hashlib.sha256()
        async for piece in self._to.bytes("/v1/blobs/{sha256}", sha256=sha256):
            digest.update(piece)
            yield piece
        if digest.hexdigest() != sha256:
            raise DamagedError(self._to.url, f"what came as blob {sha256} has another SHA-256; fetch it again")


class UploadCalls:
    """Uploads that go on after a broken connection, by tus 1.0.0; `BlobCalls.put` makes them."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def largest(self) -> int:
        """Return the number of bytes that an upload may have."""
        answer = await self._to.send("OPTIONS", "/v1/uploads")
        return int(answer.headers["tus-max-size"])

    async def begin(self, sha256: str, size: int) -> tuple[str, int]:
        """Begin an upload, or find the one that stopped. Return its id and how many bytes the service has."""
        named = base64.b64encode(sha256.encode()).decode()
        headers = {**_TUS, "Upload-Length": str(size), "Upload-Metadata": f"sha256 {named}"}
        answer = await self._to.send("POST", "/v1/uploads", headers=headers)
        return answer.headers["location"].rpartition("/")[2], int(answer.headers["upload-offset"])

    async def offset(self, upload_id: str) -> int:
        """Return how many bytes of an upload the service has."""
        answer = await self._to.send("HEAD", "/v1/uploads/{upload_id}", headers=_TUS, upload_id=upload_id)
        return int(answer.headers["upload-offset"])

    async def discard(self, upload_id: str) -> None:
        await self._to.send("DELETE", "/v1/uploads/{upload_id}", headers=_TUS, upload_id=upload_id)

    async def send(self, source: Path | bytes, sha256: str, size: int, on_progress: Progress | None = None) -> None:
        """Send all of `source`, from where an earlier try stopped. Raises ClientErrors when no further byte arrives."""
        told = on_progress or (lambda sent, size: None)
        upload_id, there = await self.begin(sha256, size)
        backoff = self._to.backoff()
        while there < size:
            known = there
            told(there, size)
            try:
                there = await self._append(upload_id, source, there, size, told)
                continue
            except (UnreachableError, ProblemError) as error:
                moved = isinstance(
                    error, (ConflictError, MissingError)
                )  # the service has other bytes than we believed, or no such upload
                if isinstance(error, ProblemError) and not (moved or is_passing(error)):
                    raise
                await self._to.wait(backoff, error)
            try:
                there = await self.offset(upload_id)
            except MissingError:
                upload_id, there = await self.begin(sha256, size)
            if there > known:
                backoff = self._to.backoff()
        told(size, size)

    async def _append(self, upload_id: str, source: Path | bytes, there: int, size: int, told: Progress) -> int:
        headers = {
            **_TUS,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size - there),
            "Upload-Offset": str(there),
        }
        try:
            async with aclosing(_pieces(source, there, size, told)) as pieces:
                answer = await self._to.http.patch(f"/v1/uploads/{upload_id}", content=pieces, headers=headers)
        except httpx.TransportError as error:
            raise self._to.unreachable(error) from error
        if not answer.is_success:
            raise refusal(answer)
        return int(answer.headers["upload-offset"])


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


async def _pieces(source: Path | bytes, there: int, size: int, told: Progress) -> AsyncGenerator[bytes, None]:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        file.seek(there)
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
            there += len(piece)
            told(there, size)
