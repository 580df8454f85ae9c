"""Why a run or a task failed, in sentences whose values can be read back.

The text is what is kept: Prefect carries it as the message of a state, and people see it there. Since each sentence is
made from its template, `Reader` finds the template and the values again, and the console tells them in another
language; no second truth has to be stored beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    "subtasks-failed": "task '{task}': {failed} of {total} subtasks failed",
    "subtasks-failed-first": "task '{task}': {failed} of {total} subtasks failed; the first is {subtask}: {error}",
    "no-signal": "task '{task}': no signal '{signal}' came until {until}",
    "child-not-started": "task '{task}': workflow '{workflow}' cannot be run: {error}",
    "child-ended-error": "task '{task}': run {run} of workflow '{workflow}' is {status}: {error}",
    "child-ended": "task '{task}': run {run} of workflow '{workflow}' is {status}",
    "no-scalar": (
        "task '{task}': '{name}' stands inside longer text at {place} and is {given}; "
        "there only text, numbers, true, false and null can be filled in"
    ),
    "same-key": "task '{task}': two keys at {place} become '{name}' when their placeholders are filled",
    "too-many-items": "task '{task}': its {place} comes to {given} items, and at most {name} are allowed",
    "task-error": "task '{task}': {type}: {error}",
}
"""The more special ones first: a text is of the first that fits."""
_NUMBER = r"\d+"
_SHAPES = {
    "task": r"[a-z0-9_-]+",
    "failed": _NUMBER,
    "total": _NUMBER,
    "count": _NUMBER,
    "run": r"\S+",
    "subtask": r"\S+",
    "status": r"[A-Z]+",
    "type": r"\w+",
}


_STDERR_CHARACTERS = 1000


def subtasks_failed(task: str, failed: int, total: int, first: Mapping[str, str] | None) -> str:
    """Return the sentence that `failed` of a task's `total` subtasks failed; `first` is one of them with its error."""
    counts: dict[str, str | int] = {"task": task, "failed": failed, "total": total}
    if first is None:
        return ending("subtasks-failed", **counts)
    stderr = f"\n{first['stderr'][-_STDERR_CHARACTERS:].rstrip()}" if first["stderr"] else ""
    error = f"{first['type']}: {first['message']}{stderr}"
    return ending("subtasks-failed-first", **counts, subtask=first["subtask_id"], error=error)


def ending(code: str, **values: str | int) -> str:
    """Return the sentence of `code`."""
    return SENTENCES[code].format_map(values)


class Reader:
    """Reads texts back that were made from one of `sentences`, by code."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self._patterns = [(code, re.compile(_pattern(says), re.DOTALL)) for code, says in sentences.items()]

    def read(self, text: str) -> tuple[str, dict[str, str | int]] | None:
        """Return the code and the values of a sentence, None where it is somebody else's."""
        for code, pattern in self._patterns:
            if found := pattern.fullmatch(text):
                return code, {name: _value(name, value) for name, value in found.groupdict().items()}
        return None


def _pattern(says: str) -> str:
    parts = re.split(r"\{(\w+)\}", says)
    return "".join(
        f"(?P<{part}>{_SHAPES.get(part, '.+?')})" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )


def _value(name: str, text: str) -> str | int:
    return int(text) if _SHAPES.get(name) == _NUMBER else text
