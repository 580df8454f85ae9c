"""Wait for many things of a run with one long poll.

However many batches of a run wait, the run has one request under way, which names them all. A batch that
starts to wait meanwhile ends that request and begins a new one. So it is with a run's waits.
"""

from __future__ import annotations

import abc
import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from njangi_flows.engine.errors import LeaseTakenError, RunHasEndedError
from njangi_flows.engine.run_lease import HeldRun, Stop, StoppedError
from njangi_flows.protocol import EndedWait, Orders, SettledBatch, Wait

POLL_SECONDS = 50.0
MAX_NAMES = 5000
GATHERING_SECONDS = 0.005
"""How long a changed list of waiting batches may grow before it is sent."""
PAUSE_PER_BATCH_SECONDS = 0.0005
"""Each answer costs in proportion to the batches named, so more of them are asked about less often."""

Answer = TypeVar("Answer")


class LongPoll(abc.ABC, Generic[Answer]):
    """What somebody waits for in one run, by name. `poll` runs as long as anybody may."""

    def __init__(self, held: HeldRun) -> None:
        self._held = held
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._changed = asyncio.Event()

    async def _answered(self, name: str) -> Answer:
        if self._held.stop.reason is not None:
            raise StoppedError(self._held.stop.reason)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[name] = future
        self._changed.set()
        try:
            return await future
        finally:
            self._waiting.pop(name, None)

    @abc.abstractmethod
    async def _look(self, names: Sequence[str]) -> tuple[Orders, Mapping[str, Answer]]:
        """Ask the service once; return what it orders, and the answers that there are."""

    async def poll(self) -> None:
        """Ask for answers until the run stops, then let everyone who waits know. Cancel it to end it."""
        stopping = asyncio.create_task(self._held.stop.wait())
        try:
            while self._held.stop.reason is None:
                await self._ask(stopping)
        except (LeaseTakenError, RunHasEndedError):
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
        orders, answers = await self._look(names)
        self._held.heed(orders)
        if self._held.stop.reason is not None:
            return
        for name, answer in answers.items():
            future = self._waiting.get(name)
            if future is not None and not future.done():
                future.set_result(answer)
        if len(names) > len(answers):
            await asyncio.sleep(len(names) * PAUSE_PER_BATCH_SECONDS)


class Waiting(LongPoll[SettledBatch]):
    """The batches of one run that somebody waits for."""

    async def settled(self, batch_id: str) -> SettledBatch:
        """Wait until the batch has settled. Raises StoppedError when the run stops before."""
        return await self._answered(batch_id)

    async def _look(self, names: Sequence[str]) -> tuple[Orders, Mapping[str, SettledBatch]]:
        answer = await self._held.service.settled(self._held.lease, names, POLL_SECONDS)
        return answer, {batch.id: batch for batch in answer.settled}


class Waits(LongPoll[EndedWait]):
    """The waits of one run: for signals, for child runs, for moments."""

    def __init__(self, held: HeldRun) -> None:
        super().__init__(held)
        self._waits: dict[str, Wait] = {}

    @property
    def held(self) -> HeldRun:
        return self._held

    async def ended(self, wait: Wait) -> EndedWait:
        """Wait until what the task waits for has come. Raises StoppedError when the run stops before."""
        self._waits[wait.task] = wait
        try:
            return await self._answered(wait.task)
        finally:
            del self._waits[wait.task]

    async def _look(self, names: Sequence[str]) -> tuple[Orders, Mapping[str, EndedWait]]:
        waiting = [self._waits[name] for name in names]
        answer = await self._held.service.ended_waits(self._held.lease, waiting, POLL_SECONDS)
        return Orders(cancel=answer.cancel), {wait.task: wait for wait in answer.ended}
