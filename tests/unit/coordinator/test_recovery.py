"""What becomes of a run that nobody carries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coordinator.decisions.recovery import (
    MOST_RECOVERIES,
    QUIET,
    Standing,
    cost_a_worker,
    crash_is_retried,
    in_a_row,
    is_given_up,
    is_lost,
)
from tests.conftest import NOON


@pytest.mark.parametrize(
    ("state", "seconds", "expected"),
    [
        pytest.param("RUNNING", 60.0, True, id="its process is gone"),
        pytest.param("RUNNING", 1.0, False, id="its worker has not had the time to say so"),
        pytest.param("CRASHED", 1.0, True, id="Prefect has noticed too"),
        pytest.param("PENDING", 5.0, False, id="a worker is about to begin"),
        pytest.param("PENDING", 60.0, True, id="a worker took it and died"),
        pytest.param("SCHEDULED", 600.0, False, id="it waits for a worker"),
        pytest.param("COMPLETED", 600.0, False, id="the mirror will tell"),
    ],
)
def test_which_runs_that_nobody_carries_need_another_worker(state: str, seconds: float, expected: bool) -> None:
    assert is_lost(state, seconds) is expected


def test_engineers_flows_may_be_pending_for_long_since_prefects_worker_says_nothing_of_them() -> None:
    assert not is_lost("PENDING", 60.0, own=True)
    assert is_lost("PENDING", 301.0, own=True)


@pytest.mark.parametrize(
    ("state", "last", "holds", "expected"),
    [
        pytest.param("PENDING", None, 0, False, id="no flow came to it"),
        pytest.param("RUNNING", Standing(0, NOON, 2), 2, False, id="none since its last recovery"),
        pytest.param("RUNNING", Standing(0, NOON, 2), 3, True, id="it was held and then lost"),
        pytest.param("CRASHED", None, 0, True, id="an engineer's flow that cannot be imported"),
    ],
)
def test_only_what_was_held_or_crashed_counts_as_a_lost_worker(
    state: str, last: Standing | None, holds: int, expected: bool
) -> None:
    assert cost_a_worker(state, last, Standing(0, NOON, holds)) is expected


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        pytest.param(None, Standing(0, NOON), 0, id="its first"),
        pytest.param(Standing(7, NOON), Standing(7, NOON + MINUTE), 9, id="nothing was done since"),
        pytest.param(Standing(7, NOON), Standing(8, NOON + MINUTE), 0, id="a subtask was accepted since"),
        pytest.param(Standing(7, NOON), Standing(7, NOON + QUIET), 0, id="it slept until the power failed again"),
    ],
)
def test_recoveries_count_from_the_last_progress(last: Standing | None, now: Standing, expected: int) -> None:
    assert in_a_row(9, last, now) == expected


def test_a_run_that_kills_every_worker_is_given_up_after_its_tenth_recovery() -> None:
    assert not is_given_up(MOST_RECOVERIES - 1)
    assert is_given_up(MOST_RECOVERIES)


def test_an_engineers_flow_that_has_not_asked_for_its_run_yet_is_left_at_its_own_code() -> None:
    assert not is_lost("RUNNING", 600.0, prepares=True)
    assert is_lost("CRASHED", 1.0, prepares=True)


@pytest.mark.parametrize(
    ("seconds", "crashes", "expected"),
    [
        pytest.param(1.0, 0, False, id="just now"),
        pytest.param(5.0, 0, True, id="a moment ago"),
        pytest.param(5.0, 1, False, id="longer the second time"),
        pytest.param(600.0, 9, True, id="never longer than ten minutes"),
        pytest.param(80_000.0, MOST_RECOVERIES, False, id="it crashes every time"),
    ],
)
def test_a_crashed_flow_run_rests_before_it_is_scheduled_again(seconds: float, crashes: int, expected: bool) -> None:
    assert crash_is_retried(seconds, crashes) is expected
