"""`@volunteer_task`: a Prefect task whose calls are run by volunteers' machines.

    @volunteer_task(retries=2)
    def factor(n: int) -> list[int]:
        ...

    @flow
    def factors(numbers: list[int]) -> list[list[int]]:
        return factor.map(numbers).result()

What travels is the function's source and its parameters, so the function must be self-contained: it may use builtins,
its parameters, what it imports itself, and modules of the standard library that its module imports. Parameters and
results arrive as what they are, see `njangi_agent.codec`; what would not is refused when the call is made. They
are copies: what a function changes in a parameter is not seen by the flow.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import hashlib
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Self, TypeVar, overload
from uuid import UUID

from njangi_agent import dialect
from njangi_agent.dialect import CARRIED_DEPTH
from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import RunInput, State
from prefect.context import FlowRunContext
from prefect.futures import PrefectConcurrentFuture, PrefectFuture
from prefect.task_engine import run_task_async
from prefect.task_runners import TaskRunner
from prefect.utilities.annotations import NotSet
from prefect.utilities.callables import get_call_parameters
from prefect.utilities.engine import collect_task_run_inputs_sync, resolve_inputs_sync
from pydantic import JsonValue

from njangi_flows.engine.nodes import node, node_id
from njangi_flows.errors import FlowsError
from njangi_flows.tasks.calls import (
    CallFuture,
    VolunteerCall,
    packed,
    settle,
    stand_ins,
    to_come,
    with_plain_lists,
    worth_another_try,
)
from njangi_flows.tasks.identity import FunctionDefinition
from njangi_flows.tasks.options import REFUSED, OptionRefusedError, no_tags_of_its_own, working
from njangi_flows.tasks.session import session_of
from njangi_flows.tasks.source import portable_source, taken_by, written
from njangi_flows.workflow.model import Resources, Timeouts

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_MEMORY = "256MiB"
DEFAULT_STORAGE = "64MiB"
_LIMITS = {
    "timeout": "start_to_close",
    **{name: name for name in ("schedule_to_start", "schedule_to_close", "heartbeat")},
}
_ELSEWHERE = "a volunteer task belongs to a flow: call, submit or map it there"


class NoFlowError(FlowsError, RuntimeError):
    """A volunteer task was called outside of a flow."""

    def __init__(self, task: str) -> None:
        super().__init__(task)
        self.task = task

    def __str__(self) -> str:
        return f"'{self.task}' runs on volunteers' machines, for a flow: call it from a function with @flow"


class VolunteerTask(Task[P, R]):
    """A Prefect task that volunteers run: called directly, with `submit` or with `map`, in a sync or an async flow."""

    def __init__(self, function: Callable[P, R], **options: Any) -> None:
        self._options = working(options)
        own = dict(self._options)
        asked = {field: own.pop(field, None) for field in Resources.model_fields}
        self._resources = Resources.model_validate(
            {field: amount for field, amount in asked.items() if amount is not None}
        )
        self._isolate = own.pop("isolate", None) or False
        if self._isolate is not True and self._isolate is not False:
            raise TypeError(f"isolate is True or False, not {self._isolate!r}")
        limits = {field: own.pop(option, None) for option, field in _LIMITS.items()}
        self._timeouts = Timeouts.model_validate({field: limit for field, limit in limits.items() if limit is not None})
        super().__init__(function, persist_result=False, cache_policy=NO_CACHE, **own)
        self._written = written(self.fn)  # now: the file may be another when the first call is made
        self._made: tuple[list[object], FunctionDefinition] | None = None
        own.pop("name", None)
        waiting: Task[[VolunteerCall], Any] = Task(
            settle,
            name=self.name,
            persist_result=False,
            cache_policy=NO_CACHE,
            retry_condition_fn=worth_another_try,
            **own,
        )
        waiting.task_key = self.task_key
        waiting.on_completion_hooks = self.on_completion_hooks
        waiting.on_failure_hooks = self.on_failure_hooks
        waiting.on_running_hooks = self.on_running_hooks
        self.waiting = waiting

    @property
    def definition(self) -> FunctionDefinition:
        """The function as it travels, with what its module's names stand for now. Raises NotSelfContainedError."""
        around = taken_by(self.fn)
        if self._made is None or any(now is not before for now, before in zip(around, self._made[0], strict=True)):
            self._made = around, self._definition()
        return self._made[1]

    def _definition(self) -> FunctionDefinition:
        return FunctionDefinition.of(
            {
                "name": self.name,
                "source": portable_source(self.fn, self._written),
                "function": self.fn.__code__.co_name,
                "values": "python",
                **self._resources.model_dump(mode="json"),
                "isolate": self._isolate,
                **self._timeouts.model_dump(mode="json"),
            }
        )

    def with_options(self, **options: Any) -> Self:
        """Return the same task with some options changed."""
        hooks = {
            "on_completion": self.on_completion_hooks,
            "on_failure": self.on_failure_hooks,
            "on_running": self.on_running_hooks,
        }
        changed = {name: value for name, value in options.items() if value is not NotSet}
        task = type(self)(self.fn, **{**self._options, **{name: list(hooks[name]) for name in hooks}, **changed})
        task._written = self._written
        return task

    def on_commit(self, fn: Callable[..., None]) -> NoReturn:
        raise OptionRefusedError("on_commit", REFUSED["on_commit"][1])

    def on_rollback(self, fn: Callable[..., None]) -> NoReturn:
        raise OptionRefusedError("on_rollback", REFUSED["on_rollback"][1])

    def apply_async(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise OptionRefusedError("apply_async", _ELSEWHERE)

    def delay(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise OptionRefusedError("delay", _ELSEWHERE)

    def serve(self) -> NoReturn:
        raise OptionRefusedError("serve", _ELSEWHERE)

    if not TYPE_CHECKING:  # For type checkers, calls look as those of any Prefect task.

        def __call__(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
            """Have a volunteer run the function, and wait for it."""
            future = self._submit(get_call_parameters(self.fn, args, kwargs), wait_for)
            return _state_of(future) if return_state else future.result()

        def submit(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
            """Have a volunteer run the function; return a Prefect future at once."""
            future = self._submit(get_call_parameters(self.fn, args, kwargs), wait_for)
            return _state_of(future) if return_state else future

        def map(
            self, *args: Any, return_state: bool = False, wait_for: Any = None, deferred: bool = False, **kwargs: Any
        ) -> Any:
            """Have volunteers run the function for each item of the iterables, as Prefect's `Task.map`."""
            if deferred:
                raise OptionRefusedError("deferred", _ELSEWHERE)
            parameters = get_call_parameters(self.fn, args, kwargs, apply_defaults=False)
            with _Runner() as runner:
                futures = runner.map(self, parameters, wait_for)
            return [_state_of(future) for future in futures] if return_state else futures

    def _submit(
        self,
        parameters: dict[str, Any],
        wait_for: Any = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> CallFuture:
        """Begin a call. Raises NotCarriedError for a parameter that would not arrive as it is."""
        context = FlowRunContext.get()
        if context is None or context.flow_run is None or context.flow is None:
            raise NoFlowError(self.name)
        no_tags_of_its_own(context.flow_run.tags)
        upstream, resolvable = to_come([parameters, wait_for])
        given = with_plain_lists(parameters) if resolvable else None
        travelling = packed(parameters if given is None else stand_ins(given))
        session = session_of(context.flow_run, context.flow.name)
        digest = hashlib.sha256(dialect.dumps(travelling, depth=CARRIED_DEPTH).encode()).hexdigest()
        key = session.call_name(f"{self.definition.digest}/{digest}")
        id_ = node_id(session.flow_run_id, key)
        edges = {edge.id for edge in collect_task_run_inputs_sync([parameters, wait_for])}
        edges |= {edge.id for inputs in (dependencies or {}).values() for edge in inputs if hasattr(edge, "id")}
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        work = self._run(VolunteerCall(session), key, travelling, given, upstream, sorted(edges), done)
        session.start(work, copy_context())
        return CallFuture(task_run_id=id_, wrapped_future=done)

    async def _run(
        self,
        call: VolunteerCall,
        key: str,
        travelling: dict[str, JsonValue],
        given: dict[str, Any] | None,
        upstream: list[PrefectFuture[Any]],
        edges: list[UUID],
        done: concurrent.futures.Future[Any],
    ) -> None:
        """Queue the call once what it needs is there, and let Prefect wait for it.

        `given` are parameters in which Prefect has to put values first; without them those `travelling` are whole.
        """
        flow_run_id = call.session.flow_run_id
        try:
            try:
                await call.session.begun()
                for future in upstream:
                    await _ended(future)
                if all(future.state.is_completed() for future in upstream):
                    values = travelling if given is None else packed(resolve_inputs_sync(given))
                    call.place = await call.session.put(self.definition, values)
            except Exception as error:
                call.refused = error
            name = f"{call.place.task} [{call.place.index}]" if call.place is not None else self.name
            state = await run_task_async(
                self.waiting,
                task_run=node(self.waiting, flow_run_id, node_id(flow_run_id, key), key, name, edges),
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
    description: str | None = None,
    version: str | None = None,
    retries: int = 0,
    retry_delay_seconds: float | list[float] | None = None,
    retry_jitter_factor: float | None = None,
    on_completion: list[Callable[..., Any]] | None = None,
    on_failure: list[Callable[..., Any]] | None = None,
    on_running: list[Callable[..., Any]] | None = None,
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
    globals, caches and settings of modules are as an earlier call left them. With `isolate` each
    call has a process of its own, forked from one that has only loaded the source; that costs some milliseconds a call.
    """
    if function is not None:
        return VolunteerTask(function)
    return functools.partial(VolunteerTask, **options)


def _state_of(future: PrefectFuture[Any]) -> State[Any]:
    future.wait()
    return future.state


async def _ended(future: PrefectFuture[Any]) -> None:
    """Wait for a future without holding the loop; that it failed is for Prefect to judge."""
    if isinstance(future, PrefectConcurrentFuture):
        await asyncio.wait([asyncio.wrap_future(future.wrapped_future)])
    await asyncio.to_thread(future.wait)
