"""Which failures of a batch no further try can mend."""

from __future__ import annotations

import pytest
from njangi_flows.engine.failures import lost_for_good
from njangi_flows.protocol import SettledBatch
from njangi_flows.workflow.model import Retry

RETRY = Retry(maximum_attempts=3, non_retryable=["BadInput"])


@pytest.mark.parametrize(
    ("tries", "types", "expected"),
    [
        pytest.param(1, {"Flaky": 900}, 0, id="all may do better"),
        pytest.param(3, {"Flaky": 900}, 900, id="no try is left"),
        pytest.param(1, {"Flaky": 900, "BadInput": 7}, 7, id="what the task names, however rare"),
        pytest.param(1, {"Flaky": 4, "ScheduleToStartTimedOut": 5}, 5, id="no machine came"),
        pytest.param(1, {"Flaky": 4, "ScheduleToCloseTimedOut": 1}, 5, id="there is no time for another try"),
    ],
)
def test_what_no_try_mends(tries: int, types: dict[str, int], expected: int) -> None:
    failed = sum(types.values())
    batch = SettledBatch(
        id="r/t/b0", total=1000, completed=1000 - failed, failed=failed, tries=tries, error_types=types
    )
    assert lost_for_good(batch, RETRY) == expected


def test_what_was_set_aside_is_for_good_whatever_its_error() -> None:
    batch = SettledBatch(id="r/t/b0", total=9, completed=4, failed=5, aside=3, error_types={"Flaky": 1, "BadInput": 1})
    assert lost_for_good(batch, RETRY) == 4
