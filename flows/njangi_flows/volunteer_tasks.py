"""`@volunteer_task`: a Prefect task whose calls are run by volunteers' machines.

    @volunteer_task(retries=2)
    def factor(n: int) -> list[int]:
        ...

    @flow
    def factors(numbers: list[int]) -> list[list[int]]:
        return factor.map(numbers).result()

What travels is the function's source and its parameters as JSON, so the function must be self-contained: it may
use builtins, its parameters, what it imports itself, and modules of the standard library that its module imports.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload
from uuid import UUID

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import RunInput, State, TaskRun
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.states import Cancelled
from prefect.task_engine import run_task_async
from prefect.task_runners import TaskRunner
from prefect.utilities.callables import get_call_parameters
from prefect.utilities.collections import visit_collection
from prefect.utilities.engine import collect_task_run_inputs_sync, resolve_inputs_sync

from njangi_flows import quantities
from njangi_flows.hold import Stop, StoppedError
from njangi_flows.messages import CLOSE_TIMED_OUT, START_TIMED_OUT, SettledBatch, SubtaskFailure
from njangi_flows.model import Timeouts
from njangi_flows.nodes import node, node_id
from njangi_flows.session import Session, session_of
from njangi_flows.source import portable_source

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_MEMORY = "256MiB"
DEFAULT_STORAGE = "64MiB"
_LIMITS = {
    "timeout": "start_to_close",
    **{name: name for name in ("schedule_to_start", "schedule_to_close", "heartbeat")},
}


class VolunteerTaskError(Exception):
    """A call failed on a volunteer's machine; `type` is the error's class there, or what ended the attempt."""

    def __init__(self, subtask_id: str, type_: str, message: str, stderr: str) -> None:
        super().__init__(subtask_id, type_, message, stderr)
        self.subtask_id = subtask_id
        self.type = type_
        self.message = message
        self.stderr = stderr

    def __str__(self) -> str:
        told = f"{self.subtask_id}: {self.type}: {self.message}"
        return f"{told}\n{self.stderr.rstrip()}" if self.stderr.strip() else told


def worth_another_try(task: object, run: TaskRun, state: State[object]) -> bool:
    """Tell Prefect whether a failed call should be tried again."""
    error = state.data
    return not (isinstance(error, VolunteerTaskError) and error.type in (START_TIMED_OUT, CLOSE_TIMED_OUT))


class NoFlowError(RuntimeError):
    """A volunteer task was called outside of a flow."""

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.task = task

    def __str__(self) -> str:
        return f"'{self.task}' runs on volunteers' machines, for a flow: call it from a function with @flow"


class Call:
    """One call on its way. A plain object, which Prefect passes on without looking inside.

    `earlier_tries` are those that earlier starts of the flow run had: a failure among them is tried again.
    """

    def __init__(self, session: Session, task: str, index: int, earlier_tries: int) -> None:
        self.session = session
        self.earlier_tries = earlier_tries
        self.task = task
        self.index = index
        self.last: SettledBatch | None = None
        self.refused: Exception | None = None


async def settle(call: Call) -> Any:
    """Wait for a call's result: the body of its Prefect task run."""
    if call.refused is not None:
        raise call.refused
    try:
        call.last = await call.session.settled(call.task, call.index, call.last.tries if call.last else None)
        earlier = 0 if await call.session.begins_anew(call.task) else call.earlier_tries
        if call.last.completed == 0 and call.last.tries <= earlier:
            call.last = await call.session.settled(call.task, call.index, call.last.tries)
    except StoppedError as stopped:
        if stopped.reason is Stop.CANCELLED:
            return Cancelled(message=str(stopped))
        raise Pause(str(stopped)) from stopped
    if call.last.completed == 0:
        first = call.last.errors[0] if call.last.errors else SubtaskFailure(subtask_id=call.last.id, type="Unknown")
        raise VolunteerTaskError(first.subtask_id, first.type, first.message, first.stderr)
    return await call.session.result(call.task, call.index, call.last)


