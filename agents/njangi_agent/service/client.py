"""The service for the event loop: calls run in threads, and transfers wait while the service is away."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, TypeVar

from njangi_agent.decisions import backoff
from njangi_agent.errors import AlteredError, ServiceUnavailableError
from njangi_agent.logs import fields, logger
from njangi_agent.protocol import SyncAnswer, SyncRequest
from njangi_agent.service.http_client import HttpService

log = logger(__name__)
T = TypeVar("T")

_THREADS = 6  # two syncs and a few transfers
_ALTERED_TRIES = 6
"""How often a blob is fetched that comes as something else, which takes about a quarter of a minute."""


class Remote:
    def __init__(self, service: HttpService) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="http")

    async def sync(self, request: SyncRequest) -> SyncAnswer:
        return await self._call(lambda: self._service.sync(request))

    async def fetch(self, sha256: str, path: Path) -> None:
        await self._patiently(lambda: self._service.fetch_blob(sha256, path))

    async def store(self, sha256: str, path: Path) -> None:
        await self._patiently(lambda: self._service.put_blob(sha256, path))

    def close(self) -> None:
        self._service.close()
        self._threads.shutdown(wait=False)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def _patiently(self, call: Callable[[], T]) -> T:
        failures = altered = 0
        while True:
            try:
                return await self._call(call)
            except ServiceUnavailableError as error:
                reason, retry_after = error.reason, error.retry_after
            except AlteredError as error:
                altered += 1
                if altered == _ALTERED_TRIES:
                    raise
                reason, retry_after = error.detail, 0.0
            pause = backoff(failures, chance(), retry_after)
            failures += 1
            log.warning("a transfer has to wait", extra=fields(reason=reason, seconds=round(pause, 1)))
            await asyncio.sleep(pause)


def chance() -> float:
    """Return a number uniform in [0, 1), without the cost of importing `random`."""
    return int.from_bytes(os.urandom(4), "big") / 2**32
