"""What a run put out: all its results in one archive, and what its attempts wrote beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.archives import Entry, tarred, zipped
from api.dependencies import App, Reader
from api.services import Services
from api.subtask_views import WroteView
from storage.logs import Log

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class Kind(StrEnum):
    ZIP = "zip"
    TAR = "tar"


_WAYS = {Kind.ZIP: (zipped, "application/zip"), Kind.TAR: (tarred, "application/x-tar")}


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


@router.get("/{run_id}/archive")
async def archive(
    run_id: str, app: App, _: Reader, kind: Annotated[Kind, Query(alias="format")] = Kind.ZIP
) -> StreamingResponse:
    """Return the results of all completed tasks, `TASK.json` each, as one archive that is made while it is sent."""
    run = await app.stores.runs.get(run_id)
    pack, media_type = _WAYS[kind]
    disposition = {"Content-Disposition": f'attachment; filename="{run.id}.{kind}"'}
    return StreamingResponse(pack(_entries(app, run_id)), media_type=media_type, headers=disposition)


async def _entries(app: Services, run_id: str) -> AsyncIterator[Entry]:
    tasks = await app.stores.tasks.of_run(run_id)
    sizes = await app.stores.blobs.sizes({task.blob for task in tasks if task.blob is not None})
    for task in tasks:
        if task.result is not None:
            content = task.result.encode()
            yield Entry(f"{task.name}.json", len(content), task.updated_at, partial(_whole, content))
        elif task.blob is not None and task.blob in sizes:
            yield Entry(
                f"{task.name}.json", sizes[task.blob], task.updated_at, partial(app.stores.blobs.read, task.blob)
            )


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


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
