"""Decide what the agent does next: how much work to ask for, and when to sync.

Plain functions of a snapshot: no clock, no network, no chance but what is passed in.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Iterable, List, Optional, Sequence

from njangi_agent.protocol import MAX_REPORTS_PER_SYNC, MAX_SYNC_BYTES, Held, Report

LONGEST_POLL = 55.0
LONGEST_BUNDLE = 20
BUNDLE_SECONDS = 1.0
SHORT_WORK = 0.25  # an attempt quicker than this is worth fetching ahead
BACKLOG_SECONDS = 0.25  # work to have at hand in each slot when fetching ahead
BACKLOG_MOST = 64  # leases to have at hand in each slot
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 60.0
_REPORT_OVERHEAD = 1000
_SYNC_BYTES = MAX_SYNC_BYTES // 2
_NOTES_BYTES = MAX_SYNC_BYTES // 8


class SyncKind(enum.Enum):
    """What kind of sync to begin now."""

    NONE = "none"
    NEWS = "news"  # reports or a heartbeat: answered at once
    POLL = "poll"  # a wish only: the service may keep it until there is work


@dataclass(frozen=True)
class Snapshot:
    """All times in seconds on one monotonic clock. `attempt_seconds` is the recent mean, None if unknown."""

    now: float
    slots: int
    idle: int
    queued: int
    held: int
    attempt_seconds: Optional[float] = None
    news: bool = False  # there are reports to send now
    news_under_way: bool = False
    poll_under_way: bool = False
    beat_due: float = float("inf")
    quiet_until: float = 0.0  # the service was unavailable: nothing before then
    poll_after: float = 0.0  # the service asked for patience


@dataclass(frozen=True)
class Decision:
    """`wait` goes into the sync; `look_again` is when to decide anew if nothing happens."""

    turn: SyncKind
    wish: int
    wait: float
    look_again: float


def wish(now: Snapshot) -> int:
    """Return how many slots' worth of work to ask for.

    Idle slots without queued work count. Work that is short is fetched ahead, so that slots do not
    run dry during a round trip; long work is not, since another volunteer could begin it at once.
    """
    if now.queued < now.idle:
        return now.idle - now.queued
    if now.attempt_seconds is None or now.attempt_seconds > SHORT_WORK:
        return 0
    per_slot = now.queued / now.slots
    low = per_slot * now.attempt_seconds < BACKLOG_SECONDS and per_slot < BACKLOG_MOST
    return now.slots if low else 0


def next_turn(now: Snapshot) -> Decision:
    """Return which sync to begin now, if any. At most one of each kind is under way."""
    wanted = wish(now)
    if now.now < now.quiet_until:
        return Decision(SyncKind.NONE, wanted, 0.0, now.quiet_until)
    if now.news_under_way:
        return Decision(SyncKind.NONE, wanted, 0.0, float("inf"))
    if now.news or (now.held and now.now >= now.beat_due):
        return Decision(SyncKind.NEWS, wanted, 0.0, float("inf"))
    beat = now.beat_due if now.held else float("inf")
    if now.poll_under_way or wanted == 0:
        return Decision(SyncKind.NONE, wanted, 0.0, beat)
    if now.now < now.poll_after:
        return Decision(SyncKind.NONE, wanted, 0.0, min(beat, now.poll_after))
    return Decision(SyncKind.POLL, wanted, min(LONGEST_POLL, beat - now.now), beat)


def bundle_size(queued: int, slots: int, attempt_seconds: Optional[float]) -> int:
    """Return how many of a task's `queued` subtasks a slot takes at once: its share, at most a second of work."""
    share = -(-queued // max(1, slots))
    if attempt_seconds is None:
        return max(1, min(share, LONGEST_BUNDLE))
    return max(1, min(share, LONGEST_BUNDLE, int(BUNDLE_SECONDS / max(attempt_seconds, 1e-6))))


def fitting(reports: Sequence[Report], most: int = MAX_REPORTS_PER_SYNC) -> int:
    """Return how many of the reports, from the first on, fit into one sync; at least one."""
    size = count = 0
    for report in reports[:most]:
        error = report.error
        size += _REPORT_OVERHEAD + 2 * len(report.result or "")
        size += 6 * (len(report.stdout) + len(report.stderr) + (len(error.message) if error else 0))
        if count and size > _SYNC_BYTES:
            break
        count += 1
    return count


def fitting_notes(notes: Iterable[Held]) -> List[Held]:
    """Return those of `notes` that fit into one sync beside its reports, from the first on."""
    fit: List[Held] = []
    size = 0
    for item in notes:
        size += len(item.details or "")
        if fit and size > _NOTES_BYTES:
            break
        fit.append(item)
    return fit


def backoff(failures: int, chance: float, retry_after: float = 0.0) -> float:
    """Return how long to wait after `failures` in a row; `chance` is uniform in [0, 1) (full jitter)."""
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures, 20))
    return max(retry_after, chance * longest)


def smoothed(mean: Optional[float], seconds: float) -> float:
    """Return the recent mean after one more attempt of that length."""
    return seconds if mean is None else 0.8 * mean + 0.2 * seconds
