"""Look at the parts of tasks before a run: how the first one would be called, and which are too long for a machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from njangi_flows.workflow import split
from njangi_flows.workflow.model import SplitSpec, TaskSpec, WorkflowSpec
from njangi_flows.workflow.placeholders import parsing as placeholders
from njangi_flows.workflow.placeholders.filling import Calls, NotFilledError, Values, calls_of, filled_split, values_of
from njangi_flows.workflow.problems import Problem, pointer

MOST_BYTES = 2_000_000
"""Of a program's arguments together, eight for each beside its own: Linux allows 2 MiB, the environment included."""
MOST_BYTES_OF_ONE = 128 * 1024 - 1
"""Of one argument, in Linux."""
MOST_SHOWN = 20
_LONGEST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class CallPreview:
    """How a subtask is called: `arguments` of a command, or `parameters` of a function."""

    arguments: list[str] | None
    parameters: dict[str, JsonValue] | None


def items_of(
    spec: WorkflowSpec, task: TaskSpec, given: Values, lines: Sequence[JsonValue] = ()
) -> Sequence[JsonValue] | None:
    """Return what a task is split over, None where only the run knows it; `lines` are those of the input it names.

    Raises NotFilledError.
    """
    if task.split is None:
        return []
    if task.split.lines is not None:
        return lines
    if any(placeholders.upstream(use.name) is not None for use in placeholders.in_split(task, spec.language)):
        return None
    filled = filled_split(task.split, values_of(spec, given, {}), spec.language)
    return split.items(filled, lambda _: (), placeholders.split_files(spec, task))


def first_call(
    spec: WorkflowSpec, task: TaskSpec, given: Values, items: Sequence[JsonValue] | None, size: int
) -> CallPreview:
    """Return how the first subtask of a task over `items` would be called, of many items the first ones.

    What only the run knows stays as its placeholder, and what is left out is counted. Raises NotFilledError.
    """
    calls = _calls(spec, task, given)
    part: dict[str, JsonValue] = {}
    if task.split is not None and items:
        shown = list(items[: min(size, MOST_SHOWN)])
        more = size - len(shown)
        part = split.part(task.split, [*shown, *([f"… (+{more})"] if more > 0 else [])])
    elif task.split is not None:
        part = {name: f"{{{name}}}" for name in task.split.parameters}
    parameters = calls.parameters(part)
    if task.command is not None:
        argv = arguments(calls, parameters)
        more = len(argv) - 2 * MOST_SHOWN
        return CallPreview([*map(_cut, argv[: 2 * MOST_SHOWN]), *([f"… (+{more})"] if more > 0 else [])], None)
    return CallPreview(None, {name: _shortened(value) for name, value in parameters.items()})


def problems(spec: WorkflowSpec, given: Values) -> Iterator[Problem]:
    """Yield which placeholders cannot be filled with these parameters, and which calls are too long for Linux."""
    for index, task in enumerate(spec.tasks):
        try:
            items = items_of(spec, task, given)
            calls = _calls(spec, task, given)
            part = _largest_part(task.split, items) if task.split is not None and items else {}
            if task.command is not None and (task.split is None or part):
                yield from _too_long(arguments(calls, calls.parameters(part)), index)
        except NotFilledError as error:
            place = pointer("tasks", index, *error.place)
            yield Problem.of(place, error.code, name=error.name, given=error.given)


def arguments(calls: Calls, parameters: Values) -> list[str]:
    """Return the arguments that an agent makes of a command."""
    found: list[str] = []
    for argument in calls.command or ():
        name = argument[1:-1] if argument.startswith("{") and argument.endswith("}") else None
        if name is not None and name in parameters:
            value = parameters[name]
            found += map(_argument, value) if isinstance(value, list) else [_argument(value)]
        else:
            found.append(calls.paths.get(name, argument) if name is not None else argument)
    return found


def _calls(spec: WorkflowSpec, task: TaskSpec, given: Values) -> Calls:
    """Return the calls of a task with the results that it needs left as placeholders."""
    names = placeholders.upstream_values(spec, task)
    return calls_of(spec, task, given, {name: f"{{{name}}}" for name in names})


def _argument(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _largest_part(over: SplitSpec, items: Sequence[JsonValue]) -> dict[str, JsonValue]:
    """Return the part of a split that makes the longest arguments; none where the volunteers decide how large it is."""
    if over.items_per_subtask == "auto":
        return {}
    size = over.items_per_subtask or 1
    if isinstance(items, range):
        return split.part(over, max((list(items[:size]), list(items[-size:])), key=_length))
    return split.part(over, max(split.chunk(items, size), key=_length))


def _length(items: Sequence[JsonValue]) -> int:
    return sum(len(_argument(item)) for item in items)


def _too_long(argv: Sequence[str], index: int) -> Iterator[Problem]:
    sizes = [len(argument.encode("utf-8", "surrogatepass")) for argument in argv]
    place = pointer("tasks", index, "command")
    if (longest := max(sizes, default=0)) > MOST_BYTES_OF_ONE:
        yield Problem.of(place, "argument-too-long", size=longest, limit=MOST_BYTES_OF_ONE)
    elif (total := sum(sizes) + 9 * len(sizes)) > MOST_BYTES:
        yield Problem.of(place, "arguments-too-long", size=total, limit=MOST_BYTES)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _shortened(value: JsonValue) -> JsonValue:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
