"""Results of tasks as callers get them: JSON, or the bytes that a command wrote."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from functools import partial

from fastapi import Request, Response

from api.http.archives import ArchiveEntry
from api.http.downloads import ASK_AGAIN, send_blob
from api.services import Services
from storage.errors import NotFoundError
from storage.runs.tasks import Task

JSON = "application/json"
BYTES = "application/octet-stream"


async def small_results(app: Services, run_id: str) -> str:
    """Return the JSON text {task: value} of the results that are kept inline, {task: {"blob": sha256}} of the others.

    Nothing is read: a result leaves to the digit as it was accepted, whatever it is. Of bytes that are kept as they
    are it tells the size and the media type besides.
    """
    tasks = await app.stores.tasks.of_run(run_id)
    sizes = await _sizes(app, tasks)
    fields = []
    for task in tasks:
        text = task.result
        if text is None and task.blob is not None:
            bytes_ = {"size": sizes.get(task.blob), "media_type": BYTES} if task.raw else {}
            text = json.dumps({"blob": task.blob, **bytes_})
        if text is not None:
            fields.append(f"{json.dumps(task.name)}:{text}")
    return f"{{{','.join(fields)}}}"


async def send_task_result(app: Services, request: Request, task: Task) -> Response:
    """Return a task's result, or the part of it that the request asks for. Raises NotFoundError."""
    return await _send(app, request, task.result, task.blob, f"{task.name}.bin" if task.raw else None, task.id)


async def send_subtask_result(app: Services, request: Request, task: Task, index: int) -> Response:
    """Return the result of one subtask of a task, or a part of it. Raises NotFoundError."""
    subtask = await app.stores.results.get(f"{task.id}/{index}")
    name = f"{task.name}-{index}.bin" if has_bytes(task) else None
    return await _send(app, request, subtask.result, subtask.blob, name, subtask.id)


async def entries(app: Services, run_id: str) -> AsyncIterator[ArchiveEntry]:
    """Yield the results of a run's completed tasks as files of an archive.

    They are `TASK.json` each, or `TASK.bin` where they are bytes. A list of bytes has `TASK/INDEX.bin` beside it.
    """
    tasks = await app.stores.tasks.of_run(run_id)
    sizes = await _sizes(app, tasks)
    for task in tasks:
        if task.result is not None:
            content = task.result.encode()
            yield ArchiveEntry(f"{task.name}.json", len(content), task.updated_at, partial(_whole, content))
        elif task.blob is not None and task.blob in sizes:
            name = f"{task.name}.bin" if task.raw else f"{task.name}.json"
            yield _entry(app, task, name, task.blob, sizes[task.blob])
        if has_bytes(task) and not task.raw:
            async for index, blob, size in _parts(app, task):
                yield _entry(app, task, f"{task.name}/{index}.bin", blob, size)


def has_bytes(task: Task) -> bool:
    """Whether the results of a task's subtasks are bytes."""
    return task.definition is not None and task.definition.get("parse") == "bytes"


async def _parts(app: Services, task: Task) -> AsyncIterator[tuple[int, str, int]]:
    """Yield index, blob and size of the subtasks' results that are in the list that the task's result is."""
    text = task.result
    if text is None and task.blob is not None:
        text = b"".join([piece async for piece in app.stores.blobs.read(task.blob)]).decode()
    parts = json.loads(text or "null")
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, Mapping):
            yield index, part["blob"], part["size"]


def _entry(app: Services, task: Task, name: str, blob: str, size: int) -> ArchiveEntry:
    return ArchiveEntry(name, size, task.updated_at, partial(app.stores.blobs.read, blob))


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _sizes(app: Services, tasks: list[Task]) -> dict[str, int]:
    blobs = {task.blob for task in tasks if task.blob is not None}
    return await app.stores.blobs.sizes(blobs) if blobs else {}


async def _send(
    app: Services, request: Request, text: str | None, blob: str | None, file: str | None, id_: str
) -> Response:
    if text is not None:
        return Response(text, media_type=JSON)
    if blob is None:
        raise NotFoundError("result of", id_)
    if file is None:
        return await send_blob(app.stores.blobs, request, blob, JSON, more=ASK_AGAIN)
    saved = {**ASK_AGAIN, "Content-Disposition": f'attachment; filename="{file}"'}
    return await send_blob(app.stores.blobs, request, blob, BYTES, more=saved)
