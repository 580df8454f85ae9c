"""Read what an attempt tells while it runs, with suspicion; send it on; give it to the next attempt.

An attempt finds two paths in its environment: in NJANGI_HEARTBEAT it may write any JSON whenever it likes (to a
file beside it, then renamed), and NJANGI_CHECKPOINT, if it is there, holds what an earlier attempt wrote last.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any, AsyncIterator, Callable, Optional, Tuple, Union

from njangi_agent.cache import Cache
from njangi_agent.dialect import NotCarriedError, loads
from njangi_agent.errors import AccessRefusedError, AttemptFailedError, RequestRejectedError
from njangi_agent.executors.output import JSON_BYTES, TaskOutput, keep, open_plain
from njangi_agent.executors.reports import Store
from njangi_agent.logs import fields, logger
from njangi_agent.protocol import INLINE_RESULT_BYTES, Held, Lease, Report
from njangi_agent.sandbox.folder import Folder, remove

log = logger(__name__)

Tell = Callable[[Union[Held, Report]], None]
"""How an attempt is heard of: as Held whenever it tells something new, at last as its Report."""

LOOK_SECONDS = 1.0
BLOB_SECONDS = 30.0
"""The service keeps every blob it gets, so large details go there less often."""

_Version = Tuple[int, int, int]


async def lay_out(lease: Lease, path: Path, cache: Cache) -> None:
    """Write what an earlier attempt told to `path`. If the service has lost it, the attempt starts afresh."""
    loop = asyncio.get_running_loop()
    if lease.details is not None:
        await loop.run_in_executor(None, _lay_out, lease.details.encode(), path)
    elif lease.details_blob is not None:
        try:
            async with cache.holding({"details": lease.details_blob}) as files:
                data = await loop.run_in_executor(None, files["details"].read_bytes)
                await loop.run_in_executor(None, _lay_out, data, path)
        except AttemptFailedError as error:
            about = fields(subtask_id=lease.subtask_id, reason=error.message)
            log.warning("an earlier attempt's details are gone", extra=about)


def _lay_out(data: bytes, path: Path) -> None:
    """Write a new file where a task may have written before: what it left there, such as a link, is not written to."""
    remove(path)
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb"
    ) as file:
        file.write(data)


class Details:
    """Follows the heartbeat files of one folder, one attempt at a time."""

    def __init__(self, folder: Folder, storage: int, store: Store, tell: Tell) -> None:
        self._spill = folder.path.with_name(f"{folder.path.name}-details")  # outside: it is none of the task's storage
        self._most = min(storage, JSON_BYTES)
        self._store = store
        self._tell = tell
        self._lease: Optional[Lease] = None
        self._path = folder.notes
        self._seen: Optional[_Version] = None
        self._blob_after = 0.0
        self._looking = asyncio.Lock()
        self.complaint = ""
        """Why what an attempt told was not kept, in words for its author; empty if all was."""

    def begin(self, lease: Lease, path: Path) -> None:
        """Follow this attempt from now on instead of the one before."""
        self._lease, self._path, self._seen = lease, path, None

    def end(self) -> None:
        """Follow nothing: the attempt has returned."""
        self._lease = None

    @contextlib.asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Look at the file now and then. Leaving by an error, look once more: the next attempt goes on from there."""
        follower = asyncio.ensure_future(self._follow())
        try:
            yield
        except AttemptFailedError:
            follower.cancel()
            await self.look(last=True)
            raise
        except asyncio.CancelledError:
            self._glance()
            raise
        finally:
            follower.cancel()
            await asyncio.wait({follower})
            if not follower.cancelled() and follower.exception() is not None:
                log.error("an attempt's details were no longer followed", exc_info=follower.exception())

    async def look(self, *, last: bool = False) -> None:
        """Tell what the file holds if that has changed; if large, only now and then, unless this is the `last` look."""
        async with self._looking:
            lease, loop = self._lease, asyncio.get_running_loop()
            large = last or loop.time() >= self._blob_after
            most = self._most if large else min(self._most, INLINE_RESULT_BYTES)
            if lease is None or (size := _size(self._path)) is None or size > most:
                return
            reading = loop.run_in_executor(None, _read, self._path, self._seen, most, self._spill)
            try:
                found = await asyncio.shield(reading)
                if found is not None and self._lease is lease:
                    await self._send(lease, *found)
            except NotCarriedError as error:
                self.complaint = f"njangi: what it wrote to NJANGI_HEARTBEAT is not kept: {error}\n"
            finally:
                await asyncio.wait({reading})
                self._spill.unlink(missing_ok=True)

    async def _send(self, lease: Lease, version: _Version, answer: TaskOutput, progress: Optional[float]) -> None:
        if answer.path is not None and answer.sha256 is not None:
            self._blob_after = asyncio.get_running_loop().time() + BLOB_SECONDS
            try:
                await self._store.store(answer.sha256, answer.path)
            except (RequestRejectedError, AccessRefusedError) as error:
                about = fields(subtask_id=lease.subtask_id, reason=error.detail)
                log.warning("an attempt's details were not taken", extra=about)
                return
        if self._lease is lease:
            self._seen = version
            self._tell(Held(lease.subtask_id, lease.token, progress, answer.text, answer.sha256))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    def _glance(self) -> None:
        """Tell small details at once: there is no time to send large ones."""
        size = _size(self._path)
        if self._lease is None or size is None or size > INLINE_RESULT_BYTES:
            return
        try:
            found = _read(self._path, self._seen, INLINE_RESULT_BYTES, self._spill)
        except NotCarriedError:
            return
        self._spill.unlink(missing_ok=True)
        if found is not None and found[1].text is not None:
            _, answer, progress = found
            self._tell(Held(self._lease.subtask_id, self._lease.token, progress, answer.text))


def _size(path: Path) -> Optional[int]:
    try:
        return path.lstat().st_size
    except OSError:
        return None


def _read(
    path: Path, seen: Optional[_Version], most: int, spill: Path
) -> Optional[Tuple[_Version, TaskOutput, Optional[float]]]:
    """Return the file's version, details and progress; None if it was `seen`, or is no plain file of JSON up to `most`.

    A file caught half-written is simply no JSON yet. Raises NotCarriedError for JSON that cannot travel.
    """
    try:
        with open_plain(path) as file:
            status = os.fstat(file.fileno())
            version = (status.st_ino, status.st_mtime_ns, status.st_size)
            data = b"" if version == seen else file.read(most + 1)
        if not data or len(data) > most:
            return None
        value = loads(data)
        answer = keep(iter((json.dumps(value, separators=(",", ":")),)), spill)
    except NotCarriedError:
        raise
    except (AttemptFailedError, ValueError, OSError):
        return None
    return version, answer, _progress(value)


def _progress(value: Any) -> Optional[float]:
    """Return how far an attempt is: the details themselves, or their field `progress`, if that is a number in 0..1."""
    if isinstance(value, dict):
        value = value.get("progress")
    return float(value) if type(value) in (int, float) and 0 <= value <= 1 else None
