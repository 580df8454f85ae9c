"""Queue the subtasks that a flow has made of a task."""

from __future__ import annotations

import json
from collections.abc import Set

from njangi_flows.protocol import BatchesRequest, SubtaskRequest

from api.clock import utc_now
from api.http.errors import MissingFilesError
from api.services import Services
from storage.runs.tasks import TaskStatus, TaskUpdate
from storage.subtasks.models import NewBatch, NewSubtask, TaskKey


async def queue(app: Services, run_id: str, task: str, body: BatchesRequest, token: str) -> None:
    """Queue subtasks of a task under the run lease `token`.

    Raises NotFoundError, QuotaExceededError, RunLeaseLostError, MissingFilesError.
    """
    blobs = {subtask.parameters_blob for batch in body.batches for subtask in batch.subtasks if subtask.parameters_blob}
    await check_stored(app, blobs)
    run = await app.stores.runs.outline(run_id)
    if not run.cancel_requested:
        await app.quotas.may_queue(run.owner)
    definition = body.definition
    if definition is None:
        definition = dict((await app.stores.tasks.get(f"{run_id}/{task}")).definition or {})
    key = TaskKey(
        run_id=run_id,
        workflow_id=run.workflow_id,
        name=task,
        priority=run.priority,
        cpu=float(definition.get("cpu", 1.0)),
        memory=int(definition.get("memory", 0)),
        storage=int(definition.get("storage", 0)),
        schedule_to_start=definition.get("schedule_to_start"),
        schedule_to_close=definition.get("schedule_to_close"),
    )
    batches = [NewBatch(batch.index, [_subtask(subtask) for subtask in batch.subtasks]) for batch in body.batches]
    begin = TaskUpdate(TaskStatus.SPLITTING, body.definition, body.plan) if body.definition is not None else None
    await app.stores.splitting.put(key, batches, begin=begin, last=body.last, token=token, now=utc_now())


async def check_stored(app: Services, blobs: Set[str]) -> None:
    """Keep blobs that are about to be referred to for a while more. Raises MissingFilesError unless all are stored."""
    missing = await app.stores.blobs.touch(blobs, by=None, now=utc_now()) if blobs else None
    if missing:
        raise MissingFilesError(sorted(missing))


def _subtask(body: SubtaskRequest) -> NewSubtask:
    if body.parameters_blob:
        return NewSubtask(body.index, None, body.parameters_blob)
    return NewSubtask(body.index, json.dumps(body.parameters or {}, separators=(",", ":")))
