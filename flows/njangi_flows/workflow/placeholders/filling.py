"""Fill a task's placeholders: the command as agents get it, and the parameters of each subtask.

Agents fill whole arguments and nothing else. A name inside a longer argument is filled here: once for all subtasks
where they share its value, else per subtask, as a parameter of its own that stands for the whole argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from njangi_flows.errors import FlowsError
from njangi_flows.workflow.model import MAX_ITEMS, SplitSpec, TaskSpec, WorkflowSpec
from njangi_flows.workflow.placeholders.braces import Named, Scalar, in_program, is_scalar, pieces, scalar_text, whole
from njangi_flows.workflow.placeholders.parsing import (
    How,
    Place,
    in_command,
    names_in,
    names_in_command,
    paths,
    upstream_file,
    upstream_paths,
)
from njangi_flows.workflow.placeholders.programs import program_texts

Values = Mapping[str, JsonValue]


class NotFilledError(FlowsError, ValueError):
    """A placeholder cannot be filled with what its name stands for."""

    def __init__(self, code: str, place: Place, name: str, given: str) -> None:
        super().__init__(code, place, name, given)
        self.code = code  # of `endings`
        self.place = place
        self.name = name
        self.given = given


@dataclass(frozen=True, slots=True)
class Calls:
    """How a task's subtasks are called. `shared` are the parameters that all of them have.

    `command` has placeholders only where an agent fills them: from the parameters of a subtask and from `paths`.
    """

    command: list[str] | None
    shared: Values
    paths: Mapping[str, str] = field(default_factory=dict)
    own: Values = field(default_factory=dict)  # parameters of the task that name those of its split
    arguments: Mapping[int, str] = field(default_factory=dict)  # arguments that name them, by their places
    given: Values = field(default_factory=dict)  # what names stand for in `own`
    words: Values = field(default_factory=dict)  # what names stand for in `arguments`

    def parameters(self, part: Values) -> dict[str, JsonValue]:
        """Return the parameters of the subtask that gets `part` of the split. Raises NotFilledError."""
        within = {**self.given, **part}
        own = {name: filled(value, within, "parameters", name) for name, value in self.own.items()}
        words = {**self.words, **part, **own}
        arguments = {_parameter(at): _text(text, words, ("command", at)) for at, text in self.arguments.items()}
        return {**self.shared, **part, **own, **arguments}


def calls_of(spec: WorkflowSpec, task: TaskSpec, given: Values, results: Values) -> Calls:
    """Return how a task's subtasks are called. Raises NotFilledError.

    `given` holds the run's value for every parameter of the workflow, `results` the result of every task in
    `placeholders.upstream_values`. A command also gets the workflow's parameters that it names; a function gets the
    task's own and those of its split alone, since they become its keyword arguments.
    """
    values = values_of(spec, given, results)
    known = names_in_command(spec, task)
    uses = list(in_command(task, spec.language, known))
    named = {use.name: given[use.name] for use in uses if use.how is How.WHOLE and use.name in given}
    if spec.language == 1:
        shared = {name: _whole_filled(value, values) for name, value in task.parameters.items()}
        return Calls(task.command, {**named, **shared}, paths(spec, task))
    of_split = set(task.split.parameters) if task.split is not None else set()
    varying = {name: value for name, value in task.parameters.items() if names_in(value) & of_split}
    shared = {
        name: filled(value, values, "parameters", name)
        for name, value in task.parameters.items()
        if name not in varying
    }
    files = {name: upstream_file(name) for name in upstream_paths(spec, task)}
    words: dict[str, JsonValue] = {**spec.inputs, **given, **files, **shared}
    calls = Calls(task.command, {**named, **shared}, paths(spec, task), varying, given=values, words=words)
    return _with_command(calls, task, known, {*of_split, *varying})


def values_of(spec: WorkflowSpec, given: Values, results: Values) -> dict[str, JsonValue]:
    """Return what names stand for outside commands."""
    return {**spec.inputs, **given, **results}


def _with_command(calls: Calls, task: TaskSpec, known: set[str], per_subtask: set[str]) -> Calls:
    """Return the calls with the command filled as far as all subtasks share what it names.

    An argument that names what is `per_subtask`, or that an agent would take for a placeholder and is none, becomes a
    parameter.
    """
    programs = program_texts(task.command or ())
    agents = {*calls.shared, *calls.paths, *per_subtask, *map(_parameter, range(len(task.command or ())))}
    command: list[str] = []
    literal: dict[str, JsonValue] = {}
    arguments: dict[int, str] = {}
    for index, argument in enumerate(task.command or ()):
        parameter = _parameter(index)
        if whole(argument) is not None:
            command.append(argument)
            continue
        if index not in programs and names_in(argument) & per_subtask:
            arguments[index] = argument
            command.append(f"{{{parameter}}}")
            continue
        if index in programs:
            text = "".join(map(_written, in_program(argument, known)))
        else:
            text = _text(argument, calls.words, ("command", index))
        if text[:1] + text[-1:] == "{}" and text[1:-1] in agents:
            literal[parameter] = text
            text = f"{{{parameter}}}"
        command.append(text)
    return replace(
        calls,
        command=None if task.command is None else command,
        shared={**calls.shared, **literal},
        arguments=arguments,
    )


def _parameter(index: int) -> str:
    """Return the name of the parameter that stands for an argument; none of a workflow has a space in its name."""
    return f"argument {index}"


def filled_split(split: SplitSpec, values: Values, language: int) -> SplitSpec:
    """Return a split whose items have their placeholders filled. Raises NotFilledError.

    An item that is a placeholder and stands for a list becomes its items.
    """
    if language == 1 or (split.items is None and split.grid is None):
        return split
    items = None if split.items is None else _listed(split.items, values, "split", "items")
    grid = None
    count = len(items or ())
    if split.grid is not None:
        grid = {axis: _listed(axis_items, values, "split", "grid", axis) for axis, axis_items in split.grid.items()}
        count = 1
        for axis_items in grid.values():
            count *= len(axis_items)
    if count > MAX_ITEMS:
        raise NotFilledError("too-many-items", ("split",), str(MAX_ITEMS), str(count))
    return split.model_copy(update={"items": items, "grid": grid})


def _listed(items: list[JsonValue], values: Values, *place: str | int) -> list[JsonValue]:
    found: list[JsonValue] = []
    for index, item in enumerate(items):
        value = filled(item, values, *place, index)
        splices = isinstance(item, str) and whole(item) in values and isinstance(value, list)
        found += value if splices and isinstance(value, list) else [value]
    return found


def filled(value: JsonValue, values: Values, *place: str | int) -> JsonValue:
    """Return `value` with its placeholders filled, once: what a placeholder brings in is not looked at again."""
    if isinstance(value, str):
        name = whole(value)
        return values[name] if name is not None and name in values else _text(value, values, place)
    if isinstance(value, list):
        return [filled(item, values, *place, index) for index, item in enumerate(value)]
    if isinstance(value, dict):
        found: dict[str, JsonValue] = {}
        for key, item in value.items():
            name = _text(key, values, (*place, key))
            if name in found:
                raise NotFilledError("same-key", place, name, "")
            found[name] = filled(item, values, *place, key)
        return found
    return value


def _text(text: str, values: Values, place: Place) -> str:
    return "".join(_filled_piece(piece, values, place) for piece in pieces(text))


def _filled_piece(piece: str | Named, values: Values, place: Place) -> str:
    if isinstance(piece, str) or piece.shell or piece.name not in values:
        return _written(piece)
    value = values[piece.name]
    if not is_scalar(value):
        raise NotFilledError("no-scalar", place, piece.name, "a list" if isinstance(value, list) else "an object")
    scalar: Scalar = value  # type: ignore[assignment]
    return scalar_text(scalar)


def _written(piece: str | Named) -> str:
    return piece if isinstance(piece, str) else f"{{{piece.name}}}"


def _whole_filled(value: JsonValue, values: Values) -> JsonValue:
    """Fill as language 1 does: values that are placeholders, and nothing else."""
    if isinstance(value, str):
        name = whole(value)
        return value if name is None else values[name]
    if isinstance(value, list):
        return [_whole_filled(item, values) for item in value]
    if isinstance(value, dict):
        return {key: _whole_filled(item, values) for key, item in value.items()}
    return value
