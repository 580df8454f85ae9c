"""Wait for many batches through one long poll.

However many batches of a run wait, the run has one request under way, which names them all. A batch that
starts to wait meanwhile ends that request and begins a new one.
"""

from __future__ import annotations

import asyncio
import itertools

from njangi_flows.client import RunEndedError, RunLeaseLostError, SettledBatch
from njangi_flows.hold import HeldRun, Stop, StoppedError

POLL_SECONDS = 20.0
MAX_NAMES = 5000
GATHERING_SECONDS = 0.005
"""How long a changed list of waiting batches may grow before it is sent."""
PAUSE_PER_BATCH_SECONDS = 0.0005
"""Each answer costs in proportion to the batches named, so more of them are asked about less often."""


class Waiting:
    """The batches of one run that somebody waits for. `poll` runs as long as anybody may."""

    def __init__(self, held: HeldRun) -> None:
        self._held = held
        self._waiting: dict[str, asyncio.Future[SettledBatch]] = {}
        self._changed = asyncio.Event()

    async def settled(self, batch_id: str) -> SettledBatch:
        """Wait until the batch has settled. Raises StoppedError when the run stops before."""
        if self._held.stop.reason is not None:
            raise StoppedError(self._held.stop.reason)
        future: asyncio.Future[SettledBatch] = asyncio.get_running_loop().create_future()
        self._waiting[batch_id] = future
        self._changed.set()
        try:
            return await future
        finally:
            self._waiting.pop(batch_id, None)

    async def poll(self) -> None:
        """Ask for settled batches until the run stops, then let everyone who waits know. Cancel it to end it."""
        stopping = asyncio.create_task(self._held.stop.wait())
        try:
            while self._held.stop.reason is None:
                await self._ask(stopping)
        except (RunLeaseLostError, RunEndedError):
            self._held.stop.set(Stop.LEASE_LOST)
        except Exception as error:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)
            raise
        finally:
            stopping.cancel()
            if self._held.stop.reason is not None:
                for future in self._waiting.values():
                    if not future.done():
                        future.set_exception(StoppedError(self._held.stop.reason))

    async def _ask(self, stopping: asyncio.Task[None]) -> None:
        self._changed.clear()
        changed = asyncio.create_task(self._changed.wait())
        request = asyncio.create_task(self._request()) if self._waiting else None
        try:
            await asyncio.wait(
                {task for task in (changed, request, stopping) if task is not None},
                return_when=asyncio.FIRST_COMPLETED,
            )
            if request is not None and request.done():
                request.result()
            else:
                await asyncio.sleep(GATHERING_SECONDS)
        finally:
            tasks = [task for task in (request, changed) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _request(self) -> None:
        names = list(itertools.islice(self._waiting, MAX_NAMES))
        answer = await self._held.service.settled(self._held.lease, names, POLL_SECONDS)
        self._held.heed(answer)
        if self._held.stop.reason is not None:
            return
        for batch in answer.settled:
            future = self._waiting.get(batch.id)
            if future is not None and not future.done():
                future.set_result(batch)
        if len(names) > len(answer.settled):
            await asyncio.sleep(len(names) * PAUSE_PER_BATCH_SECONDS)