class VolunteerTask(Task[P, R]):
    """A Prefect task that volunteers run: called directly, with `submit` or with `map`, in a sync or an async flow."""

    def __init__(self, function: Callable[P, R], **options: Any) -> None:
        self._options = options
        own = dict(options)
        self._cpu = float(own.pop("cpu", 1.0))
        self._memory = quantities.size(own.pop("memory", DEFAULT_MEMORY))
        self._storage = quantities.size(own.pop("storage", DEFAULT_STORAGE))
        self._isolate = bool(own.pop("isolate", False))
        limits = {field: own.pop(option, None) for option, field in _LIMITS.items()}
        self._timeouts = Timeouts.model_validate({field: limit for field, limit in limits.items() if limit is not None})
        super().__init__(function, persist_result=False, cache_policy=NO_CACHE, **own)
        waiting: Task[[Call], Any] = Task(
            settle,
            name=self.name,
            persist_result=False,
            cache_policy=NO_CACHE,
            **{"retry_condition_fn": worth_another_try} | {name: own[name] for name in own if name != "name"},
        )
        waiting.task_key = self.task_key
        self.waiting = waiting

    @functools.cached_property
    def definition(self) -> dict[str, Any]:
        """The TaskDefinition of the function. Raises NotSelfContainedError."""
        return {
            "name": self.name,
            "source": portable_source(self.fn),
            "function": self.fn.__name__,
            "cpu": self._cpu,
            "memory": self._memory,
            "storage": self._storage,
            "isolate": self._isolate,
            **self._timeouts.model_dump(mode="json"),
        }

    def with_options(self, **options: Any) -> Self:
        """Return the same task with some options changed."""
        return type(self)(self.fn, **{**self._options, **options})

    if not TYPE_CHECKING:  # For type checkers, calls look as those of any Prefect task.

        def __call__(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
            """Have a volunteer run the function, and wait for it."""
            future = self._submit(get_call_parameters(self.fn, args, kwargs), wait_for)
            return _state_of(future) if return_state else future.result()

        def submit(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
            """Have a volunteer run the function; return a Prefect future at once."""
            future = self._submit(get_call_parameters(self.fn, args, kwargs), wait_for)
            return _state_of(future) if return_state else future

        def map(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
            """Have volunteers run the function for each item of the iterables, as Prefect's `Task.map`."""
            parameters = get_call_parameters(self.fn, args, kwargs, apply_defaults=False)
            with _Runner() as runner:
                futures = runner.map(self, parameters, wait_for)
            return [_state_of(future) for future in futures] if return_state else futures

    def _submit(
        self,
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> PrefectConcurrentFuture[Any]:
        context = FlowRunContext.get()
        if context is None or context.flow_run is None or context.flow is None:
            raise NoFlowError(self.name)
        definition = self.definition
        session = session_of(context.flow_run, context.flow.name)
        earlier = max(0, context.flow_run.run_count - 1) * (self.retries + 1)
        call = Call(session, self.name, session.next_index(self.name), earlier)
        upstream = _futures_in([parameters, wait_for])
        edges = {
            edge.id for value in (parameters, list(wait_for or ())) for edge in collect_task_run_inputs_sync(value)
        }
        edges |= {edge.id for inputs in (dependencies or {}).values() for edge in inputs if hasattr(edge, "id")}
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        work = self._run(call, definition, parameters, upstream, sorted(edges), done)
        session.start(work, copy_context())
        id_ = node_id(session.flow_run_id, f"{call.task}/{call.index}")
        return PrefectConcurrentFuture(task_run_id=id_, wrapped_future=done)

    async def _run(
        self,
        call: Call,
        definition: dict[str, Any],
        parameters: dict[str, Any],
        upstream: list[PrefectFuture[Any]],
        edges: list[UUID],
        done: concurrent.futures.Future[Any],
    ) -> None:
        """Queue the call once what it needs is there, and let Prefect wait for it."""
        key = f"{call.task}/{call.index}"
        id_ = node_id(call.session.flow_run_id, key)
        try:
            try:
                key = f"{await call.session.begun()}/{call.task}/b{call.index}"
                for future in upstream:
                    await _ended(future)
                if all(future.state.is_completed() for future in upstream):
                    values = resolve_inputs_sync(parameters)
                    await call.session.put(call.task, definition, call.index, values)
            except Exception as error:
                call.refused = error
            run = node(self.waiting, call.session.flow_run_id, id_, key, f"{call.task} [{call.index}]", edges)
            state = await run_task_async(
                self.waiting,
                task_run=run,
                parameters={"call": call},
                wait_for=upstream or None,
                return_type="state",
            )
        except BaseException as error:
            if not done.done():
                done.set_exception(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        else:
            done.set_result(state)


class _Runner(TaskRunner[PrefectConcurrentFuture[Any]]):
    """Lets Prefect's own `map` make the calls."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def duplicate(self) -> Self:
        return type(self)()

    def submit(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> PrefectConcurrentFuture[Any]:
        if not isinstance(task, VolunteerTask):
            raise TypeError(f"'{task.name}' is no volunteer task")
        return task._submit(parameters, wait_for, dependencies)


@overload
def volunteer_task(function: Callable[P, R], /) -> VolunteerTask[P, R]: ...


@overload
def volunteer_task(
    *,
    name: str | None = None,
    retries: int = 0,
    retry_delay_seconds: float | list[float] | None = None,
    cpu: float = 1.0,
    memory: int | str = DEFAULT_MEMORY,
    storage: int | str = DEFAULT_STORAGE,
    timeout: float | str | None = None,
    schedule_to_start: float | str | None = None,
    schedule_to_close: float | str | None = None,
    heartbeat: float | str | None = None,
    isolate: bool = False,
) -> Callable[[Callable[P, R]], VolunteerTask[P, R]]: ...


def volunteer_task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a Prefect task of a function whose calls volunteers run; see this module for what it may use.

    `cpu` in cores, `memory` and `storage` per call. `timeout` limits one attempt (10 minutes if nothing is said),
    `schedule_to_start` how long a call may wait for one, `schedule_to_close` a call in all, retries included, and
    `heartbeat` how long its volunteer may be silent. Retries are Prefect's, and follow the function's own errors,
    not limits on waiting. A lost volunteer costs none: its calls are lent to another.

    Each call starts in an empty folder with the same environment. Calls that a machine runs in a row share the process:
    globals, caches, random generators and settings of modules are as an earlier call left them. With `isolate` each
    call has a process of its own, forked from one that has only loaded the source; that costs some milliseconds a call.
    """
    if function is not None:
        return VolunteerTask(function)
    return functools.partial(VolunteerTask, **options)


def _state_of(future: PrefectFuture[Any]) -> State[Any]:
    future.wait()
    return future.state


def _futures_in(expression: object) -> list[PrefectFuture[Any]]:
    found: list[PrefectFuture[Any]] = []

    def collect(value: Any) -> Any:
        if isinstance(value, PrefectFuture):
            found.append(value)
        return value

    visit_collection(expression, visit_fn=collect, return_data=False)
    return found


async def _ended(future: PrefectFuture[Any]) -> None:
    """Wait for a future without holding the loop; that it failed is for Prefect to judge."""
    if isinstance(future, PrefectConcurrentFuture):
        await asyncio.wait([asyncio.wrap_future(future.wrapped_future)])
    await asyncio.to_thread(future.wait)
