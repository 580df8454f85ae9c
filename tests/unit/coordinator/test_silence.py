"""A killed agent is overdue soon, a slow one is not: sync after sync is compared with when it was due."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from njangi_agent.protocol import LONGEST_SILENCE

from coordinator.decisions.silence import due_busy, due_hung_up, due_idle
from coordinator.dispatching.dispatcher import LONGEST_WAIT
from tests.conftest import NOON

BOOKS = 5.0  # seconds until another replica can read that an agent was heard of


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("due", "next_sync"),
    [
        pytest.param(due_idle(NOON, LONGEST_WAIT), LONGEST_WAIT, id="an idle poll to its end"),
        pytest.param(due_idle(NOON, LONGEST_WAIT), LONGEST_WAIT + 15, id="a pause after an idle poll"),
        pytest.param(due_idle(NOON, 0), 15, id="a pause after an answer"),
        pytest.param(due_hung_up(NOON), 10, id="a connection that broke"),
        pytest.param(due_busy(NOON, 3), 15, id="a pause between quick beats"),
        pytest.param(due_busy(NOON, 30), 15, id="a beat that is late by half"),
        pytest.param(due_busy(NOON, 120), 60, id="a late beat of a longer lease"),
        pytest.param(due_busy(NOON, 86_400), LONGEST_SILENCE + 20, id="a late word in a lease of a day"),
    ],
)
def test_a_healthy_agent_is_never_overdue(due: datetime, next_sync: float) -> None:
    assert after(next_sync + BOOKS) <= due


def test_an_agent_that_was_killed_is_overdue_soon() -> None:
    assert due_hung_up(NOON) <= after(15)
    assert max(due_busy(NOON, heartbeat) for heartbeat in (1, 3, 30)) <= after(20)
    assert due_busy(NOON, 86_400) <= after(90), "however long its leases last"
