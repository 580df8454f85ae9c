"""Find what is wrong with the placeholders of a task, and what in its braces is likely meant otherwise.

A name that is known is filled or refused, never left as it is without a word; one that is unknown stays inside longer
text, with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from njangi_flows.workflow.model import TaskSpec
from njangi_flows.workflow.outline import Outline, TaskOutline
from njangi_flows.workflow.placeholders.braces import contents, is_scalar, whole
from njangi_flows.workflow.placeholders.parsing import (
    FAILED,
    How,
    Use,
    in_command,
    in_parameters,
    in_split,
    names_in,
    of_upstream,
    upstream,
)
from njangi_flows.workflow.placeholders.programs import program_texts
from njangi_flows.workflow.problems import Problem, nearest, pointer

_LIKE_A_NAME = re.compile(r"\.?[A-Za-z_][\w-]*(\.[\w-]+)*")
_SHAPED = re.compile(r"([A-Za-z_][\w-]*(?:\.(?:result|failed))?)\s*[^\w\s.,-]")
"""A name with more in its braces: `{n:03d}`, `{who!r}`, `{list.result[0]}`, as other languages have it."""
_SHELL_FORM = re.compile(r"\$(?:(\w+)|\((\w+)\))")


@dataclass(frozen=True, slots=True)
class _Where:
    """One field of a task that has placeholders: the names known there, and those that only its other fields know."""

    field: str
    known: frozenset[str]
    elsewhere: frozenset[str] = frozenset()
    checked: bool = True  # whether all that gives names could be read


def _places(outline: Outline, part: TaskOutline, task: TaskSpec) -> Iterator[tuple[_Where, list[Use]]]:
    language = outline.language
    shared = {*outline.inputs, *outline.parameters, *_upstream_names(outline, part)}
    of_split = {*task.split.parameters} if task.split is not None else set()
    own = {*task.parameters}
    in_own = shared | of_split if language > 1 else shared
    readable = not outline.broken & {"inputs", "parameters"}
    command = _Where("command", frozenset(shared | own | of_split), checked=not part.broken & {"parameters", "split"})
    parameters = _Where(
        "parameters", frozenset(in_own), frozenset(own - in_own), "split" not in part.broken or language == 1
    )
    split = _Where("split", frozenset(shared), frozenset((own | of_split) - shared))
    if readable:
        yield command, list(in_command(task, language, command.known))
        yield parameters, list(in_parameters(task, language))
        yield split, list(in_split(task, language))


def _upstream_names(outline: Outline, part: TaskOutline) -> set[str]:
    """Return the names of what the task's dependencies come to. Only what volunteers run has parts that may fail."""
    partless = {
        f"{other.name}{FAILED}" for other in outline.tasks if other.task is not None and not other.task.on_volunteers
    }
    return of_upstream(name for _, name in part.dependencies) - partless


def problems(outline: Outline, part: TaskOutline, task: TaskSpec) -> Iterator[Problem]:
    """Yield what is wrong with a task's placeholders."""
    for where, uses in _places(outline, part, task):
        for use in uses if where.checked else ():
            yield from _problems_of(outline, part, task, where, use)
    if outline.language > 1:
        yield from _nowhere_filled(outline, part, task)


def _problems_of(outline: Outline, part: TaskOutline, task: TaskSpec, where: _Where, use: Use) -> Iterator[Problem]:
    place = pointer("tasks", part.index, *use.place)
    if use.how is How.SHELL:
        return
    if use.how is How.PROGRAM:
        yield Problem.of(place, "name-in-program", name=use.name, program=use.program)
    elif use.name in where.known:
        given = _never_scalar(outline, task, where, use.name) if use.how is How.WITHIN else None
        if given is not None:
            yield Problem.of(place, "no-scalar", name=use.name, given=given)
        elif _is_bytes(outline, use.name) and (where.field == "split" or task.workflow is not None):
            yield Problem.of(place, "bytes-no-value", name=use.name)
    elif use.how is How.WHOLE or use.name in where.elsewhere or _is_of_a_task(outline, use.name):
        yield from _nameless(place, use.name, where.known, part, outline)


def _nameless(place: str, name: str, known: Collection[str], part: TaskOutline, outline: Outline) -> Iterator[Problem]:
    above = upstream(name)
    if above is not None and "dependencies" in part.broken:
        return
    if _is_of_a_task(outline, name) and above not in {dependency for _, dependency in part.dependencies}:
        yield Problem.of(place, "not-a-dependency", name=name, task=above or "")
        return
    yield Problem.of(place, "names-nothing", name=name, known=sorted(known), near=nearest(name, sorted(known)))


def _is_of_a_task(outline: Outline, name: str) -> bool:
    return upstream(name) in {other.name for other in outline.tasks if other.name is not None}


