"""Which files of a workflow are read as text, and what is wrong with one that is no UTF-8."""

from __future__ import annotations

from collections.abc import Iterator

from njangi_agent.texts import LineReader, NotTextError, TextReader

from njangi_flows.workflow.model import WorkflowSpec
from njangi_flows.workflow.problems import Problem, pointer

MOST_BYTES = 64 * 1024 * 1024
"""How much of a file is looked at before a run; the run itself reads all of it."""


def text_files(spec: WorkflowSpec) -> Iterator[tuple[str, str, TextReader]]:
    """Yield each place that names a file of text, the file's name, and what reads it."""
    for index, task in enumerate(spec.tasks):
        if task.split is not None and task.split.lines is not None:
            yield pointer("tasks", index, "split", "lines"), spec.file(task.split.lines), LineReader(nul=False)
        if task.python is not None and task.python.file is not None:
            yield pointer("tasks", index, "python", "file"), task.python.file, TextReader()


def not_text(place: str, name: str, error: NotTextError) -> Problem:
    """Return what is wrong with a file, and what would be right."""
    byte, offset, form = f"0x{error.value:02x}", error.offset, error.looks_like or ""
    if error.iconv is not None:
        iconv = error.iconv
        return Problem.of(place, "file-encoding", name=name, byte=byte, offset=offset, encoding=form, iconv=iconv)
    if form:
        return Problem.of(place, "file-no-text", name=name, byte=byte, offset=offset, form=form)
    return Problem.of(place, "file-not-utf8", name=name, byte=byte, offset=offset)
