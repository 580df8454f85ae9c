"""Decide when a schedule is due, and apply its overlap policy to the times that are due.

Times are aware and go out in UTC. A cron expression is read in the schedule's time zone as Debian's
cron reads it: a fixed local time that a change of the clock leaves out is due at the first minute
after the gap, one that happens twice is due the first time only; with `*` for the minute or the hour
real time counts, so a repeated hour is due twice and a left-out one not at all. An interval is
elapsed time, counted from the schedule's start or else from 1970-01-01T00:00:00Z, so every replica
finds the same times.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_CRON = 200
_MOMENT = timedelta(microseconds=1)

W = TypeVar("W")


class Overlap(enum.StrEnum):
    """What becomes of a due time while an earlier run of the schedule goes on."""

    SKIP = "skip"  # no run for it
    QUEUE = "queue"  # its run waits for the end of the others; at most one waits, later ones are skipped
    CANCEL_OLD = "cancel_old"  # the earlier runs are cancelled, its run starts when they have ended
    ALLOW = "allow"  # its run starts beside them, and is in nobody's way


class TimingError(ValueError):
    """A cron expression or a time zone that cannot be read."""


@dataclass(frozen=True, slots=True)
class ScheduleTiming:
    """When a schedule is due: by `cron` or by `interval`, from `start_at` (included) until `end_at` (excluded)."""

    cron: str | None
    interval: timedelta | None
    timezone: str = "UTC"
    start_at: datetime | None = None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    times: Sequence[datetime]
    missed: tuple[datetime, datetime] | None  # the first time that was missed, and that before which all were
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class OverlapDecision(Generic[W]):
    """What a policy decided of the times that were due; `skipped` says why."""

    start: Sequence[W]
    waiting: W | None
    skipped: Sequence[tuple[W, str]]
    cancel_old: bool


def check_cron(text: str) -> str:
    """Return the expression. Raises TimingError unless it is five fields, or six with the second first."""
    if len(text) > LONGEST_CRON:
        raise TimingError(f"must be a cron expression of at most {LONGEST_CRON} characters")
    try:
        if next(CronSim(text, EPOCH), None) is None:
            raise TimingError(f"'{text}' is never due")
    except CronSimError as error:
        raise TimingError(
            f"'{text}' is no cron expression ({error}); it takes five fields, such as '0 6 * * MON-FRI': "
            "minute, hour, day of month, month, day of week"
        ) from error
    return text


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name. Raises TimingError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise TimingError(f"there is no time zone '{name}'; it takes a name such as Africa/Douala or UTC") from error


def next_time(timing: ScheduleTiming, after: datetime) -> datetime | None:
    """Return the first time later than `after`, None if there is none. Raises TimingError."""
    if timing.start_at is not None:
        after = max(after, timing.start_at - _MOMENT)
    at = _next(timing, after)
    return None if at is None or (timing.end_at is not None and at >= timing.end_at) else at


def times_after(timing: ScheduleTiming, after: datetime) -> Iterator[datetime]:
    """Yield the times later than `after`."""
    at = next_time(timing, after)
    while at is not None:
        yield at
        at = next_time(timing, at)


def times_between(timing: ScheduleTiming, first: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the times from `first` (included) until `until` (excluded), whatever the schedule's own start and end."""
    at = _next(timing, first - _MOMENT)
    while at is not None and at < until:
        yield at
        at = _next(timing, at)


def due(timing: ScheduleTiming, next_at: datetime | None, *, now: datetime, catch_up: timedelta, most: int) -> Due:
    """Return at most `most` times that are due `now`, the earliest first.

    `next_at` is the first that nobody has looked at; what is older than `catch_up` was missed. A
    `next_at` of the answer that is not later than `now` means that there is more to take.
    """
    missed = None
    if next_at is not None and next_at < now - catch_up:
        missed = (next_at, now - catch_up)
        next_at = next_time(timing, now - catch_up - _MOMENT)
    times: list[datetime] = []
    while next_at is not None and next_at <= now and len(times) < most:
        times.append(next_at)
        next_at = next_time(timing, next_at)
    return Due(times, missed, next_at)


def settle(overlap: Overlap, items: Sequence[W], waiting: W | None, *, going_on: bool) -> OverlapDecision[W]:
    """Decide what is started of `items` (the earliest first) and of the one that waited, whatever policy let it.

    `going_on` says whether runs of the schedule do that were not started with ALLOW.
    """
    line = items if waiting is None else [waiting, *items]
    if overlap is Overlap.ALLOW:
        return OverlapDecision(line, None, [], cancel_old=False)
    if overlap is Overlap.CANCEL_OLD:
        skipped = [(item, "a later time was due as well") for item in line[:-1]]
        if going_on and line:
            return OverlapDecision([], line[-1], skipped, cancel_old=True)
        return OverlapDecision(line[-1:], None, skipped, cancel_old=False)
    start, rest = ([], line) if going_on else (line[:1], line[1:])
    if overlap is Overlap.QUEUE:
        full = [(item, "another time was waiting already") for item in rest[1:]]
        return OverlapDecision(start, rest[0] if rest else None, full, cancel_old=False)
    kept = waiting if going_on else None
    missed = items if going_on else rest
    return OverlapDecision(start, kept, [(item, "an earlier run was going on") for item in missed], cancel_old=False)


def _next(timing: ScheduleTiming, after: datetime) -> datetime | None:
    if timing.interval is not None:
        base = timing.start_at or EPOCH
        return base + ((after - base) // timing.interval + 1) * timing.interval
    try:
        # Where the clock is put back, a fixed time that has passed may come first.
        for at in CronSim(timing.cron or "", after.astimezone(zone(timing.timezone))):
            if at.astimezone(UTC) > after:
                return at.astimezone(UTC)
    except CronSimError as error:
        raise TimingError(f"'{timing.cron}' is no cron expression: {error}") from error
    return None
