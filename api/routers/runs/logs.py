"""The output that the attempts of a task's subtasks wrote."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.dependencies import App, Reader
from api.runs.subtask_views import WroteView
from storage.subtasks.logs import Log

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class LogView(WroteView):
    """What one attempt wrote."""

    subtask_id: str
    task: str
    index: int
    attempt: int
    volunteer_id: str
    outcome: str
    started_at: datetime
    ended_at: datetime


class Logs(BaseModel):
    """`next`: give it as `after` to go on; null: that was all. A page may be empty and not the last one."""

    logs: list[LogView]
    next: int | None


@router.get("/{run_id}/logs")
async def logs(
    run_id: str,
    task: str,
    app: App,
    _: Reader,
    text: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[int, Query(ge=-1)] = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Logs:
    """Return what attempts at a task's subtasks wrote to standard output and standard error, in their order.

    With `text` only of those that wrote it. Left out is an attempt of which nothing is kept but its result.
    """
    _known, page = await asyncio.gather(
        app.stores.tasks.get(f"{run_id}/{task}"),
        app.stores.logs.page(run_id, task, after=after, limit=limit, text=text),
    )
    return Logs(logs=[_view(run_id, log) for log in page.logs], next=page.next)


def _view(run_id: str, log: Log) -> LogView:
    return LogView(
        subtask_id=f"{run_id}/{log.task}/{log.index}",
        task=log.task,
        index=log.index,
        attempt=log.number,
        volunteer_id=log.attempt.volunteer_id,
        outcome=log.attempt.outcome,
        started_at=log.attempt.started_at,
        ended_at=log.attempt.ended_at,
        **asdict(log.attempt.wrote),
    )
