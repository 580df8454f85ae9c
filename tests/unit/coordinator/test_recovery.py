"""What becomes of a run that nobody carries."""

from __future__ import annotations

import pytest

from coordinator.decisions.recovery import MOST_RECOVERIES, Recovery, crash_is_retried, recovery


@pytest.mark.parametrize(
    ("state", "seconds", "recoveries", "expected"),
    [
        pytest.param("RUNNING", 1.0, 1, Recovery.RESCHEDULE, id="its process is gone"),
        pytest.param("CRASHED", 1.0, 1, Recovery.RESCHEDULE, id="Prefect has noticed too"),
        pytest.param("PENDING", 5.0, 0, Recovery.WAIT, id="a worker is about to begin"),
        pytest.param("PENDING", 60.0, 0, Recovery.RESCHEDULE, id="a worker took it and died"),
        pytest.param("SCHEDULED", 600.0, 0, Recovery.WAIT, id="it waits for a worker"),
        pytest.param("COMPLETED", 600.0, 1, Recovery.WAIT, id="the mirror will tell"),
        pytest.param("CRASHED", 1.0, MOST_RECOVERIES, Recovery.GIVE_UP, id="it kills every worker"),
    ],
)
def test_what_becomes_of_a_run_that_nobody_carries(
    state: str, seconds: float, recoveries: int, expected: Recovery
) -> None:
    assert recovery(state, seconds, recoveries) is expected


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
