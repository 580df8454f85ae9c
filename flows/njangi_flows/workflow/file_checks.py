"""Find names of files that cannot lie in one folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from njangi_flows.workflow.outline import Outline, TaskOutline
from njangi_flows.workflow.placeholders.parsing import How, in_command, of_upstream, upstream, upstream_file
from njangi_flows.workflow.problems import Problem, pointer

MOST_FILES = 2500
"""Files in the folder of a task: each is three arguments to bubblewrap, which takes 9,000."""
_LONGEST_PART = 255
"""Bytes of a name in a folder, in Linux."""

Named = tuple[str, str]  # the name of a file, and the JSON Pointer of where the workflow names it


def problems(outline: Outline) -> Iterator[Problem]:
    """Yield which files cannot accompany the workflow, or cannot lie in the folder of a task."""
    named = list(_named(outline))
    if outline.language > 1:
        yield from _clashes(named)
    for name, place in named:
        if any(len(part.encode("utf-8", "surrogatepass")) > _LONGEST_PART for part in name.split("/")):
            yield Problem.of(place, "file-part-too-long", name=name[:60], limit=_LONGEST_PART)
    for part in outline.tasks:
        yield from _in_folder(outline, part)


def _clashes(named: list[Named]) -> Iterator[Problem]:
    folders = {name[:end]: name for name, _ in named for end, sign in enumerate(name) if sign == "/"}
    for name, place in named:
        if name in folders:
            yield Problem.of(place, "files-clash", name=name, other=folders[name])


def alike(outline: Outline) -> Iterator[Problem]:
    """Yield which names are one and the same on a machine that tells neither case nor accents apart."""
    first: dict[str, str] = {}
    for name, place in _named(outline):
        other = first.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            yield Problem.of(place, "files-alike", name=name, other=other)


def _in_folder(outline: Outline, part: TaskOutline) -> Iterator[Problem]:
    task = part.task
    if task is None:
        return
    names = {*task.files}
    if task.split is not None and isinstance(task.split.files, list):
        names |= {*task.split.files}
    results = of_upstream(name for _, name in part.dependencies)
    uses = in_command(task, outline.language, {*results, *outline.inputs})
    used = {use.name for use in uses if use.how in (How.WHOLE, How.WITHIN)}
    names |= {outline.inputs[name] for name in used if name in outline.inputs}
    if outline.language == 1:  # a stored workflow may have files that clash, as long as no task has both
        yield from _clashes([(name, pointer("tasks", part.index)) for name in sorted(names)])
    for name in sorted(used & results):
        taken = upstream_file(name)
        clash = next((file for file in sorted(names) if file == taken or file.startswith(f"{taken}/")), None)
        if clash is not None:
            yield Problem.of(pointer("tasks", part.index), "file-of-result", name=clash, task=upstream(name) or "")
    if len(names) > MOST_FILES:
        yield Problem.of(pointer("tasks", part.index), "too-many-files", count=len(names), limit=MOST_FILES)


def _named(outline: Outline) -> Iterator[Named]:
    """Yield each file that the workflow names, once, and the first place that names it."""
    seen: set[str] = set()
    for name, place in _everywhere(outline):
        if name not in seen:
            seen.add(name)
            yield name, place


def _everywhere(outline: Outline) -> Iterator[Named]:
    yield from ((name, pointer("files", index)) for index, name in enumerate(outline.files) if isinstance(name, str))
    yield from ((file, pointer("inputs", name)) for name, file in outline.inputs.items() if isinstance(file, str))
    for part in outline.tasks:
        task = part.task
        if task is None:
            continue
        yield from ((name, pointer("tasks", part.index, "files", index)) for index, name in enumerate(task.files))
        if task.python is not None and task.python.file is not None:
            yield task.python.file, pointer("tasks", part.index, "python", "file")
        if task.split is not None and task.split.lines is not None and task.split.lines not in outline.inputs:
            yield task.split.lines, pointer("tasks", part.index, "split", "lines")
        if task.split is not None and isinstance(task.split.files, list):
            places = enumerate(task.split.files)
            yield from ((name, pointer("tasks", part.index, "split", "files", index)) for index, name in places)
