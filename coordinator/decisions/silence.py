"""Decide until when a volunteer may be silent before it counts as OFFLINE.

The service knows when the next sync of an agent is due: it parks idle agents, and one that holds leases beats. So an
agent that was killed is noticed soon, and one that is slow, or on a bad line, is not taken for one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from njangi_agent.protocol import LONGEST_SILENCE

PAUSE = 20.0
"""Seconds that a healthy agent on a bad line may let pass between the end of one sync and the next. Those that another
replica needs to write down what it heard are included."""
HUNG_UP = 15.0
"""Seconds in which an agent comes back whose connection ended while it waited for work."""


def due_idle(now: datetime, wait: float) -> datetime:
    """Return when an agent is overdue whose sync is parked for `wait` seconds, or has been answered (0)."""
    return now + timedelta(seconds=wait + PAUSE)


def due_busy(now: datetime, heartbeat: float) -> datetime:
    """Return when an agent is overdue that holds leases, the shortest of which lasts `heartbeat` seconds.

    It beats after a third of that, or sooner. Half as long again is allowed for, since it beats once more before
    its leases end.
    """
    beat = min(heartbeat / 3, LONGEST_SILENCE)
    return now + timedelta(seconds=max(PAUSE, 1.5 * beat + 5.0))


def due_hung_up(now: datetime) -> datetime:
    """Return when an agent is overdue that hung up while it waited for work."""
    return now + timedelta(seconds=HUNG_UP)
