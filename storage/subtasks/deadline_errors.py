"""The errors of subtasks whose time is over."""

from __future__ import annotations

from storage.database import Document

START_TIMED_OUT = "ScheduleToStartTimedOut"
CLOSE_TIMED_OUT = "ScheduleToCloseTimedOut"
TOO_LATE = [START_TIMED_OUT, CLOSE_TIMED_OUT]
_SIZES = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def not_begun(batch: Document) -> Document:
    """Return the error of subtasks that waited too long, with what they ask for: it may be more than there is."""
    limit = f"no attempt began within {batch['schedule_to_start']:g} seconds of waiting (schedule_to_start)"
    wants = batch["required_resources"]
    asks = f"{wants['cpu']:g} cores, {_size(wants['memory'])} of memory and {_size(wants['storage'])} of storage"
    return _error(START_TIMED_OUT, f"{limit}; it asks for a machine with {asks}")


def not_ended(batch: Document) -> Document:
    """Return the error of subtasks that had not ended in time."""
    limit = f"it had not ended {batch['schedule_to_close']:g} seconds after it was first queued"
    return _error(CLOSE_TIMED_OUT, f"{limit} (schedule_to_close)")


def _error(type_: str, message: str) -> Document:
    return {"type": type_, "message": message, "stderr": ""}


def _size(size: int) -> str:
    unit, divisor = next(((unit, divisor) for unit, divisor in _SIZES if size >= divisor), ("bytes", 1))
    return f"{size / divisor:.4g} {unit}"
