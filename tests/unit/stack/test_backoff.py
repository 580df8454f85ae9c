"""How long the supervisor waits before it starts a service again."""

from __future__ import annotations

from stack.backoff import RestartBackoff


def test_waits_double_up_to_the_longest() -> None:
    assert [RestartBackoff().wait(failures) for failures in range(1, 8)] == [0.5, 1, 2, 4, 8, 15, 15]


def test_a_service_that_fails_forever_is_still_tried() -> None:
    assert RestartBackoff().wait(100_000) == 15


def test_failures_add_up_while_the_service_dies_young() -> None:
    assert RestartBackoff().failures(3, ready_for=9.9) == 4


def test_a_service_that_was_ready_for_a_while_starts_over() -> None:
    assert RestartBackoff().failures(6, ready_for=10.0) == 1
