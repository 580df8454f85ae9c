"""The workflow model and the way into it: text -> `load` -> document -> `parse` -> WorkflowSpec.

Everything that is wrong with a document is raised at once, as InvalidSpecError. Never imports Prefect:
the service reads workflows too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from itertools import chain, islice
from typing import Any, TypeVar

from pydantic import JsonValue, ValidationError

from njangi_flows.workflow import checks, preview, shell_checks
from njangi_flows.workflow.document import load, read, unfit
from njangi_flows.workflow.kinds import SignalName, SignalPayload, WaitSpec
from njangi_flows.workflow.model import (
    LANGUAGE,
    LONGEST_DEADLINE,
    AggregateSpec,
    PythonSpec,
    RangeSpec,
    Resources,
    Retry,
    SplitSpec,
    TaskSpec,
    Timeouts,
    WorkflowSpec,
)
from njangi_flows.workflow.outline import Outline, TaskOutline
from njangi_flows.workflow.parameter_values import fitting, no_parameter
from njangi_flows.workflow.problems import InvalidSpecError, Problem, pointer, reworded
from njangi_flows.workflow.quantities import Duration, Tolerance

__all__ = [
    "LONGEST_DEADLINE",
    "AggregateSpec",
    "Duration",
    "InvalidSpecError",
    "Problem",
    "PythonSpec",
    "RangeSpec",
    "Resources",
    "Retry",
    "SignalName",
    "SignalPayload",
    "SplitSpec",
    "TaskSpec",
    "Timeouts",
    "Tolerance",
    "WaitSpec",
    "WorkflowSpec",
    "accepted",
    "authored",
    "in_order",
    "load",
    "needed_files",
    "parse",
    "read",
    "run_parameters",
    "stored",
    "unfilled",
    "warnings",
]

_MOST_PROBLEMS = 100

Value = TypeVar("Value")


def parse(document: object, *, files: Collection[str]) -> WorkflowSpec:
    """Return the workflow that a document describes; `files` are the names of those that accompany it.

    A document that does not say in which language it is written is of the first; see `authored`.

    Raises InvalidSpecError with every problem of the document, in its order; a document with hundreds of
    them is told the first hundred of each kind, since each costs time to put into words.
    """
    if problems := list(islice(unfit(document), _MOST_PROBLEMS)):
        raise InvalidSpecError(problems)
    try:
        spec = WorkflowSpec.model_validate(document)
    except ValidationError as error:
        outline = _outline_of_broken(document, error)
        problems = reworded(error, WorkflowSpec, most=_MOST_PROBLEMS)
    else:
        outline = _outline(spec)
    problems += islice(checks.problems(outline, files), _MOST_PROBLEMS)
    if problems:
        raise InvalidSpecError(in_order(problems))
    return spec


def accepted(document: object, *, files: Collection[str]) -> WorkflowSpec:
    """Return the workflow of a document that `parse` accepted before: its tasks and files are not checked once more.

    Raises InvalidSpecError for a document that it would not accept today.
    """
    try:
        return WorkflowSpec.model_validate(document)
    except ValidationError:
        return parse(document, files=files)


def authored(document: Any) -> Any:
    """Return a document as somebody writes it today: in today's language, unless it says in which."""
    return {"language": LANGUAGE, **document} if isinstance(document, dict) else document


