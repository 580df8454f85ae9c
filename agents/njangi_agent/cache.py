"""Keep input files by their SHA-256, so that the next subtask of a task does not fetch them again.

All may be executed: a blob has no mode, tasks share it, and a program that somebody submits is there to be run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import AsyncIterator, Dict, Mapping, Protocol

from njangi_agent.errors import AttemptFailedError, RequestRejectedError
from njangi_agent.protocol import Outcome, is_sha256

MOST_BYTES = 2 * 1024**3
_MODE = 0o755


class BlobSource(Protocol):
    async def fetch(self, sha256: str, path: Path) -> None:
        """Write the blob to `path`, verified. Waits out an unavailable service; raises RequestRejectedError."""


class Cache:
    """A folder of verified blobs, and parts of some. Beyond `most_bytes` the longest unused go, except those in use."""

    def __init__(self, folder: Path, blobs: BlobSource, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._blobs = blobs
        self._most_bytes = most_bytes
        self._used: Counter[str] = Counter()
        self._fetching: Dict[str, asyncio.Task[None]] = {}

    @contextlib.asynccontextmanager
    async def holding(self, wanted: Mapping[str, str]) -> AsyncIterator[Dict[str, Path]]:
        """Yield the path of each file in `wanted` (name -> SHA-256); they stay until exit.

        Raises AttemptFailedError (REFUSED) when the service does not have one of them.
        """
        self._used.update(wanted.values())
        try:
            yield {name: await self._get(sha256) for name, sha256 in wanted.items()}
        finally:
            self._used.subtract(wanted.values())

    async def _get(self, sha256: str) -> Path:
        if not is_sha256(sha256):
            raise AttemptFailedError("InputUnavailable", f"{sha256!r} is no SHA-256", outcome=Outcome.REFUSED)
        path = self._folder / sha256
        if not path.exists():
            task = self._fetching.get(sha256)
            if task is None:
                task = self._fetching[sha256] = asyncio.ensure_future(self._fetch(sha256, path))
                task.add_done_callback(lambda _: self._fetching.pop(sha256, None))
            await asyncio.shield(task)
        os.utime(path)
        if path.stat().st_mode & 0o777 != _MODE:
            path.chmod(_MODE)
        return path

    async def _fetch(self, sha256: str, path: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".part")
        try:
            await self._blobs.fetch(sha256, partial)
        except RequestRejectedError as error:
            raise AttemptFailedError("InputUnavailable", str(error), outcome=Outcome.REFUSED) from error
        partial.rename(path)
        self._shrink()

    def _shrink(self) -> None:
        held = [(path, path.stat()) for path in self._folder.iterdir()]
        total = sum(status.st_size for _, status in held)
        for path, status in sorted(held, key=lambda item: item[1].st_mtime):
            if total <= self._most_bytes:
                return
            if not self._used[path.name] and path.stem not in self._fetching:
                path.unlink(missing_ok=True)
                total -= status.st_size