def _never_scalar(outline: Outline, task: TaskSpec, where: _Where, name: str) -> str | None:
    """Return "a list" or "an object" where a name is certain to stand for that, else None."""
    if task.split is not None and name in task.split.parameters:
        if task.split.items_per_subtask is not None:
            return "a list"
        items = (task.split.grid or {}).get(name, []) if task.split.grid is not None else task.split.items or []
        return next((given for item in items if (given := _kind(item)) is not None), None)
    if where.field != "command":
        return _kind(outline.parameters.get(name)) or _never_scalar_result(outline, name)
    value = task.parameters.get(name, outline.parameters.get(name))
    if name in task.parameters and isinstance(value, str) and (inner := whole(value)) is not None:
        return _kind(outline.parameters.get(inner)) or _never_scalar_result(outline, inner)
    return _kind(value)


def _task_of(outline: Outline, name: str) -> TaskSpec | None:
    """Return the task whose result or failures a name asks for, if it could be read."""
    above = upstream(name)
    return next((part.task for part in outline.tasks if above is not None and part.name == above), None)


def _is_bytes(outline: Outline, name: str) -> bool:
    """Whether a name asks for a result that is bytes: a file, which is no value and is known to one task's folder."""
    other = _task_of(outline, name)
    return other is not None and other.has_bytes and not name.endswith(FAILED)


def _never_scalar_result(outline: Outline, name: str) -> str | None:
    other = _task_of(outline, name)
    if other is None:
        return None
    if name.endswith(FAILED):
        return "a list"
    if other.split is not None:
        return "a list" if other.aggregate is None or other.aggregate.kind in ("list", "table") else None
    return "a list" if other.command is not None and other.parse in ("lines", "csv") else None


def _kind(value: JsonValue) -> str | None:
    if is_scalar(value):
        return None
    return "a list" if isinstance(value, list) else "an object"


def _nowhere_filled(outline: Outline, part: TaskOutline, task: TaskSpec) -> Iterator[Problem]:
    """Known names where text is never filled, and where it would do something else than it says."""
    texts: list[tuple[tuple[str | int, ...], str]] = [(("workflow",), task.workflow or "")]
    texts += [(("retry", "non_retryable", index), name) for index, name in enumerate(task.retry.non_retryable)]
    if task.aggregate is not None and task.aggregate.columns is not None:
        columns = enumerate(task.aggregate.columns)
        texts += [(("aggregate", "table", "columns", index), name) for index, name in columns]
    known = {*outline.inputs, *outline.parameters, *task.parameters, *(task.split.parameters if task.split else ())}
    for at, text in texts:
        for name in sorted(names_in(text) & known):
            yield Problem.of(pointer("tasks", part.index, *at), "not-filled", name=name)


def of_labels(outline: Outline) -> Iterator[Problem]:
    """Yield the known names in the texts that only people read, and in the defaults of parameters."""
    if outline.language == 1:
        return
    known = {*outline.inputs, *outline.parameters}
    for pointer_, text in outline.labels.items():
        for name in sorted(names_in(text) & known):
            yield Problem.of(pointer_, "not-filled", name=name)
    for at, text in _texts_in(outline.parameters, "parameters"):
        for name in sorted(names_in(text) & known):
            yield Problem.of(pointer(*at), "not-filled", name=name)


def warnings(outline: Outline, part: TaskOutline, task: TaskSpec) -> Iterator[Problem]:
    """Yield what in a task's braces is likely meant otherwise than it is read."""
    if outline.language == 1:
        return
    for where, uses in _places(outline, part, task):
        for use in uses:
            place = pointer("tasks", part.index, *use.place)
            if use.how is How.SHELL and use.name in where.known:
                yield Problem.of(place, "shell-form", written=f"${{{use.name}}}", name=use.name)
            elif use.how is How.WITHIN and use.name not in where.known and _LIKE_A_NAME.fullmatch(use.name):
                known = sorted(where.known)
                yield Problem.of(place, "stays-as-it-is", name=use.name, known=known, near=nearest(use.name, known))
        for at, text in _texts(where.field, task):
            yield from _of_text(pointer("tasks", part.index, *at), text, where.known)


def _texts(field: str, task: TaskSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the texts of a field that are no program's."""
    if field == "command":
        programs = program_texts(task.command or ())
        yield from ((("command", at), text) for at, text in enumerate(task.command or ()) if at not in programs)
    elif field == "parameters":
        yield from _texts_in(dict(task.parameters), field)
    elif task.split is not None:
        yield from _texts_in(task.split.items, field, "items")
        yield from _texts_in(dict(task.split.grid or {}), field, "grid")


def _texts_in(value: JsonValue, *place: str | int) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts_in(item, *place, index)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts_in(item, *place, key)


def _of_text(place: str, text: str, known: Collection[str]) -> Iterator[Problem]:
    for content, depth in contents(text):
        name = content.strip()
        if depth == 1 and (first := _SHAPED.match(content)) and first[1] in known and content not in known:
            yield Problem.of(place, "more-than-a-name", written=f"{{{content[:60]}}}", name=first[1])
        if not _LIKE_A_NAME.fullmatch(name):
            continue
        if depth == 2 and content not in known:
            yield Problem.of(place, "doubled-braces", written=f"{{{{{content}}}}}", name=content)
        elif depth == 1 and content != name and name in known:
            yield Problem.of(place, "spaces-in-braces", name=name)
    for found in _SHELL_FORM.finditer(text):
        if (name := found[1] or found[2]) in known:
            yield Problem.of(place, "shell-form", written=found[0], name=name)
