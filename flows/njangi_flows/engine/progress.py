"""Show a task's progress in Prefect's UI, rarely enough to cost next to nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

log = logging.getLogger(__name__)

SECONDS_WITHOUT = 1.0
"""What takes less needs no progress bar: making one costs Prefect's server as much as the work itself."""
SECONDS_BETWEEN_UPDATES = 2.0
LAST_UPDATE_SECONDS = 2.0


class Progress:
    """Counts the subtasks of a task that are done."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._changed = asyncio.Event()

    def advance(self, subtasks: int) -> None:
        self._done += subtasks
        self._changed.set()

    @property
    def percentage(self) -> float:
        return 100.0 * self._done / self._total if self._total else 100.0

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()


@asynccontextmanager
async def shown_progress(flow_run_id: UUID, task: str, total: int) -> AsyncIterator[Progress]:
    """Keep a progress artifact of the flow run up to date while the block runs; one subtask is done or not.

    That Prefect cannot be told now is no reason for the run to fail.
    """
    progress = Progress(total)
    if total <= 1:
        yield progress
        return
    showing = asyncio.create_task(_show(flow_run_id, task, progress))
    try:
        yield progress
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


async def _show(flow_run_id: UUID, task: str, progress: Progress) -> None:
    await asyncio.sleep(SECONDS_WITHOUT)
    shown = 0.0
    try:
        async with get_client() as prefect:
            artifact = await prefect.create_artifact(
                ArtifactCreate(type="progress", data=shown, description=task, flow_run_id=flow_run_id)
            )
            try:
                while shown < 100.0:
                    await progress.changed()
                    shown = await _update(prefect, artifact.id, progress)
                    await asyncio.sleep(SECONDS_BETWEEN_UPDATES)
            finally:
                if shown != progress.percentage:
                    async with asyncio.timeout(LAST_UPDATE_SECONDS):
                        await _update(prefect, artifact.id, progress)
    except (httpx.HTTPError, TimeoutError) as error:
        log.warning("progress could not be shown in Prefect", extra={"task": task, "reason": repr(error)})


async def _update(prefect: PrefectClient, artifact_id: UUID, progress: Progress) -> float:
    percentage = progress.percentage
    await prefect.update_artifact(artifact_id, ArtifactUpdate(data=percentage))
    return percentage
