"""Decide which state a task gets that was open when its run ended."""

from __future__ import annotations

from storage.runs.models import RunStatus
from storage.runs.parts import Parts
from storage.runs.tasks import TaskStatus


def last_status(status: TaskStatus, parts: Parts, run: RunStatus, *, own_flow: bool) -> TaskStatus:
    """Return the last status of a task that was in `status` when the run ended in `run`.

    Of a workflow's task the flow tells the end, so an open one did not come to it. Of the tasks of an engineer's own
    flow nobody tells it: there the calls do. What failed of them in a flow that completed, that flow tolerated.
    """
    if own_flow and parts.total:
        if parts.failed and run is not RunStatus.COMPLETED and not (parts.cancelled and run is RunStatus.CANCELLED):
            return TaskStatus.FAILED
        return TaskStatus.CANCELLED if parts.cancelled else TaskStatus.COMPLETED
    if status is TaskStatus.PENDING and run is not RunStatus.CANCELLED:
        return TaskStatus.SKIPPED
    return TaskStatus.CANCELLED
