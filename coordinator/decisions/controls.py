"""Decide how our record of a run and Prefect's state of its flow run follow each other.

Either side may pause, resume or cancel a run. What Prefect says by itself is a request to us; what we have
set there bears our message and is none, however late we hear of it. States are Prefect's state types.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

_FINAL = ("COMPLETED", "FAILED", "CANCELLED")
RESUMING = "Resuming"
"""How Prefect names the state of a flow run that was resumed and waits for a worker."""


class Ask(enum.Enum):
    """What a state of Prefect's asks of a run."""

    PAUSE = "PAUSE"
    RESUME = "RESUME"
    CANCEL = "CANCEL"
    CLEAN_UP = "CLEAN_UP"  # Prefect has ended it, but its clean-up has not run
    TELL_PAUSE = "TELL_PAUSE"  # the run is paused and Prefect must hear so
    TELL_RESUME = "TELL_RESUME"


@dataclass(frozen=True, slots=True)
class Record:
    """What our record says of the run. `told_held`: Prefect knows of the pause, and that a flow held the run then."""

    paused: bool
    telling: bool  # Prefect has still to be told of the last change
    told_held: bool
    must_clean_up: bool
    cancelled: bool = False  # somebody has asked for its end


def asked(type_: str, name: str, ours: bool, record: Record) -> Ask | None:
    """Return what a state of Prefect's that is news asks of the run; `ours` says that we have set it.

    A paused run that shows as running may have been resumed in Prefect, or just been taken up by a worker. Resuming
    there leads to RUNNING only when we said that a flow held the run, and a flow is taken up only when none did.
    """
    if type_ == "CANCELLING":
        return Ask.CANCEL
    if type_ == "CANCELLED" or (record.cancelled and type_ in _FINAL):
        return Ask.CLEAN_UP if record.must_clean_up else None
    if type_ == "PAUSED":
        if ours:
            return None if record.paused or record.telling else Ask.TELL_RESUME
        return Ask.TELL_PAUSE if record.paused else Ask.PAUSE
    if not record.paused or type_ in (*_FINAL, "CRASHED"):
        return None
    if type_ == "SCHEDULED" and name == RESUMING and not ours:
        return Ask.RESUME
    if record.telling:
        return None
    return Ask.RESUME if type_ == "RUNNING" and record.told_held and not ours else Ask.TELL_PAUSE


@dataclass(frozen=True, slots=True)
class Move:
    """A state to set. Without `force` Prefect refuses it when the flow run has moved on meanwhile."""

    type: str
    name: str
    force: bool = True


LATER = Move("", "")
"""Nothing can be set now: the flow run is about to move."""


def telling(tell: str, type_: str, held: bool) -> Move | None:
    """Return the state to set in Prefect; None when it is as it should be, LATER when it is too early.

    `tell` is PAUSE, RESUME, REOPEN, FAIL, CANCEL or COMPLETE, `type_` the flow run's state now, `held` whether a flow
    carries the run.
    """
    match tell:
        case "PAUSE" if type_ in _FINAL:
            return None
        case "PAUSE" if type_ in ("PENDING", "CANCELLING"):
            return LATER
        case "PAUSE":
            return Move("PAUSED", "Paused", force=type_ != "RUNNING")
        case "RESUME" if type_ == "PAUSED" and held:
            return Move("RUNNING", "Running")
        case "RESUME" if type_ in ("PAUSED", "CRASHED", *_FINAL):  # an end that came before cleaning up
            return Move("SCHEDULED", RESUMING)
        case "REOPEN" if not held and type_ not in ("SCHEDULED", "PENDING"):
            return Move("SCHEDULED", "AwaitingRetry")
        case "FAIL" if type_ not in _FINAL:
            return Move("FAILED", "Failed")
        case "CANCEL" if type_ != "CANCELLED":
            return Move("CANCELLED", "Cancelled")
        case "COMPLETE" if type_ in ("FAILED", "CRASHED"):
            return Move("COMPLETED", "Completed")
    return None
