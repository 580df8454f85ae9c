"""Decide what happens to a webhook's delivery after a try, and to a webhook whose receiver does not answer."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=6)
MOST_TRIES = 12
"""With pauses that grow threefold the last try comes about a day after the first."""
PATIENCE = timedelta(hours=20)
"""How long nothing may have arrived when the last try of a delivery fails, until the webhook is disabled."""
MOST_WAITING = 10_000
"""How many deliveries may wait for a receiver that does not answer."""
GONE = 410


class Fate(enum.StrEnum):
    DELIVERED = "DELIVERED"
    WAITING = "WAITING"
    FAILED = "FAILED"


def fate(status: int | None, tries: int) -> Fate:
    """Return what becomes of a delivery whose `tries`-th try was answered with an HTTP status, or not at all."""
    if status is not None and 200 <= status < 300:
        return Fate.DELIVERED
    return Fate.FAILED if tries >= MOST_TRIES or status == GONE else Fate.WAITING


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after the `tries`-th try."""
    growth: int = 3 ** min(tries - 1, 10)
    return min(LONGEST_PAUSE, FIRST_PAUSE * growth)


def reason_to_disable(
    status: int | None, outcome: Fate, failing_since: datetime, waiting: int, now: datetime
) -> str | None:
    """Return why a webhook gets nothing more after a try that failed; None: it goes on."""
    if status == GONE:
        return "the receiver answered 410 Gone"
    if outcome is Fate.FAILED and now - failing_since >= PATIENCE:
        return f"nothing was accepted since {failing_since:%Y-%m-%d %H:%M} UTC"
    if waiting > MOST_WAITING:
        return f"more than {MOST_WAITING} deliveries wait for a receiver that does not accept them"
    return None
