"""How long the supervisor waits before it starts a service again."""

from __future__ import annotations

from stack.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    assert [Backoff().wait(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_service_that_fails_forever_is_still_tried() -> None:
    assert Backoff().wait(100_000) == 30


def test_failures_add_up_while_the_service_dies_young() -> None:
    assert Backoff().failures(3, ran_for=59.9) == 4


def test_a_service_that_ran_well_starts_over() -> None:
    assert Backoff().failures(6, ran_for=60.0) == 1
