"""Find what is wrong with a workflow across its tasks and files: names that name nothing, and circles.

The checks run on an outline of the document rather than on a finished spec, so that one task's
mistake does not hide another's. What depends on a part that could not be read is left unchecked.
"""

from __future__ import annotations

import fnmatch
import graphlib
from collections import defaultdict
from collections.abc import Collection, Iterator

from njangi_flows.workflow import file_checks
from njangi_flows.workflow.kinds import has_field, misplaced
from njangi_flows.workflow.model import LEAST_MEMORY, LEAST_STORAGE, TaskSpec
from njangi_flows.workflow.outline import Outline, TaskOutline
from njangi_flows.workflow.placeholders import checks as placeholder_checks
from njangi_flows.workflow.problems import Problem, nearest, pointer

_MOST_CYCLES = 20


def problems(outline: Outline, files: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong across the workflow; `files` are the names of the files that accompany it."""
    yield from _ambiguous_names(outline)
    yield from _missing_files(outline, files)
    yield from file_checks.problems(outline)
    yield from _names_given_twice(outline)
    yield from _unknown_dependencies(outline)
    yield from _cycles(outline)
    yield from _clean_up(outline)
    for part in outline.tasks:
        if part.task is not None:
            yield from _misplaced_fields(part, part.task)
            yield from _split(outline, part.index, part.task, files)
            yield from placeholder_checks.problems(outline, part, part.task)


def warnings(outline: Outline) -> Iterator[Problem]:
    """Yield what in a workflow that is none of its problems is likely meant otherwise than it is read."""
    yield from placeholder_checks.of_labels(outline)
    yield from file_checks.alike(outline)
    for part in outline.tasks:
        if part.task is not None:
            yield from placeholder_checks.warnings(outline, part, part.task)
            yield from _raised_limits(part.index, part.task)


def _raised_limits(index: int, task: TaskSpec) -> Iterator[Problem]:
    for field, given, least in (
        ("memory", task.resources.memory, LEAST_MEMORY),
        ("storage", task.resources.storage, LEAST_STORAGE),
    ):
        if task.on_volunteers and given < least:
            place = pointer("tasks", index, "resources", field)
            yield Problem.of(place, "limit-raised", limit=f"{least // 1024**2} MiB")


def _ambiguous_names(outline: Outline) -> Iterator[Problem]:
    for name in outline.parameters:
        if name in outline.inputs:
            yield Problem.of(pointer("parameters", name), "ambiguous-input", name=name)
    for part in outline.tasks:
        if part.task is None:
            continue
        for name in part.task.parameters:
            if name in outline.inputs:
                yield Problem.of(pointer("tasks", part.index, "parameters", name), "ambiguous-input", name=name)
        if part.task.split is None:
            continue
        for name in part.task.split.parameters:
            within = ("grid", name) if part.task.split.grid and name in part.task.split.grid else ("as",)
            place = pointer("tasks", part.index, "split", *within)
            if name in outline.inputs:
                yield Problem.of(place, "ambiguous-input", name=name)
            if name in part.task.parameters:
                yield Problem.of(place, "ambiguous-parameter", name=name)


def _missing_files(outline: Outline, files: Collection[str]) -> Iterator[Problem]:
    def missing(name: str, *place: str | int) -> Iterator[Problem]:
        if name not in files:
            yield Problem.of(pointer(*place), "no-file", name=name, near=nearest(name, files))

    for name, file in outline.inputs.items():
        yield from missing(file, "inputs", name)
    for index, file in enumerate(outline.files):
        yield from missing(file, "files", index)
    for part in outline.tasks:
        if part.task is None:
            continue
        for index, file in enumerate(part.task.files):
            yield from missing(file, "tasks", part.index, "files", index)
        if part.task.python is not None and part.task.python.file is not None:
            yield from missing(part.task.python.file, "tasks", part.index, "python", "file")
        if part.task.split is not None and isinstance(part.task.split.files, list):
            for index, file in enumerate(part.task.split.files):
                yield from missing(file, "tasks", part.index, "split", "files", index)


def _names_given_twice(outline: Outline) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for part in outline.tasks:
        if part.name is not None and part.name in first:
            earlier = pointer("tasks", first[part.name])
            yield Problem.of(pointer("tasks", part.index, "name"), "task-name-taken", name=part.name, place=earlier)
        elif part.name is not None:
            first[part.name] = part.index


def _unknown_dependencies(outline: Outline) -> Iterator[Problem]:
    names = {part.name for part in outline.tasks if part.name is not None}
    nameless = any(part.name is None for part in outline.tasks)
    for part in outline.tasks:
        for index, name in part.dependencies:
            if name not in names and not nameless:
                place = pointer("tasks", part.index, "dependencies", index)
                yield Problem.of(place, "no-task", name=name, known=sorted(names), near=nearest(name, names))


def _clean_up(outline: Outline) -> Iterator[Problem]:
    """The task that cleans up runs when nothing else does: no task waits for it, and it waits for none."""
    if outline.cleanup is None or any(part.name is None for part in outline.tasks):
        return
    names = [part.name for part in outline.tasks if part.name is not None]
    if outline.cleanup not in names:
        near = nearest(outline.cleanup, names)
        yield Problem.of(pointer("cleanup"), "cleanup-no-task", name=outline.cleanup, near=near)
    elif len(names) == 1:
        yield Problem.of(pointer("cleanup"), "cleanup-alone")
    for part in outline.tasks:
        if part.name == outline.cleanup and part.task is not None and not part.task.on_volunteers:
            yield Problem.of(pointer("cleanup"), "cleanup-kind", kind=part.task.kind)
        if part.name == outline.cleanup and part.dependencies:
            yield Problem.of(pointer("tasks", part.index, "dependencies"), "cleanup-dependencies")
        for index, name in part.dependencies:
            if name == outline.cleanup:
                place = pointer("tasks", part.index, "dependencies", index)
                yield Problem.of(place, "depends-on-cleanup", name=name)


def _cycles(outline: Outline) -> Iterator[Problem]:
    index_of = {part.name: part.index for part in outline.tasks if part.name is not None}
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for part in outline.tasks:
        if part.name is not None:
            graph[part.name] |= {name for _, name in part.dependencies}
    for name in [name for name, upstream in graph.items() if name in upstream]:
        yield Problem.of(pointer("tasks", index_of[name], "dependencies"), "depends-on-itself", name=name)
        graph[name].discard(name)
    for _ in range(_MOST_CYCLES):
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            # graphlib lists each node before those that depend on it; people read it the other way round.
            cycle = list(reversed(error.args[1]))[:-1]
            start = cycle.index(min(cycle, key=lambda name: index_of[name]))
            cycle = cycle[start:] + cycle[:start]
            place = pointer("tasks", index_of[cycle[0]], "dependencies")
            yield Problem.of(place, "circular", way=" -> ".join([*cycle, cycle[0]]))
            for name in cycle:
                graph.pop(name, None)
        else:
            return


def _misplaced_fields(part: TaskOutline, task: TaskSpec) -> Iterator[Problem]:
    for name in sorted(task.model_fields_set):
        if not has_field(task.kind, name):
            yield misplaced(pointer("tasks", part.index, name), task.kind, name)


def _split(outline: Outline, index: int, task: TaskSpec, files: Collection[str]) -> Iterator[Problem]:
    if task.split is None or outline.broken & {"inputs", "files"}:
        return
    lines, pattern = task.split.lines, task.split.files
    if lines is not None and lines not in outline.inputs and lines not in files:
        known = sorted({*outline.inputs, *files})
        place = pointer("tasks", index, "split", "lines")
        yield Problem.of(place, "no-lines", name=lines, known=known, near=nearest(lines, known))
    if isinstance(pattern, str):
        data = sorted({*outline.files, *outline.inputs.values()})
        if not fnmatch.filter(data, pattern):
            place = pointer("tasks", index, "split", "files")
            yield Problem.of(place, "matches-nothing", pattern=pattern, known=data)
