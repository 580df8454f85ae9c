"""Calls of volunteer tasks under way: their parameters, and how Prefect waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from njangi_agent import codec
from njangi_agent.dialect import CARRIED_DEPTH, NotCarriedError
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import Pause
from prefect.futures import PrefectConcurrentFuture, PrefectFuture, PrefectFutureList
from prefect.states import Cancelled
from prefect.utilities.annotations import BaseAnnotation, allow_failure
from prefect.utilities.collections import visit_collection
from pydantic import JsonValue

from njangi_flows.engine.run_lease import Stop, StoppedError
from njangi_flows.errors import FlowsError
from njangi_flows.protocol import CLOSE_TIMED_OUT, REFUSED_BY_ALL, START_TIMED_OUT, SettledBatch, SubtaskFailure
from njangi_flows.tasks.identity import CallPlace
from njangi_flows.tasks.options import OptionRefusedError
from njangi_flows.tasks.session import Session


class VolunteerTaskError(FlowsError):
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


class VolunteerCall:
    """One call on its way. A plain object, which Prefect passes on without looking inside."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.place: CallPlace | None = None
        self.last: SettledBatch | None = None
        self.refused: Exception | None = None


class CallFuture(PrefectConcurrentFuture[Any]):
    """The future of a call, whose task run is the same in every start of its flow run."""


def worth_another_try(task: object, run: TaskRun, state: State[object]) -> bool:
    """Tell Prefect whether a failed call should be tried again."""
    error = state.data
    if isinstance(error, VolunteerTaskError):
        return error.type not in (START_TIMED_OUT, CLOSE_TIMED_OUT, REFUSED_BY_ALL)
    return not isinstance(error, NotCarriedError)


async def settle(call: VolunteerCall) -> Any:
    """Wait for a call's result: the body of its Prefect task run."""
    if call.refused is not None:
        raise call.refused
    place = call.place
    if place is None:
        raise RuntimeError("a call that was not queued cannot settle")
    try:
        call.last = await call.session.settled(place, call.last.tries if call.last else None)
        if call.last.completed == 0 and call.last.tries <= place.tries:  # it failed in an earlier start of the flow
            call.last = await call.session.settled(place, call.last.tries)
    except StoppedError as stopped:
        if stopped.reason is Stop.CANCELLED:
            return Cancelled(message=str(stopped))
        raise Pause(str(stopped)) from stopped
    if call.last.completed == 0:
        first = call.last.errors[0] if call.last.errors else SubtaskFailure(subtask_id=call.last.id, type="Unknown")
        raise VolunteerTaskError(first.subtask_id, first.type, first.message, first.stderr)
    return codec.decode(await call.session.result(place, call.last))


def packed(parameters: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return parameters ready to travel. Raises NotCarriedError, whose path begins with the parameter's name."""
    travelling: dict[str, JsonValue] = {}
    for name, value in parameters.items():
        try:
            travelling[name] = codec.pack(value, CARRIED_DEPTH - 1)
        except NotCarriedError as error:
            within = error.path if error.path.startswith("[") or not error.path else f".{error.path}"
            raise NotCarriedError(f"{name}{within}", error.reason) from None
    return travelling


def to_come(value: object) -> tuple[list[PrefectFuture[Any]], bool]:
    """Return the futures within a value, and whether Prefect has anything to put in the place of something in it.

    Raises OptionRefusedError for `allow_failure`.
    """
    futures: list[PrefectFuture[Any]] = []
    resolvable = False

    def look(found: Any) -> Any:
        nonlocal resolvable
        if isinstance(found, allow_failure):
            raise OptionRefusedError(
                "allow_failure", "wait for the future and pass what the function needs of its state"
            )
        if isinstance(found, PrefectFuture):
            futures.append(found)
        resolvable = resolvable or isinstance(found, (PrefectFuture, PrefectFutureList, State, BaseAnnotation))
        return found

    visit_collection(value, visit_fn=look, return_data=False)
    return futures, resolvable


def with_plain_lists(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with lists in the place of the lists of futures that `map` gives, which are lists of values."""

    def plain(found: Any) -> Any:
        return list(found) if type(found) is PrefectFutureList else found

    return dict(visit_collection(parameters, visit_fn=plain, return_data=True))


def stand_ins(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with a text in the place of each value that is still to come; of calls it names which."""

    def text(found: Any) -> Any:
        if isinstance(found, CallFuture):
            return f"result of {found.task_run_id}"
        return "result" if isinstance(found, (PrefectFuture, State)) else found

    return dict(visit_collection(parameters, visit_fn=text, return_data=True, remove_annotations=True))
