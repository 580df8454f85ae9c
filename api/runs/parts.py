"""Count the parts of a task for callers: its own subtasks, or those of its child run."""

from __future__ import annotations

from storage.runs.children import Child
from storage.runs.parts import Parts
from storage.runs.task_timings import TaskTiming
from storage.runs.tasks import ENDED, TaskStatus


def parts_of_task(status: TaskStatus, timing: TaskTiming | None, child: Child | None) -> Parts:
    """Return a task's parts. Before it has ended none has failed for good: it may be tried again."""
    if timing is not None:
        return Parts(timing.subtasks, timing.failed if status in ENDED else 0, timing.cancelled)
    return child.parts if child is not None and status in ENDED else Parts()
