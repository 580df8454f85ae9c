"""Subtasks and attempts as callers see them, without lease tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from pydantic import BaseModel

from storage.subtasks.models import Attempt, Subtask, SubtaskStatus


class WroteView(BaseModel):
    """`stdout`, `stderr`: the last 64 KiB, as text; bytes that are no UTF-8 are shown as U+FFFD, NUL as U+2400.

    `stdout_bytes` and `stderr_bytes` count all that was written: what is missing at the beginning was not kept. A text
    is null if it is not here. `stdout_is_result`: standard output is the result and kept as that. Bytes that are null
    too: the attempt never told how it ended. Else the text is long: ask for its subtask alone.
    """

    stdout: str | None
    stderr: str | None
    stdout_bytes: int | None
    stderr_bytes: int | None
    stdout_is_result: bool


class AttemptView(WroteView):
    volunteer_id: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    error: Mapping[str, str] | None


class SubtaskView(BaseModel):
    """`result` is JSON text; `progress` is 0..1."""

    id: str
    run_id: str
    task: str
    index: int
    batch: str
    status: SubtaskStatus
    attempt: int
    assigned_to: str | None
    attempts: list[AttemptView]
    error: Mapping[str, str] | None
    result: str | None
    blob: str | None
    updated_at: datetime
    progress: float


class SubtaskPage(BaseModel):
    subtasks: list[SubtaskView]
    next_page_token: str | None


def subtask_view(subtask: Subtask) -> SubtaskView:
    fields = asdict(replace(subtask, attempts=()))
    return SubtaskView.model_validate(fields | {"attempts": [_attempt_view(item) for item in subtask.attempts]})


def _attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        volunteer_id=attempt.volunteer_id,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        outcome=attempt.outcome,
        error=attempt.error,
        **asdict(attempt.wrote),
    )
