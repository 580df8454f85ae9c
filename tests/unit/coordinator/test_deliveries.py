"""What becomes of deliveries to webhooks, and of webhooks that accept none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coordinator.decisions.deliveries import (
    GONE,
    LONGEST_PAUSE,
    MOST_TRIES,
    MOST_WAITING,
    PATIENCE,
    Fate,
    fate,
    pause_after,
    reason_to_disable,
)
from tests.conftest import NOON


@pytest.mark.parametrize(
    ("status", "tries", "expected"),
    [
        pytest.param(200, 1, Fate.DELIVERED, id="accepted"),
        pytest.param(204, MOST_TRIES, Fate.DELIVERED, id="accepted at last"),
        pytest.param(301, 1, Fate.WAITING, id="elsewhere"),
        pytest.param(404, 1, Fate.WAITING, id="not yet there"),
        pytest.param(500, MOST_TRIES - 1, Fate.WAITING, id="one try left"),
        pytest.param(500, MOST_TRIES, Fate.FAILED, id="no try left"),
        pytest.param(None, MOST_TRIES, Fate.FAILED, id="never answered"),
        pytest.param(GONE, 1, Fate.FAILED, id="gone"),
    ],
)
def test_a_delivery_is_tried_until_it_is_accepted_or_hopeless(status: int | None, tries: int, expected: Fate) -> None:
    assert fate(status, tries) is expected


def test_pauses_grow_and_together_last_about_a_day() -> None:
    pauses = [pause_after(tries) for tries in range(1, MOST_TRIES)]
    assert pauses == sorted(pauses) and pauses[0] == timedelta(seconds=5) and pauses[-1] == LONGEST_PAUSE
    assert timedelta(hours=20) < sum(pauses, timedelta()) < timedelta(hours=30)
    assert pause_after(10_000) == LONGEST_PAUSE


@pytest.mark.parametrize(
    ("status", "outcome", "silent", "waiting", "words"),
    [
        pytest.param(GONE, Fate.FAILED, timedelta(), 0, "410", id="gone"),
        pytest.param(500, Fate.FAILED, PATIENCE, 0, "nothing was accepted", id="long silence"),
        pytest.param(500, Fate.WAITING, PATIENCE, 0, None, id="tries are left"),
        pytest.param(500, Fate.FAILED, timedelta(hours=1), 0, None, id="others arrive"),
        pytest.param(None, Fate.WAITING, timedelta(), MOST_WAITING + 1, "wait", id="too many wait"),
    ],
)
def test_a_webhook_is_disabled_for_a_reason(
    status: int | None, outcome: Fate, silent: timedelta, waiting: int, words: str | None
) -> None:
    reason = reason_to_disable(status, outcome, NOON - silent, waiting, NOON)
    assert (reason is None) if words is None else (reason is not None and words in reason)
