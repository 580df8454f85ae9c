from __future__ import annotations

from njangi_agent.protocol import Outcome, Report

from coordinator.dispatching.dispatcher import MOST_TEXT_AT_ONCE, fitting


def test_one_transaction_writes_no_more_than_fits_in_memory_and_at_least_one_sync() -> None:
    quiet = [Report("s", "t", Outcome.RETURNED, result="1")]
    chatty = [Report("s", "t", Outcome.FAILED, stdout="x" * 65_536, stderr="x" * 65_536)] * 30
    large = [Report("s", "t", Outcome.RETURNED, result="x" * 65_536)] * (MOST_TEXT_AT_ONCE // 65_536 + 1)
    assert fitting([]) == 0
    assert fitting([quiet] * 256) == 256
    assert fitting([chatty] * 256) == 4
    assert fitting([large, quiet]) == 1
    assert fitting([quiet, large]) == 1
