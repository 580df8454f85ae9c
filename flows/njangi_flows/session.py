"""The link between an engineer's flow run and the service: one run, one lease, one thread, however many calls.

A flow run that uses volunteer tasks has one event loop in a thread of its own, where every call waits. The
thread ends with the flow run.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import math
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.context import AsyncClientContext
from pydantic import JsonValue

from njangi_flows.beats import open_heart
from njangi_flows.client import MAX_BODY_BYTES, MAX_SUBTASKS_PER_CALL, RESULTS_PER_PAGE
from njangi_flows.hold import HeldRun, hold_run
from njangi_flows.inputs import ResultRef, result_value, subtask_input
from njangi_flows.messages import BatchInput, ResultRow, SettledBatch, TaskChange
from njangi_flows.waiting import Waiting, Waits

log = logging.getLogger(__name__)

GATHERING_SECONDS = 0.01
"""Calls that come this close together go to the service as one request."""
WATCH_SECONDS = 0.2
SECONDS_TO_CLOSE = 10.0


@dataclass(slots=True)
class _Put:
    batch: BatchInput
    size: int
    done: asyncio.Future[None]


class Session:
    """One flow run's calls. Methods that are coroutines run on its own loop."""

    def __init__(self, flow_run: FlowRun, flow_name: str, after: Session | None = None) -> None:
        self.flow_run = flow_run
        self._after = after
        self._flow_name = flow_name
        self._loop = asyncio.new_event_loop()
        self._indexes: Counter[str] = Counter()
        self._lines: dict[str, asyncio.Event] = {}
        self._lock = threading.Lock()
        self._held: asyncio.Future[HeldRun] = self._loop.create_future()
        self._waiting: Waiting | None = None
        self._waits: Waits | None = None
        self._client_context: AsyncClientContext | None = None
        self._defined: dict[str, asyncio.Task[Any]] = {}
        self._puts: defaultdict[str, list[_Put]] = defaultdict(list)
        self._fetches: defaultdict[str, dict[int, asyncio.Future[ResultRow]]] = defaultdict(dict)
        self._flushes: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"volunteer tasks of {flow_run.name}", daemon=True)
        self._thread.start()

    @property
    def flow_run_id(self) -> UUID:
        return self.flow_run.id

    def next_index(self, task: str) -> int:
        """Return the next index of a task's calls; their order is what a second start of the flow repeats."""
        with self._lock:
            index = self._indexes[task]
            self._indexes[task] += 1
            return index

    def queue_up(self, line: str) -> tuple[asyncio.Event | None, asyncio.Event]:
        """Return what the call before in that line sets once it is through (None: there is none), and its own."""
        with self._lock:
            before, own = self._lines.get(line), asyncio.Event()
            self._lines[line] = own
            return before, own

    def start(self, work: Coroutine[Any, Any, Any], context: Context) -> None:
        """Run `work` on the session's loop with the caller's context variables."""

        self._loop.call_soon_threadsafe(lambda: self._keep(self._loop.create_task(work, context=context)))

    def close(self) -> None:
        """End the session and wait for its thread, which gives the run back. May be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(SECONDS_TO_CLOSE)

    async def begun(self) -> str:
        """Wait for the run lease, let the caller's context share one connection to Prefect; return the run's id."""
        held = await self._held
        if self._client_context is not None:
            AsyncClientContext.__var__.set(self._client_context)
        return held.id

    async def put(self, task: str, definition: Mapping[str, Any], index: int, parameters: dict[str, JsonValue]) -> None:
        """Queue one call as a batch of one; calls made close together share a request."""
        held = await self._held
        if task not in self._defined:
            change = TaskChange("RUNNING", definition=definition)
            self._defined[task] = asyncio.create_task(held.service.put_task(held.lease, task, change))
        await self._defined[task]
        subtask, size = await subtask_input(held.service, index, parameters)
        put = _Put(BatchInput(index, [subtask]), size, self._loop.create_future())
        waiting = self._puts[task]
        waiting.append(put)
        if len(waiting) == 1:
            self._keep(asyncio.create_task(self._flush_puts(held, task)))
        await put.done

    async def settled(self, task: str, index: int, tries: int | None) -> SettledBatch:
        """Wait for a call to settle, after putting it back in the queue if `tries` of it have failed."""
        held = await self._held
        if self._waiting is None:
            raise RuntimeError("the session has not begun")
        batch_id = f"{held.id}/{task}/b{index}"
        if tries is not None:
            await held.service.requeue(held.lease, batch_id, tries + 1)
        return await self._waiting.settled(batch_id)

    async def result(self, task: str, index: int, settled: SettledBatch) -> JsonValue:
        """Return the result of a call that has settled; results asked for close together share a request."""
        held = await self._held
        if settled.result is not None:
            return await result_value(held.service, ResultRef(settled.result.result, settled.result.blob))
        future = self._fetches[task].get(index)
        if future is None:
            future = self._fetches[task][index] = self._loop.create_future()
            if len(self._fetches[task]) == 1:
                self._keep(asyncio.create_task(self._flush_fetches(held, task)))
        row = await future
        return await result_value(held.service, ResultRef(row.result, row.blob))

    async def begins_anew(self, task: str) -> bool:
        """Whether the task was set back before this start, so that the tries of its calls count from the first."""
        held = await self._held
        return any(known.name == task and known.status == "PENDING" for known in held.run.tasks)

    async def waits(self) -> Waits:
        """Wait for the run lease and return the run's waits."""
        await self._held
        if self._waits is None:
            raise RuntimeError("the session has not begun")
        return self._waits

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def _flush_puts(self, held: HeldRun, task: str) -> None:
        await asyncio.sleep(GATHERING_SECONDS)
        puts = self._puts.pop(task)
        while puts:
            size = count = 0
            while count < min(len(puts), MAX_SUBTASKS_PER_CALL) and (size := size + puts[count].size) <= MAX_BODY_BYTES:
                count += 1
            call, puts = puts[: max(1, count)], puts[max(1, count) :]
            try:
                await held.service.put_batches(held.lease, task, [put.batch for put in call])
            except Exception as error:
                for put in call:
                    put.done.set_exception(error)
            else:
                for put in call:
                    put.done.set_result(None)

    async def _flush_fetches(self, held: HeldRun, task: str) -> None:
        await asyncio.sleep(GATHERING_SECONDS)
        fetches = self._fetches.pop(task)
        wanted = sorted(fetches)
        try:
            while wanted:
                first = wanted[0]
                page = [index for index in wanted if index < first + RESULTS_PER_PAGE]
                rows = await held.service.result_rows(held.lease, task, first, page[-1])
                for row in rows:
                    if row.index in fetches:
                        fetches.pop(row.index).set_result(row)
                wanted = wanted[len(page) :]
        except Exception as error:
            for future in fetches.values():
                future.set_exception(error)
        else:
            for index, future in fetches.items():
                future.set_exception(LookupError(f"{task}/{index} has no result"))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._carry())
        finally:
            _forget(self)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _carry(self) -> None:
        """Hold the run until the flow run ends."""
        try:
            if self._after is not None:
                await asyncio.to_thread(self._after.close)
                self._after = None
            async with AsyncClientContext() as client_context, open_heart() as heart:
                self._client_context = client_context
                run_id = await heart.service.adopt(str(self.flow_run.id), self._flow_name)
                # A second copy of a flow that runs must not fail it: it waits until the first one has ended.
                async with hold_run(heart, run_id, why_failed=self._why_failed, patience=math.inf) as held:
                    self._waiting, self._waits = Waiting(held), Waits(held)
                    self._held.set_result(held)
                    polls = [asyncio.create_task(waiting.poll()) for waiting in (self._waiting, self._waits)]
                    await self._until_the_end()
                    owned = [*polls, *self._flushes]
                    for task in owned:
                        task.cancel()
                    await asyncio.gather(*owned, return_exceptions=True)
        except Exception as error:
            if self._held.done():
                log.exception("volunteer tasks of a flow run ended", extra={"flow_run_id": str(self.flow_run_id)})
            else:
                self._held.set_exception(error)
                await self._until_the_end()

    async def _until_the_end(self) -> None:
        """Wait until the flow run has ended: the engine, in another thread, changes the state of the same object."""
        while not (self._end.is_set() or _is_final(self.flow_run)):
            try:
                await asyncio.wait_for(self._end.wait(), WATCH_SECONDS)
            except TimeoutError:
                continue

    def _why_failed(self) -> str | None:
        state = self.flow_run.state
        return state.message if state is not None and (state.is_failed() or state.is_crashed()) else None


def _is_final(flow_run: FlowRun) -> bool:
    return flow_run.state is not None and flow_run.state.is_final()


_sessions: dict[UUID, Session] = {}
_sessions_lock = threading.Lock()


def session_of(flow_run: FlowRun, flow_name: str) -> Session:
    """Return the session of a flow run, begun on first use.

    Prefect's engine reads the flow run anew for every start and retry of it, which counts its calls from 0 again.
    """
    with _sessions_lock:
        session = _sessions.get(flow_run.id)
        if session is not None and session.flow_run is flow_run:
            return session
        _sessions[flow_run.id] = begun = Session(flow_run, flow_name, after=session)
        return begun


def _forget(session: Session) -> None:
    with _sessions_lock:
        if _sessions.get(session.flow_run_id) is session:
            del _sessions[session.flow_run_id]


@atexit.register
def _close_all() -> None:
    for session in list(_sessions.values()):
        session.close()
