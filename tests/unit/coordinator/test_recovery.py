"""What becomes of a run that nobody carries."""

from __future__ import annotations

import pytest

from coordinator.decisions.recovery import MOST_RECOVERIES, Recovery, recovery


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
