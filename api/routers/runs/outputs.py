"""The results of a run: of each task, and all of them in one archive."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import JsonValue

from api.dependencies import App, Reader
from api.http.archives import tarred, zipped
from api.runs.results import entries, send_subtask_result, send_task_result, small_results

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class ArchiveKind(StrEnum):
    ZIP = "zip"
    TAR = "tar"


_WAYS = {ArchiveKind.ZIP: (zipped, "application/zip"), ArchiveKind.TAR: (tarred, "application/x-tar")}


@router.get("/{run_id}/results", response_model=dict[str, JsonValue])
async def results(run_id: str, app: App, _: Reader) -> Response:
    """Return the results of all completed tasks that are small enough to be inline; others name their blob."""
    await app.stores.runs.get(run_id)
    return Response(await small_results(app, run_id), media_type="application/json")


@router.get("/{run_id}/results/{task}")
async def task_result(run_id: str, task: str, request: Request, app: App, _: Reader) -> Response:
    """Return one task's result: as JSON, or the bytes that are kept under `parse: bytes`.

    A large one is streamed, or a part of it (Range).
    """
    return await send_task_result(app, request, await app.stores.tasks.get(f"{run_id}/{task}"))


@router.get("/{run_id}/results/{task}/{index}")
async def subtask_result(run_id: str, task: str, index: int, request: Request, app: App, _: Reader) -> Response:
    """Return the result of one subtask in the same way."""
    return await send_subtask_result(app, request, await app.stores.tasks.get(f"{run_id}/{task}"), index)


@router.get("/{run_id}/archive")
async def archive(
    run_id: str, app: App, _: Reader, kind: Annotated[ArchiveKind, Query(alias="format")] = ArchiveKind.ZIP
) -> StreamingResponse:
    """Return the results of all completed tasks as one archive that is made while it is sent.

    A result is `TASK.json`, or `TASK.bin` where it is bytes; a list of bytes has `TASK/INDEX.bin` beside it.
    """
    run = await app.stores.runs.get(run_id)
    pack, media_type = _WAYS[kind]
    disposition = {"Content-Disposition": f'attachment; filename="{run.id}.{kind}"'}
    return StreamingResponse(pack(entries(app, run_id)), media_type=media_type, headers=disposition)
