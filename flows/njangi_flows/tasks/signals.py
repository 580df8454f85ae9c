"""`wait_for_signal` and `sleep` for engineers' flows: they wait without a machine and survive restarts.

    @flow
    async def release(version: str) -> None:
        decision = await wait_for_signal("approved", timeout="2h")
        await sleep("1d")
        ...

Both begin when they are called. `await` what they return in an async flow; in a sync flow call its `result()`.
A flow run that is started again gets the same signals and the same ends; calls that wait for the same are told apart by
their order.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator
from contextvars import copy_context
from typing import Any, Generic, TypeVar
from uuid import UUID

from prefect.context import FlowRunContext
from prefect.exceptions import CancelledRun, Pause
from pydantic import JsonValue

from njangi_flows.engine.inputs import ResultRef, result_value
from njangi_flows.engine.long_poll import Waits
from njangi_flows.engine.run_lease import Stop, StoppedError
from njangi_flows.engine.task_execution import TaskEnding
from njangi_flows.engine.waiting_tasks import SignalExecution, SleepExecution, WaitExecution
from njangi_flows.tasks.session import Session, session_of
from njangi_flows.workflow import quantities
from njangi_flows.workflow.kinds import LONGEST_WAIT, signal_name

T = TypeVar("T")
Make = Callable[[Waits, str, UUID], WaitExecution]


class Awaited(Generic[T]):
    """What a flow waits for: `await` it, or call `result()` where there is no event loop."""

    def __init__(self, done: concurrent.futures.Future[T]) -> None:
        self._done = done

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self._done).__await__()

    def result(self) -> T:
        """Wait, holding this thread, and return what came."""
        return self._done.result()


def wait_for_signal(name: str, *, timeout: float | str | None = None) -> Awaited[JsonValue]:
    """Wait for a signal to this flow's run and give its payload; `timeout` in seconds, or text such as "2h".

    Of calls that wait at the same time for the same name the first gets the first signal, and so on. Raises
    SignalTimeoutError when none came in time; that stays so when the flow run is started again.
    """
    signal, seconds = signal_name(name), None if timeout is None else _span(timeout)
    session, prefix = _session(), f"wait-{signal}-"
    before, own = session.queue_up(prefix)

    def make(waits: Waits, task: str, flow_run_id: UUID) -> SignalExecution:
        return SignalExecution(waits, task, flow_run_id, signal, seconds, own)

    return _begun(session, prefix, seconds, make, before, own)


def sleep(duration: float | str) -> Awaited[None]:
    """Wait for `duration`, in seconds or as text such as "3d", counted from the first start of the flow run."""
    seconds = _span(duration)
    return _begun(_session(), "sleep-", seconds, lambda waits, task, id_: SleepExecution(waits, task, id_, seconds))


def _span(value: float | str) -> float:
    seconds = quantities.duration(value)
    if not 0 < seconds <= LONGEST_WAIT:
        raise ValueError(f"must be more than 0 seconds and at most {LONGEST_WAIT:.0f}, not {seconds:g}")
    return seconds


def _session() -> Session:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None or context.flow is None:
        raise RuntimeError("waits and sleeps belong to a flow run: call them from a function with @flow")
    return session_of(context.flow_run, context.flow.name)


def _begun(
    session: Session,
    prefix: str,
    seconds: float | None,
    make: Make,
    before: asyncio.Event | None = None,
    own: asyncio.Event | None = None,
) -> Awaited[Any]:
    """Begin a call, once the one `before` it is through; `own` is set when this one is, or has come to its end."""
    done: concurrent.futures.Future[Any] = concurrent.futures.Future()
    done.set_running_or_notify_cancel()  # who stops awaiting it does not end it

    async def run() -> None:
        try:
            await session.begun()
            task = await session.wait_name(prefix, seconds)
            if before is not None:
                await before.wait()
            done.set_result(await _value(await session.waits(), task, session.flow_run_id, make))
        except BaseException as error:
            done.set_exception(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            if own is not None:
                own.set()

    session.start(run(), copy_context())
    return Awaited(done)


async def _value(waits: Waits, task: str, flow_run_id: UUID, make: Make) -> JsonValue:
    execution = make(waits, task, flow_run_id)
    try:
        outcome = await execution.execute({})
    except StoppedError as stopped:
        if stopped.reason is Stop.CANCELLED:
            raise CancelledRun(str(stopped)) from stopped
        raise Pause(str(stopped)) from stopped
    if outcome.ending is TaskEnding.COMPLETED:
        return await result_value(waits.held.service, outcome.result or ResultRef())
    if execution.failure is None and isinstance(execution, SignalExecution):
        raise execution.timed_out()  # in an earlier start of the flow run
    raise execution.failure or RuntimeError(outcome.error)
