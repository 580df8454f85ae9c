"""Placeholders: `{name}` where a whole argument, or a whole parameter value, stands for something else.

What a name may stand for, the first that fits:

- a parameter of the task's split (`{part}`), of the task or of the workflow: its value; in a command a
  list fills one argument per item
- an input of the workflow: the path of its file in the task's folder
- `{task.result}`, for a task among the dependencies: in a command the path of a file that holds the
  result as JSON, in `parameters` the result itself

Since a placeholder is a whole argument, no value can become syntax; braces inside a longer argument
are left alone. In a command the agent fills the arguments; this module says what they need.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping

from pydantic import JsonValue

from njangi_flows.model import TaskSpec, WorkflowSpec

_PLACEHOLDER = re.compile(r"\{([^{}\s,:\"']+)\}")
_RESULT = ".result"

Place = tuple[str | int, ...]


def named(text: str) -> str | None:
    """Return the name in a placeholder, or None if `text` is no placeholder."""
    found = _PLACEHOLDER.fullmatch(text)
    return found[1] if found else None


def upstream(name: str) -> str | None:
    """Return the task whose result a placeholder's name asks for, or None if it asks for something else."""
    return name.removesuffix(_RESULT) if name.endswith(_RESULT) else None


def result_file(task: str) -> str:
    """Return the name of the file that holds a task's result in the folder of a task that names it."""
    return f"{task}.result.json"


def in_command(task: TaskSpec) -> Iterator[tuple[Place, str]]:
    """Yield the placeholders of a task's command: their place in the task and the name in them."""
    for index, argument in enumerate(task.command or ()):
        if (name := named(argument)) is not None:
            yield ("command", index), name


def in_parameters(task: TaskSpec) -> Iterator[tuple[Place, str]]:
    """Yield the placeholders among a task's parameter values: their place in the task and the name in them."""
    yield from _within(dict(task.parameters), "parameters")


def _within(value: JsonValue, *place: str | int) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        if (name := named(value)) is not None:
            yield place, name
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _within(item, *place, index)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _within(item, *place, key)


def result_values(task: TaskSpec) -> list[str]:
    """Return the upstream tasks whose results must be at hand as values, to call `parameters`."""
    return _once(upstream(name) for _, name in in_parameters(task))


def result_paths(task: TaskSpec) -> list[str]:
    """Return the upstream tasks whose results a command reads from files called `result_file(name)`."""
    return _once(upstream(name) for _, name in in_command(task))


def paths(spec: WorkflowSpec, task: TaskSpec) -> dict[str, str]:
    """Return name -> path for a command's placeholders that stand for files in the task's folder."""
    taken = {*spec.parameters, *task.parameters, *(task.split.parameters if task.split else ())}
    names = [name for _, name in in_command(task) if name not in taken]
    return {
        **{name: spec.inputs[name] for name in names if name in spec.inputs},
        **{f"{name}{_RESULT}": result_file(name) for name in result_paths(task)},
    }


def files(spec: WorkflowSpec, task: TaskSpec) -> list[str]:
    """Return the files of the workflow that a task's folder must hold, without those of upstream results."""
    inputs = [spec.inputs[name] for _, name in (*in_command(task), *in_parameters(task)) if name in spec.inputs]
    return _once([*task.files, *inputs, *split_files(spec, task)])


def split_files(spec: WorkflowSpec, task: TaskSpec) -> list[str]:
    """Return the files that a task is split over, in order; empty if it is split over something else."""
    if task.split is None or task.split.files is None:
        return []
    if isinstance(task.split.files, str):
        return fnmatch.filter(spec.data_files(), task.split.files)
    return task.split.files


def parameters(
    spec: WorkflowSpec, task: TaskSpec, given: Mapping[str, JsonValue], results: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return the parameters that all subtasks of a task share, their placeholders filled in.

    `given` holds the run's value for every parameter of the workflow, `results` the result of every task in
    `result_values(task)`. A command also gets the workflow's parameters that it names; a function
    gets the task's own alone, since they become its keyword arguments.
    """
    values: dict[str, JsonValue] = {
        **spec.inputs,
        **given,
        **{f"{name}{_RESULT}": result for name, result in results.items()},
    }
    own = {name: _filled(value, values) for name, value in task.parameters.items()}
    command = {name: given[name] for _, name in in_command(task) if name in given}
    return {**command, **own}


def _filled(value: JsonValue, values: Mapping[str, JsonValue]) -> JsonValue:
    """Return `value` with its placeholders filled, once: what a placeholder brings in is not looked at again."""
    if isinstance(value, str):
        name = named(value)
        return value if name is None else values[name]
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    return value


def _once(names: Iterable[str | None]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name is not None]
