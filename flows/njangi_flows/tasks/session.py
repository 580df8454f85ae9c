"""The link between an engineer's flow run and the service: one run, one lease, one thread for all calls.

A flow run that uses volunteer tasks has one event loop in a thread of its own, where every call waits. The
thread ends with the flow run.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import logging
import math
import threading
from collections import defaultdict
from collections.abc import Coroutine
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from njangi_agent import dialect
from njangi_agent.dialect import CARRIED_DEPTH
from prefect.client.schemas.objects import FlowRun
from prefect.context import AsyncClientContext
from pydantic import JsonValue

from njangi_flows.engine.flow_client import INLINE_BYTES, MAX_BODY_BYTES, MAX_SUBTASKS_PER_CALL, RESULTS_PER_PAGE
from njangi_flows.engine.heartbeats import open_heart
from njangi_flows.engine.inputs import ResultRef, result_text
from njangi_flows.engine.long_poll import Waiting, Waits
from njangi_flows.engine.run_lease import HeldRun, hold_run
from njangi_flows.protocol import BatchInput, ResultRow, SettledBatch, SubtaskInput, TaskChange
from njangi_flows.tasks.identity import CallPlace, FunctionDefinition, Occurrences, Places, WaitNames, task_name

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
        self._occurrences = Occurrences()
        self._lines: dict[str, asyncio.Event] = {}
        self._lock = threading.Lock()
        self._held: asyncio.Future[HeldRun] = self._loop.create_future()
        self._waiting: Waiting | None = None
        self._waits: Waits | None = None
        self._client_context: AsyncClientContext | None = None
        self._names: dict[str, str | None] = {}
        self._wait_names = WaitNames()
        self._defined: dict[str, asyncio.Task[Places]] = {}
        self._puts: defaultdict[str, list[_Put]] = defaultdict(list)
        self._fetches: defaultdict[str, dict[int, asyncio.Future[ResultRow]]] = defaultdict(dict)
        self._flushes: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"volunteer tasks of {flow_run.name}", daemon=True)
        self._thread.start()

    @property
    def flow_run_id(self) -> UUID:
        return self.flow_run.id

    def call_name(self, key: str) -> str:
        """Return a name for a call, see `Occurrences`."""
        with self._lock:
            return self._occurrences.name(key)

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

    async def put(self, definition: FunctionDefinition, parameters: dict[str, JsonValue]) -> CallPlace:
        """Queue one call as a batch of one, or find it queued; calls made close together share a request."""
        held = await self._held
        if definition.digest not in self._defined:
            self._defined[definition.digest] = asyncio.create_task(self._define(held, definition))
        places = await self._defined[definition.digest]
        content = dialect.dumps(parameters, depth=CARRIED_DEPTH).encode()
        contents = hashlib.sha256(content).hexdigest()
        if len(content) > INLINE_BYTES:
            await held.service.put_blob(content)
        place = places.take(contents)
        subtask = (
            SubtaskInput(place.index, parameters)
            if len(content) <= INLINE_BYTES
            else SubtaskInput(place.index, parameters_blob=contents)
        )
        put = _Put(BatchInput(place.index, [subtask]), len(content), self._loop.create_future())
        waiting = self._puts[place.task]
        waiting.append(put)
        if len(waiting) == 1:
            self._keep(asyncio.create_task(self._flush_puts(held, place.task)))
        await put.done
        return place

    async def _define(self, held: HeldRun, definition: FunctionDefinition) -> Places:
        """Let the definition be a task of the run; return the places of its calls."""
        name = task_name(definition, self._names)
        there = name in self._names
        self._names[name] = definition.digest
        await held.service.put_task(held.lease, name, TaskChange("RUNNING", definition=definition.fields))
        return Places(name, await held.service.calls(held.lease, name) if there else ())

    async def settled(self, place: CallPlace, tries: int | None) -> SettledBatch:
        """Wait for a call to settle, after putting it back in the queue if `tries` of it have failed."""
        held = await self._held
        if self._waiting is None:
            raise RuntimeError("the session has not begun")
        batch_id = f"{held.id}/{place.task}/b{place.index}"
        if tries is not None:
            await held.service.requeue(held.lease, batch_id, tries + 1)
        return await self._waiting.settled(batch_id)

    async def result(self, place: CallPlace, settled: SettledBatch) -> str:
        """Return the result of a call that has settled, as text; results asked for together share a request."""
        held = await self._held
        if settled.result is not None:
            return await result_text(held.service, ResultRef(settled.result.result, settled.result.blob))
        future = self._fetches[place.task].get(place.index)
        if future is None:
            future = self._fetches[place.task][place.index] = self._loop.create_future()
            if len(self._fetches[place.task]) == 1:
                self._keep(asyncio.create_task(self._flush_fetches(held, place.task)))
        row = await future
        return await result_text(held.service, ResultRef(row.result, row.blob))

    async def wait_name(self, prefix: str, seconds: float | None) -> str:
        """Return which task of the run a wait is, see `WaitNames`. The calls of a flow ask in their order."""
        await self._held
        return self._wait_names.take(prefix, seconds)

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
                    self._names = {task.name: task.digest for task in held.run.tasks}
                    self._wait_names = WaitNames(held.run.tasks)
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
