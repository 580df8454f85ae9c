"""Keep the database clean: uploads that stopped, blobs that nothing refers to, transactions of killed processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from coordinator.background import Loop
from storage.stores import Stores

log = logging.getLogger(__name__)

ABANDONED_AFTER = timedelta(seconds=2)
ABANDONED_SECONDS = 1.0
COLLECT_SECONDS = 300.0
COLLECTED_AT_ONCE = 500


class Housekeeping:
    def __init__(self, stores: Stores, blob_grace: timedelta, clock: Callable[[], datetime]) -> None:
        """`blob_grace`: how long a blob is kept that nothing refers to."""
        self._stores = stores
        self._blob_grace = blob_grace
        self._clock = clock

    def loops(self) -> Iterable[Loop]:
        yield Loop("ending abandoned transactions", self.end_abandoned_transactions, ABANDONED_SECONDS)
        yield Loop("collecting blobs", self.collect_blobs, COLLECT_SECONDS)

    async def end_abandoned_transactions(self) -> None:
        """End the transactions of killed processes, whose locks make the others wait."""
        if ended := await self._stores.database.end_abandoned(idle=ABANDONED_AFTER):
            log.warning("transactions that a killed process had left open were ended", extra={"count": ended})

    async def collect_blobs(self) -> None:
        """Remove uploads that stopped too long ago, and blobs that nothing refers to any more."""
        stores, most = self._stores, COLLECTED_AT_ONCE
        while await stores.uploads.expire(now=self._clock(), limit=most) == most:
            pass
        while (
            found := await stores.blob_collection.collect(now=self._clock(), grace=self._blob_grace, limit=most)
        ).looked_at:
            if found.blobs:
                log.info("blobs were collected", extra={"count": found.blobs, "bytes": found.bytes})
