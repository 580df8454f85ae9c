"""Placeholders: `{name}` in a command, in parameters and in what a task is split over stands for something else.

What a name may stand for, the first that fits:

- a parameter of the task's split (`{part}`), of the task or of the workflow: its value
- an input of the workflow: the path of its file in the task's folder
- `{task.result}`, for a task among the dependencies: in a command the path of a file that holds the
  result as JSON, elsewhere the result itself
- `{task.failed}`, likewise: the indexes of its subtasks that failed, which it tolerates; a list of its results has null
  in their places

A placeholder that is a whole text becomes the value as it is; as an argument of a command a list becomes one argument
per item, and so it does among the items of a split. Inside longer text a name that is known becomes text (`braces`),
others stay. The text of a program (`programs`) keeps its braces. In language 1, which stored workflows may be written
in, only whole texts are placeholders, in commands and in the values of parameters.
"""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from njangi_flows.workflow.model import TaskSpec, WorkflowSpec
from njangi_flows.workflow.placeholders.braces import Named, in_program, pieces, whole
from njangi_flows.workflow.placeholders.programs import program_texts

RESULT = ".result"
FAILED = ".failed"

Place = tuple[str | int, ...]


class How(enum.Enum):
    """How a name in braces stands in a text."""

    WHOLE = "whole"  # the text is the placeholder
    WITHIN = "within"  # inside longer text, or in a key
    PROGRAM = "program"  # inside the text of a program, where it cannot be filled
    SHELL = "shell"  # after a dollar sign, where it is no placeholder


@dataclass(frozen=True, slots=True)
class Use:
    """A name in braces at a place in a task; `program` names the interpreter whose text it stands in."""

    place: Place
    name: str
    how: How
    program: str = ""


def upstream(name: str) -> str | None:
    """Return the task whose result or failures a placeholder's name asks for, or None if it asks for something else."""
    return next((name.removesuffix(what) for what in (RESULT, FAILED) if name.endswith(what)), None)


def of_upstream(dependencies: Iterable[str]) -> set[str]:
    """Return the names that stand for what a task's dependencies came to."""
    return {f"{name}{what}" for name in dependencies for what in (RESULT, FAILED)}


def upstream_file(name: str) -> str:
    """Return the name of the file that holds what `name` stands for in the folder of a task that names it."""
    return f"{name}.json"


def names_in_command(spec: WorkflowSpec, task: TaskSpec) -> set[str]:
    """Return the names that stand for something in a task's command."""
    own = {*task.parameters, *(task.split.parameters if task.split else ())}
    return {*spec.inputs, *spec.parameters, *own, *of_upstream(task.dependencies)}


def in_command(task: TaskSpec, language: int, known: Collection[str]) -> Iterator[Use]:
    """Yield the names in braces in a task's command. `known` are the names that stand for something there."""
    programs = program_texts(task.command or ()) if language > 1 else {}
    for index, argument in enumerate(task.command or ()):
        place, program = ("command", index), programs.get(index)
        if (name := whole(argument)) is not None:
            if program is None or name in known:
                yield Use(place, name, How.WHOLE)
        elif program is not None:
            found = [piece for piece in in_program(argument, known) if isinstance(piece, Named)]
            yield from (Use(place, piece.name, How.PROGRAM, program) for piece in found)
        elif language > 1:
            yield from _within(argument, place)


def in_parameters(task: TaskSpec, language: int) -> Iterator[Use]:
    """Yield the names in braces among a task's parameters."""
    yield from _in_value(dict(task.parameters), language, "parameters")


def in_split(task: TaskSpec, language: int) -> Iterator[Use]:
    """Yield the names in braces in the items that a task is split over."""
    if language > 1 and task.split is not None and task.split.items is not None:
        yield from _in_value(task.split.items, language, "split", "items")
    if language > 1 and task.split is not None and task.split.grid is not None:
        for axis, items in task.split.grid.items():
            yield from _in_value(items, language, "split", "grid", axis)


def names_in(value: JsonValue) -> set[str]:
    """Return the names in braces in a value."""
    return {use.name for use in _in_value(value, 2) if use.how is not How.SHELL}


def _in_value(value: JsonValue, language: int, *place: str | int) -> Iterator[Use]:
    if isinstance(value, str):
        if (name := whole(value)) is not None:
            yield Use(place, name, How.WHOLE)
        elif language > 1:
            yield from _within(value, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _in_value(item, language, *place, index)
    elif isinstance(value, dict):
        for key, item in value.items():
            if language > 1:
                yield from _within(key, (*place, key))
            yield from _in_value(item, language, *place, key)


def _within(text: str, place: Place) -> Iterator[Use]:
    for piece in pieces(text):
        if isinstance(piece, Named):
            yield Use(place, piece.name, How.SHELL if piece.shell else How.WITHIN)


def upstream_values(spec: WorkflowSpec, task: TaskSpec) -> list[str]:
    """Return the names of what upstream tasks came to that must be at hand as values."""
    return _upstream(task, (*in_parameters(task, spec.language), *in_split(task, spec.language)))


def upstream_paths(spec: WorkflowSpec, task: TaskSpec) -> list[str]:
    """Return the names of what upstream tasks came to that a command reads from files called `upstream_file(name)`."""
    return _upstream(task, in_command(task, spec.language, names_in_command(spec, task)))


def _upstream(task: TaskSpec, uses: Iterable[Use]) -> list[str]:
    names = (use.name for use in uses if use.how in (How.WHOLE, How.WITHIN))
    return _once(name for name in names if upstream(name) in task.dependencies)


def paths(spec: WorkflowSpec, task: TaskSpec) -> dict[str, str]:
    """Return name -> path for a command's placeholders that stand for files in the task's folder."""
    taken = {*spec.parameters, *task.parameters, *(task.split.parameters if task.split else ())}
    uses = in_command(task, spec.language, names_in_command(spec, task))
    names = [use.name for use in uses if use.how is How.WHOLE and use.name not in taken]
    return {
        **{name: spec.inputs[name] for name in names if name in spec.inputs},
        **{name: upstream_file(name) for name in names if upstream(name) is not None},
    }


def files(spec: WorkflowSpec, task: TaskSpec) -> list[str]:
    """Return the files of the workflow that a task's folder must hold, without those of upstream results."""
    uses = [
        *in_command(task, spec.language, names_in_command(spec, task)),
        *in_parameters(task, spec.language),
        *in_split(task, spec.language),
    ]
    inputs = [spec.inputs[use.name] for use in uses if use.name in spec.inputs and use.how is not How.SHELL]
    return _once([*task.files, *inputs, *split_files(spec, task)])


def split_files(spec: WorkflowSpec, task: TaskSpec) -> list[str]:
    """Return the files that a task is split over, in order; empty if it is split over something else."""
    if task.split is None or task.split.files is None:
        return []
    if isinstance(task.split.files, str):
        return fnmatch.filter(spec.data_files(), task.split.files)
    return task.split.files


def _once(names: Iterable[str | None]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name is not None]
