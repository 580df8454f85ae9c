"""How long a lease lasts at most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.decisions.leases import GRACE_SECONDS, SLOW_LINK, longest_lease


@pytest.mark.parametrize(
    ("start_to_close", "transfers", "leases", "slots", "expected"),
    [
        pytest.param(600.0, 0, 1, 1, 600.0 + GRACE_SECONDS, id="one attempt"),
        pytest.param(600.0, 0, 4, 4, 600.0 + GRACE_SECONDS, id="one in each slot"),
        pytest.param(10.0, 0, 40, 4, 100.0 + GRACE_SECONDS, id="ten in a row in each slot"),
        pytest.param(10.0, 0, 5, 4, 20.0 + GRACE_SECONDS, id="one slot gets two"),
        pytest.param(10.0, 600 * SLOW_LINK, 1, 1, 610.0 + GRACE_SECONDS, id="large files on a slow link"),
    ],
)
def test_a_lease_outlasts_what_a_slow_but_sound_attempt_may_take(
    start_to_close: float, transfers: int, leases: int, slots: int, expected: float
) -> None:
    assert longest_lease(start_to_close, transfers, leases, slots) == expected


@given(st.floats(0.1, 1e6), st.integers(0, 2**50), st.integers(1, 10_000), st.integers(0, 256))
def test_no_attempt_that_keeps_its_time_is_ended_by_its_lease(
    start_to_close: float, transfers: int, leases: int, slots: int
) -> None:
    assert longest_lease(start_to_close, transfers, leases, slots) >= start_to_close + GRACE_SECONDS
