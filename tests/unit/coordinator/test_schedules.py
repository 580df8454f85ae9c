"""When a schedule is due, across changes of the clock, and what its overlap policy makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.decisions.schedules import (
    Overlap,
    ScheduleTiming,
    TimingError,
    check_cron,
    due,
    next_time,
    settle,
    times_after,
    times_between,
    zone,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "expected"),
    [
        pytest.param("0 6 * * *", "Africa/Douala", "2026-06-01T05:00", ["2026-06-02T05:00"], id="strictly later"),
        pytest.param("0 6 * * MON-FRI", "UTC", "2026-06-05T06:00", ["2026-06-08T06:00"], id="no week-end"),
        pytest.param("0 0 29 2 *", "UTC", "2026-06-01T00:00", ["2028-02-29T00:00"], id="a leap day"),
        pytest.param("*/20 * * * * *", "UTC", "2026-06-01T00:00:50", ["2026-06-01T00:01"], id="with seconds"),
        # Berlin, 29 March 2026: 02:00 becomes 03:00. 25 October: 03:00 becomes 02:00.
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"], id="left out"
        ),
        pytest.param(
            "0,30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00",
            ["2026-03-29T01:00", "2026-03-30T00:00"],
            id="two left-out times are one",
        ),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"], id="repeated"
        ),
        pytest.param(
            "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10", ["2026-10-26T01:30"], id="in the second of two hours"
        ),
        pytest.param(
            "0 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:30",
            ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"],
            id="each hour, the repeated one too",
        ),
        pytest.param(
            "0 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00",
            ["2026-03-29T01:00", "2026-03-29T02:00"],
            id="each hour, none is left out",
        ),
        pytest.param(
            "0 0 * * *", "Africa/Cairo", "2026-04-23T00:00", ["2026-04-23T22:00", "2026-04-24T21:00"], id="no midnight"
        ),
    ],
)
def test_cron_goes_by_the_local_clock(cron: str, timezone: str, after: str, expected: list[str]) -> None:
    timing = ScheduleTiming(check_cron(cron), None, timezone)
    assert list(islice(times_after(timing, utc(after)), len(expected))) == [utc(text) for text in expected]


@pytest.mark.parametrize(
    ("interval", "start", "after", "expected"),
    [
        pytest.param(HOUR, None, "2026-06-01T12:20", "2026-06-01T13:00", id="counted from 1970"),
        pytest.param(HOUR, "2026-06-01T12:05", "2026-06-01T12:20", "2026-06-01T13:05", id="counted from the start"),
        pytest.param(HOUR, "2026-06-01T12:05", "2026-05-01T12:20", "2026-06-01T12:05", id="the start is the first"),
        pytest.param(HOUR, "2026-06-01T12:05", "2026-06-01T12:05", "2026-06-01T13:05", id="strictly later"),
    ],
)
def test_an_interval_is_elapsed_time(interval: timedelta, start: str | None, after: str, expected: str) -> None:
    timing = ScheduleTiming(None, interval, start_at=utc(start) if start else None)
    assert next_time(timing, utc(after)) == utc(expected)


def test_nothing_is_due_before_the_start_nor_from_the_end_on() -> None:
    timing = ScheduleTiming("0 * * * *", None, start_at=NOON, end_at=NOON + 2 * HOUR)
    assert list(times_after(timing, NOON - 10 * HOUR)) == [NOON, NOON + HOUR]
    assert next_time(timing, NOON + HOUR) is None


def test_a_range_of_the_past_holds_its_first_time_but_not_its_end() -> None:
    timing = ScheduleTiming(None, HOUR, start_at=NOON)
    first = NOON - 3 * HOUR
    assert list(times_between(timing, first, NOON)) == [first, first + HOUR, first + 2 * HOUR]


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "0 0 30 2 *", "@hourly", "a b c d e", "* " * 200])
def test_what_is_no_cron_expression_is_refused(text: str) -> None:
    with pytest.raises(TimingError):
        check_cron(text)


@given(st.text("0123456789*/-,#LWMON? ", max_size=30) | st.text(max_size=30))
def test_whatever_is_written_is_a_cron_expression_or_told_to_be_none(text: str) -> None:
    try:
        check_cron(text)
    except TimingError as error:
        assert "cron" in str(error) or "never due" in str(error)
    else:
        assert next_time(ScheduleTiming(text, None, "Europe/Berlin"), NOON) is not None


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "", "Africa", "x" * 5000, "a\0b"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(TimingError, match="time zone"):
        zone(name)


@pytest.mark.parametrize(
    ("minutes_late", "window", "times", "missed", "next_at"),
    [
        pytest.param(0, 10, [0], False, 5, id="in time"),
        pytest.param(-1, 10, [], False, 0, id="not yet"),
        pytest.param(7, 10, [0, 5], False, 10, id="caught up on"),
        pytest.param(10, 10, [0, 5, 10], False, 15, id="as old as the window"),
        pytest.param(11, 10, [5, 10], True, 15, id="older than the window"),
        pytest.param(12, 0, [], True, 15, id="no window, and late"),
        pytest.param(90, 100, [0, 5, 10, 15], False, 20, id="more than one turn takes"),
        pytest.param(60 * 24 * 365, 10, [-10, -5, 0], True, 5, id="a year away costs no more"),
    ],
)
def test_what_was_missed_is_caught_up_on_within_the_window(
    minutes_late: int, window: int, times: list[int], missed: bool, next_at: int
) -> None:
    now = NOON + minutes_late * MINUTE
    found = due(ScheduleTiming("*/5 * * * *", None), NOON, now=now, catch_up=window * MINUTE, most=4)
    base = now if minutes_late > 1000 else NOON
    assert found.times == [base + at * MINUTE for at in times]
    assert found.next_at == base + next_at * MINUTE
    assert found.missed == ((NOON, now - window * MINUTE) if missed else None)


@pytest.mark.parametrize(
    ("overlap", "going_on", "waiting", "items", "start", "waits", "skipped", "cancel"),
    [
        pytest.param(Overlap.SKIP, False, None, "ab", "a", None, "b", False, id="skip: the first of two"),
        pytest.param(Overlap.SKIP, True, None, "ab", "", None, "ab", False, id="skip: one goes on"),
        pytest.param(Overlap.QUEUE, False, None, "abc", "a", "b", "c", False, id="queue: one starts, one waits"),
        pytest.param(Overlap.QUEUE, True, "w", "ab", "", "w", "ab", False, id="queue: at most one waits"),
        pytest.param(Overlap.QUEUE, False, "w", "a", "w", "a", "", False, id="queue: its turn has come"),
        pytest.param(Overlap.QUEUE, False, "w", "", "w", None, "", False, id="queue: nothing new"),
        pytest.param(Overlap.CANCEL_OLD, True, None, "ab", "", "b", "a", True, id="cancel: only the last waits"),
        pytest.param(Overlap.CANCEL_OLD, True, "w", "a", "", "a", "w", True, id="cancel: a later one waits instead"),
        pytest.param(Overlap.CANCEL_OLD, True, "w", "", "", "w", "", True, id="cancel: it has not ended yet"),
        pytest.param(Overlap.CANCEL_OLD, False, "w", "", "w", None, "", False, id="cancel: it has ended"),
        pytest.param(Overlap.CANCEL_OLD, True, None, "", "", None, "", False, id="cancel: nothing due"),
        pytest.param(Overlap.CANCEL_OLD, False, None, "a", "a", None, "", False, id="cancel: nothing to cancel"),
        pytest.param(Overlap.ALLOW, True, None, "ab", "ab", None, "", False, id="allow: all"),
        pytest.param(Overlap.SKIP, False, "w", "a", "w", None, "a", False, id="skip, after it was queue"),
        pytest.param(Overlap.SKIP, True, "w", "a", "", "w", "a", False, id="skip: what waits goes on waiting"),
    ],
)
def test_the_overlap_policy(
    overlap: Overlap,
    going_on: bool,
    waiting: str | None,
    items: str,
    start: str,
    waits: str | None,
    skipped: str,
    cancel: bool,
) -> None:
    settled = settle(overlap, list(items), waiting, going_on=going_on)
    assert "".join(settled.start) == start
    assert settled.waiting == waits
    assert "".join(item for item, _ in settled.skipped) == skipped
    assert settled.cancel_old is cancel


CRONS = st.sampled_from(
    ["30 2 * * *", "*/15 * * * *", "0 0 * * *", "0,30 1-3 * * *", "*/7 2 * * *", "15 */2 * * SUN", "5 3 25-31 * *"]
)
ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "America/Havana",
        "Asia/Kolkata",
    ]
)
MOMENTS = st.integers(0, 4 * 365 * 86400).map(lambda seconds: utc("2024-01-01") + timedelta(seconds=seconds))
INTERVALS = st.integers(1, 10**7).map(lambda seconds: timedelta(seconds=seconds))
TIMINGS = st.one_of(
    st.builds(ScheduleTiming, CRONS, st.none(), ZONES),
    st.builds(ScheduleTiming, st.none(), INTERVALS, start_at=st.none() | MOMENTS),
)


@given(TIMINGS, MOMENTS)
def test_times_rise_and_none_is_left_out_wherever_one_begins_to_look(timing: ScheduleTiming, after: datetime) -> None:
    times = list(islice(times_after(timing, after), 8))
    assert all(early < late for early, late in pairwise(times))
    assert times[0] > after
    for at, following in pairwise(times):
        between = at + (following - at) / 2
        assert next_time(timing, between) == following
        assert next_time(timing, following - timedelta(microseconds=1)) == following


@given(CRONS, ZONES, MOMENTS)
def test_a_time_is_one_that_the_expression_names_unless_the_clock_left_it_out(
    cron: str, timezone: str, after: datetime
) -> None:
    at = next_time(ScheduleTiming(cron, None, timezone), after)
    assert at is not None
    local = at.astimezone(ZoneInfo(timezone))
    before = (at - timedelta(seconds=1)).astimezone(ZoneInfo(timezone))
    if local.utcoffset() == before.utcoffset():  # no change of the clock at that moment
        minutes, hours = cron.split()[:2]
        assert _named(local.minute, minutes) and _named(local.hour, hours)


def _named(value: int, field: str) -> bool:
    def part(text: str) -> Sequence[int]:
        span, _, step = text.partition("/")
        first, _, last = span.partition("-")
        return range(60)[:: int(step or 1)] if span == "*" else range(int(first), int(last or first) + 1)

    return any(value in part(text) for text in field.split(","))


@given(TIMINGS, MOMENTS, st.lists(st.integers(0, 10**6), min_size=1, max_size=6), st.integers(1, 5))
def test_however_often_it_is_looked_at_every_time_is_taken_once(
    timing: ScheduleTiming, begin: datetime, pauses: list[int], most: int
) -> None:
    """With a window as long as all pauses, what turns take together is what lies between begin and end."""
    now, next_at = begin, next_time(timing, begin)
    taken: list[datetime] = []
    for seconds in pauses:
        now += timedelta(seconds=seconds)
        for _ in range(3):
            found = due(timing, next_at, now=now, catch_up=timedelta(days=400), most=most)
            taken += found.times
            next_at = found.next_at
    expected = list(islice((at for at in times_after(timing, begin)), len(taken)))
    assert taken == expected
    assert all(at <= now for at in taken)
    assert next_at is None or next_at == next_time(timing, taken[-1] if taken else begin)


@given(
    st.sampled_from(Overlap),
    st.lists(st.integers(), unique=True, max_size=5),
    st.none() | st.just(-1),
    st.booleans(),
)
def test_a_policy_loses_nothing_and_decides_each_once(
    overlap: Overlap, items: list[int], waiting: int | None, going_on: bool
) -> None:
    items = [item for item in items if item != -1]
    settled = settle(overlap, items, waiting, going_on=going_on)
    out = [*settled.start, *(item for item, _ in settled.skipped)]
    out += [settled.waiting] if settled.waiting is not None else []
    assert sorted(out) == sorted([*items, *([waiting] if waiting is not None else [])])
    if overlap is not Overlap.ALLOW:
        assert len(settled.start) <= 1
        assert not (going_on and settled.start), "none beside another"
