"""Subtasks and their attempts as callers see them: without the tokens under which they were lent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from pydantic import BaseModel

from storage.subtask_models import Subtask, SubtaskStatus


class AttemptView(BaseModel):
    """`stderr`: the last of what it wrote there."""

    volunteer_id: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    error: Mapping[str, str] | None
    stderr: str


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
    return SubtaskView.model_validate(asdict(subtask))
