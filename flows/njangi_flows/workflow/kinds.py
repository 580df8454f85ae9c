"""What a task may be besides work for volunteers: a wait for a signal, a timer, a run of another workflow.

Such a task has no subtasks, so most of what a task may hold means nothing for it; `has_field` says what does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from njangi_flows.workflow.document import unfit
from njangi_flows.workflow.problems import Problem, wrong
from njangi_flows.workflow.quantities import Duration
from njangi_flows.workflow.written_forms import text

KINDS = ("command", "python", "wait", "sleep", "workflow")
LONGEST_WAIT = 366 * 86400.0
"""Seconds that a wait or a sleep may last."""
_SIGNAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_EVERY_TASK = frozenset({"name", "dependencies", "tags", "metadata", *KINDS})
_OF_CHILD = frozenset({"parameters", "on_parent_cancel"})

OnParentCancel = Literal["cancel", "abandon"]


def signal_name(name: str) -> str:
    """Return the name of a signal. Raises ValueError if it can be none."""
    if len(name) > 48 or not _SIGNAL.fullmatch(name):
        raise wrong("signal-name")
    return name


def _payload(value: object) -> object:
    if problem := next(unfit(value, "payload"), None):
        place = problem.pointer.removeprefix("/payload")
        raise ValueError(f"{place}{': ' if place else ''}{problem.detail}")
    return value


SignalName = Annotated[
    str,
    AfterValidator(signal_name),
    WithJsonSchema(text(r"^[A-Za-z0-9][A-Za-z0-9_-]*$", 48, title="signal name")),
]
SignalPayload = Annotated[Any, AfterValidator(_payload)]
Span = Annotated[Duration, Field(gt=0, le=LONGEST_WAIT)]


class WaitSpec(BaseModel):
    """A signal to wait for. The payload of the signal becomes the result of the task."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    signal: SignalName = Field(
        description="The name of the signal. `njangi signal RUN NAME PAYLOAD` sends it, also before the task starts.",
        examples=["approved"],
    )
    timeout: Span | None = Field(
        default=None,
        description=(
            "How long the task waits. After this time it fails. Without it the task waits as long as the run goes on."
        ),
        examples=["2h"],
    )


def has_field(kind: str, field: str) -> bool:
    """Whether `field` means something for a task of that kind."""
    if kind in ("command", "python"):
        return field != "on_parent_cancel"
    return field in _EVERY_TASK or (kind == "workflow" and field in _OF_CHILD)


def misplaced(place: str, kind: str, field: str) -> Problem:
    """Return the problem at `place` that a task of that kind cannot have `field`."""
    if field == "on_parent_cancel":
        return Problem.of(place, "only-workflow-task", kind=kind)
    if field == "parameters":
        return Problem.of(place, "no-parameters", kind=kind)
    if kind == "workflow":
        return Problem.of(place, "field-of-child", name=field)
    return Problem.of(place, "field-of-volunteers", name=field, kind=kind)
