"""Decide what to do with a run that nobody carries: its flow's process is gone, or never took it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_RECOVERIES = 10
"""How many times in a row a run's flow worker may be lost without progress before the run FAILS with the reason."""
QUIET = timedelta(hours=6)
"""A run that went on for so long kills no workers: it may sleep, on a machine whose power fails every night."""
PENDING_SECONDS = 30.0
"""How long a flow run may be PENDING: a worker takes seconds, so after that it has lost it."""

FIRST_CRASH_SECONDS = 5.0
LONGEST_CRASH_SECONDS = 600.0
"""How long a crashed flow run of an engineer rests before it is scheduled again: twice as long each time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run was at a moment. `progress` counts its accepted subtasks and its completed tasks."""

    progress: int
    at: datetime


def is_lost(state: str, seconds: float, *, prepares: bool = False) -> bool:
    """Whether a run without a holder, whose flow run has been in `state` for `seconds`, needs another flow worker.

    `state` is Prefect's state type. Of all others Prefect will have them run, or has ended them. An engineer's flow
    that `prepares` has not asked for its run since it was scheduled: it may be at its own code for as long as it likes,
    and Prefect notices when its process is gone.
    """
    left = state == "CRASHED" or (state == "RUNNING" and not prepares)
    return left or (state == "PENDING" and seconds > PENDING_SECONDS)


def in_a_row(recoveries: int, last: Standing | None, now: Standing) -> int:
    """Return how many of a run's `recoveries` count: none if it progressed since the last one, or long went on."""
    moved = last is None or now.progress > last.progress or now.at - last.at >= QUIET
    return 0 if moved else recoveries


GIVEN_UP = (
    "the run was given up: its flow worker was lost {count} times in a row, and between them no subtask was accepted"
    " and no task completed"
)
"""Why such a run has failed."""


def is_given_up(recoveries: int) -> bool:
    """Whether a run is scheduled no more after so many recoveries in a row."""
    return recoveries >= MOST_RECOVERIES


def crash_is_retried(seconds: float, crashes: int) -> bool:
    """Whether to schedule a flow run again, `seconds` after its crash, when `crashes` were answered so before."""
    return crashes < MOST_RECOVERIES and seconds >= min(FIRST_CRASH_SECONDS * 2**crashes, LONGEST_CRASH_SECONDS)
