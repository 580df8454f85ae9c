"""Decide how long a lease may last at most, even if the agent sends heartbeats.

Agents end an attempt that takes longer than its task's start_to_close. One that hangs, or whose clock is
off, may go on saying that it lives; its lease must end nevertheless, and late rather than early, since an
attempt that was only slow to fetch its inputs would be lost for nothing.
"""

from __future__ import annotations

import math

GRACE_SECONDS = 60.0
SLOW_LINK = 128 * 1024
"""Bytes a second that a volunteer's link is expected to carry at least: 1 Mbit/s."""


def longest_lease(start_to_close: float, transfers: int, leases: int, slots: int) -> float:
    """Return the seconds after which a lease is over.

    `transfers` counts the bytes that its attempt may have to fetch and send. `leases` were lent together to
    `slots` idle slots, so its attempt may have to wait for others.
    """
    in_a_row = math.ceil(leases / max(slots, 1))
    return in_a_row * start_to_close + transfers / SLOW_LINK + GRACE_SECONDS
