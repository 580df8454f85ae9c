"""Decide what to do with a run that no flow worker executes: its process is gone, or never took it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_RECOVERIES = 10
"""How many times in a row a run's flow worker may be lost without progress before the run FAILS with the reason."""
QUIET = timedelta(hours=6)
"""A run that went on for so long kills no workers: it may sleep, on a machine whose power fails every night."""
UNCLAIMED_SECONDS = 10.0
"""How long a flow run may be PENDING or RUNNING without a word of a flow worker: three of its beats, a run lease."""
OWN_PENDING_SECONDS = 300.0
"""The same of an engineer's flow, whose worker is Prefect's own and says nothing: many may begin at once."""

FIRST_CRASH_SECONDS = 5.0
LONGEST_CRASH_SECONDS = 600.0
"""How long a crashed flow run of an engineer rests before it is scheduled again: twice as long each time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run was at a moment.

    `progress` counts its accepted subtasks and its completed tasks, `holds` how often flows have held it.
    """

    progress: int
    at: datetime
    holds: int = 0


def is_lost(state: str, seconds: float, *, own: bool = False, prepares: bool = False) -> bool:
    """Whether a run needs another flow worker whose flow run has been in `state` for `seconds`.

    It has no holder, and no flow worker that lives says that it has taken it up. `state` is Prefect's state type: in
    all others Prefect will have it run, or has ended it. An engineer's flow (its `own`) that `prepares` has not asked
    for its run since it was scheduled: it may be at its own code for as long as it likes, and Prefect notices when its
    process is gone.
    """
    if state == "RUNNING":
        return not prepares and seconds > UNCLAIMED_SECONDS
    return state == "CRASHED" or (state == "PENDING" and seconds > (OWN_PENDING_SECONDS if own else UNCLAIMED_SECONDS))


def cost_a_worker(state: str, last: Standing | None, now: Standing) -> bool:
    """Whether a run that is lost may have been the cause: it crashed, or a flow has held it since the `last` recovery.

    What no flow had held yet waited its turn, and says nothing against the run.
    """
    return state == "CRASHED" or now.holds > (last.holds if last is not None else 0)


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
