from __future__ import annotations

import json
import math

import pytest
from njangi_agent.decisions import Snapshot, SyncKind, backoff, bundle_size, fitting, fitting_notes, next_turn, wish
from njangi_agent.output_tails import Written
from njangi_agent.protocol import (
    LONGEST_SILENCE,
    MAX_REPORTS_PER_SYNC,
    MAX_SYNC_BYTES,
    OUTPUT_TAIL_BYTES,
    Held,
    Lease,
    Outcome,
    Report,
    SyncAnswer,
    SyncRequest,
    to_json,
)
from njangi_agent.work_state import WorkState


def now(**changes: object) -> Snapshot:
    return Snapshot(**{"now": 100.0, "slots": 4, "idle": 0, "queued": 0, "held": 4, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("snapshot", "wanted"),
    [
        (now(idle=4, held=0), 4),
        (now(idle=3, queued=1), 2),
        (now(idle=2, queued=5), 0),
        (now(attempt_seconds=None), 0),
        (now(attempt_seconds=600.0), 0),
        (now(attempt_seconds=0.001, queued=10), 4),
        (now(attempt_seconds=0.001, queued=300), 0),
        (now(attempt_seconds=0.2, queued=8), 0),
    ],
    ids=[
        "all idle",
        "queued work counts for idle slots",
        "enough queued",
        "unknown work is not fetched ahead",
        "long work is not fetched ahead",
        "short work is",
        "but not without bound",
        "a quarter second of it is enough",
    ],
)
def test_the_wish(snapshot: Snapshot, wanted: int) -> None:
    assert wish(snapshot) == wanted


@pytest.mark.parametrize(
    ("snapshot", "turn", "look_again"),
    [
        (now(idle=4, held=0), SyncKind.POLL, math.inf),
        (now(idle=4, held=0, poll_under_way=True), SyncKind.NONE, math.inf),
        (now(idle=4, held=0, poll_after=101.0), SyncKind.NONE, 101.0),
        (now(idle=1, news=True, poll_under_way=True), SyncKind.NEWS, math.inf),
        (now(idle=1, news=True, news_under_way=True), SyncKind.NONE, math.inf),
        (now(news=True, quiet_until=103.0), SyncKind.NONE, 103.0),
        (now(beat_due=99.0), SyncKind.NEWS, math.inf),
        (now(beat_due=104.0), SyncKind.NONE, 104.0),
        (now(beat_due=99.0, held=0, idle=4), SyncKind.POLL, math.inf),
    ],
    ids=[
        "idle",
        "one poll at a time",
        "patience asked for",
        "news overtakes a poll",
        "one report sync at a time",
        "service unavailable",
        "beat due",
        "beat later",
        "nothing held, nothing to beat for",
    ],
)
def test_the_next_turn(snapshot: Snapshot, turn: SyncKind, look_again: float) -> None:
    decision = next_turn(snapshot)
    assert (decision.turn, decision.look_again) == (turn, look_again)


def test_a_poll_ends_in_time_for_the_next_beat() -> None:
    assert next_turn(now(idle=1, beat_due=107.0)).wait == 7.0
    assert next_turn(now(idle=4, held=0)).wait == 55.0


@pytest.mark.parametrize(
    ("queued", "slots", "seconds", "size"),
    [(1, 4, None, 1), (40, 2, None, 20), (10, 4, 0.001, 3), (100, 2, 0.25, 4), (100, 2, 60.0, 1), (100, 1, 0.0, 20)],
)
def test_a_bundle_is_a_fair_share_and_short(queued: int, slots: int, seconds: float | None, size: int) -> None:
    assert bundle_size(queued, slots, seconds) == size


@pytest.mark.parametrize("failures", [0, 1, 5, 50, 5000])
def test_the_backoff_is_between_nothing_and_a_minute(failures: int) -> None:
    assert backoff(failures, 0.0) == 0.0
    assert backoff(failures, 0.999) <= 60.0
    assert backoff(failures, 0.5, retry_after=90.0) == 90.0


def test_the_backoff_doubles_up_to_a_minute() -> None:
    assert [backoff(failures, 1.0) for failures in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_what_fits_into_a_sync_is_bounded_by_count_and_by_size() -> None:
    small = Report("s", "t", Outcome.RETURNED, result="1")
    large = Report("s", "t", Outcome.RETURNED, result="x" * 60_000)
    assert fitting([small] * 3000) == MAX_REPORTS_PER_SYNC
    assert 1 < fitting([large] * 1000) < 100
    assert fitting([large], most=1) == 1
    assert fitting([]) == 0
    written = Written("a" * OUTPUT_TAIL_BYTES, "\0" * OUTPUT_TAIL_BYTES)
    chatty = [Report("s", "t", Outcome.FAILED, **vars(written))] * 1000
    sent = chatty[: fitting(chatty)]
    assert 1 < len(sent) < 100
    assert len(json.dumps(to_json(SyncRequest(slots=1, reports=sent)))) < MAX_SYNC_BYTES


def test_what_attempts_tell_is_bounded_beside_the_reports_of_a_sync() -> None:
    large = [Held(f"s{number}", "t", details="x" * 60_000) for number in range(1000)]
    assert 1 < len(fitting_notes(large)) < 100
    assert fitting_notes(large[:1]) == large[:1]
    blobs = [Held("s", "t", details_blob="0" * 64)] * 1000
    assert len(fitting_notes(blobs)) == 1000
    assert fitting_notes([]) == []


@pytest.mark.parametrize(("seconds", "beat"), [(3.0, 1.0), (30.0, 10.0), (86_400.0, LONGEST_SILENCE)])
def test_an_agent_with_leases_says_that_it_is_there_however_long_they_last(seconds: float, beat: float) -> None:
    desk = WorkState()
    desk.take(SyncAnswer(leases=[Lease("r/t/0", "r/t", "token", 1, seconds)]))
    assert desk.beat_seconds() == beat