def stored(document: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return a stored document with the number of the language that it was written in."""
    return {"language": 1, **document}


def warnings(spec: WorkflowSpec, document: object = None) -> list[Problem]:
    """Return what in a workflow is likely meant otherwise than it is read, in its order; the first hundred.

    `document` is what it was read from.
    """
    found = chain(checks.warnings(_outline(spec)), shell_checks.warnings(document))
    return in_order(list(islice(found, _MOST_PROBLEMS)))


def unfilled(spec: WorkflowSpec, parameters: Mapping[str, JsonValue]) -> list[Problem]:
    """Return which placeholders cannot be filled with these values, and what is too much for a command line."""
    return in_order(list(islice(preview.problems(spec, parameters), _MOST_PROBLEMS)))


def needed_files(spec: WorkflowSpec) -> set[str]:
    """Return the names of the files that must accompany a workflow."""
    needed = {*spec.files, *spec.inputs.values()}
    for task in spec.tasks:
        needed |= {*task.files}
        if task.python is not None and task.python.file is not None:
            needed.add(task.python.file)
        if task.split is not None and task.split.lines is not None:
            needed.add(spec.file(task.split.lines))
        if task.split is not None and isinstance(task.split.files, list):
            needed |= {*task.split.files}
    return needed


def run_parameters(spec: WorkflowSpec, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a value for each of the workflow's parameters: the given one, else its default.

    Raises InvalidSpecError if a given name is no parameter of the workflow or a value of another kind than
    its default; pointers lead from the body of the request that starts a run.
    """
    problems = [no_parameter(name, spec.parameters) for name in given if name not in spec.parameters]
    problems += unfit(dict(given), "parameters")
    values = dict(spec.parameters)
    for name, value in given.items() if not problems else ():
        values[name], problem = fitting(name, value, spec.parameters[name], strict=spec.language > 1)
        problems += [problem] if problem is not None else []
    if problems:
        raise InvalidSpecError(problems)
    return values


def _outline(spec: WorkflowSpec) -> Outline:
    tasks = [
        TaskOutline(index, task.name, list(enumerate(task.dependencies)), task, set())
        for index, task in enumerate(spec.tasks)
    ]
    labels = {
        pointer("name"): spec.name,
        pointer("description"): spec.description,
        **{pointer("tags", index): tag for index, tag in enumerate(spec.tags)},
    }
    return Outline(spec.inputs, spec.files, spec.parameters, tasks, spec.cleanup, language=spec.language, labels=labels)


def _outline_of_broken(document: object, error: ValidationError) -> Outline:
    """Return what can be read of a document that `error` is about."""
    if not isinstance(document, dict):
        return Outline()
    broken: set[str] = set()
    broken_in_task: defaultdict[int, set[str]] = defaultdict(set)
    for details in error.errors(include_url=False, include_context=False, include_input=False):
        match details["loc"]:
            case ("tasks", int(index), str(name), *_):
                broken_in_task[index].add(name)
            case (str(name), *_):
                broken.add(name)
    tasks = document.get("tasks")
    return Outline(
        inputs=_unless("inputs", broken, document, {}),
        files=_unless("files", broken, document, []),
        parameters=_unless("parameters", broken, document, {}),
        tasks=[
            _task_outline(index, task, broken_in_task[index])
            for index, task in enumerate(tasks if isinstance(tasks, list) else [])
        ],
        cleanup=_unless("cleanup", broken, document, "") or None,
        broken=broken,
        language=_unless("language", broken, document, 1),
    )


def _task_outline(index: int, document: object, broken: set[str]) -> TaskOutline:
    if not isinstance(document, dict):
        return TaskOutline(index, None, [], None, broken)
    name, dependencies = document.get("name"), document.get("dependencies")
    readable = {key: value for key, value in document.items() if key not in broken}
    try:
        task = TaskSpec.model_validate({**readable, "name": "unnamed"})
    except ValidationError:
        task = None
    return TaskOutline(
        index,
        name if isinstance(name, str) else None,
        [(at, item) for at, item in enumerate(dependencies) if isinstance(item, str)]
        if isinstance(dependencies, list)
        else [],
        task,
        broken,
    )


def _unless(name: str, broken: set[str], document: Mapping[str, object], otherwise: Value) -> Value:
    value = document.get(name, otherwise)
    return value if name not in broken and isinstance(value, type(otherwise)) else otherwise


def in_order(problems: list[Problem]) -> list[Problem]:
    """Return each problem once, those of task 2 before those of task 10."""

    def place(problem: Problem) -> list[tuple[bool, int, str]]:
        parts = problem.pointer.split("/")[1:]
        return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]

    return sorted(dict.fromkeys(problems), key=place)
