"""Decide what to do with a run that nobody carries: its flow's process is gone, or never took it up."""

from __future__ import annotations

import enum

MOST_RECOVERIES = 10
"""How many times a run's flow worker may be lost before the run FAILS with the reason."""
PENDING_SECONDS = 30.0
"""How long a flow run may be PENDING: a worker takes seconds, so after that it has lost it."""

FIRST_CRASH_SECONDS = 5.0
LONGEST_CRASH_SECONDS = 600.0
"""How long a crashed flow run of an engineer rests before it is scheduled again: twice as long each time."""


class Recovery(enum.Enum):
    WAIT = "WAIT"  # Prefect will have it run, or has ended it
    RESCHEDULE = "RESCHEDULE"
    GIVE_UP = "GIVE_UP"


def recovery(state: str, seconds: float, recoveries: int) -> Recovery:
    """Return what to do with a run without a holder whose flow run has been in `state` for `seconds`.

    `state` is Prefect's state type; `recoveries` counts how often the run was rescheduled before.
    """
    stuck = state in ("RUNNING", "CRASHED") or (state == "PENDING" and seconds > PENDING_SECONDS)
    if not stuck:
        return Recovery.WAIT
    return Recovery.GIVE_UP if recoveries >= MOST_RECOVERIES else Recovery.RESCHEDULE


def crash_is_retried(seconds: float, crashes: int) -> bool:
    """Whether to schedule a flow run again, `seconds` after its crash, when `crashes` were answered so before."""
    return crashes < MOST_RECOVERIES and seconds >= min(FIRST_CRASH_SECONDS * 2**crashes, LONGEST_CRASH_SECONDS)
