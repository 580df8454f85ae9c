"""What a run or a task failed with is read back from its text."""

from __future__ import annotations

import pytest
from njangi_flows.runs import endings
from njangi_flows.runs.endings import Reader, ending

READER = Reader(endings.SENTENCES)


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("subtasks-failed", {"task": "draw", "failed": 3, "total": 10}),
        (
            "subtasks-failed-first",
            {"task": "draw", "failed": 3, "total": 10, "subtask": "r1.draw.4", "error": "ValueError: no\n  stderr: 1"},
        ),
        ("no-signal", {"task": "ask", "signal": "go", "until": "2026-11-24 12:00:00 UTC"}),
        ("child-not-started", {"task": "next", "workflow": "it's mine", "error": "there is no workflow 'it's mine'"}),
        ("child-ended", {"task": "next", "run": "r2", "workflow": "mine", "status": "CANCELLED"}),
        (
            "child-ended-error",
            {
                "task": "next",
                "run": "r2",
                "workflow": "mine",
                "status": "FAILED",
                "error": "task 'a': run r3 of workflow 'b' is FAILED",
            },
        ),
        ("task-error", {"task": "sum", "type": "AggregateError", "error": "subtask 3 gave text: 7"}),
    ],
)
def test_a_sentence_is_read_back_as_it_was_made(code: str, values: dict[str, str | int]) -> None:
    assert READER.read(ending(code, **values)) == (code, values)


@pytest.mark.parametrize("text", ["", "Flow run crashed", "task draw failed", "task 'draw': 3 of ten subtasks failed"])
def test_what_somebody_else_said_is_not_read(text: str) -> None:
    assert READER.read(text) is None
