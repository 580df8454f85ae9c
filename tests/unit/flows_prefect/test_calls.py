"""What calls of volunteer tasks are given, and which of their failures are worth another try."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from njangi_agent.dialect import NotCarriedError
from njangi_flows.tasks.calls import VolunteerTaskError, packed, worth_another_try


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (datetime.date(2026, 1, 1), "table"),
        ({"rows": [1, {"when": datetime.date(2026, 1, 1)}]}, "table.rows[1].when"),
        ([{1, 2}], "table[0]"),
    ],
)
def test_a_parameter_that_does_not_travel_is_refused_with_its_name_and_the_path_within(value: Any, path: str) -> None:
    with pytest.raises(NotCarriedError) as refused:
        packed({"n": (1, 2), "table": value})
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (VolunteerTaskError("r/f/0", "ValueError", "no", ""), True),
        (VolunteerTaskError("r/f/0", "TimedOut", "it took longer than 600 seconds", ""), True),
        (VolunteerTaskError("r/f/0", "ScheduleToStartTimedOut", "nobody began it", ""), False),
        (VolunteerTaskError("r/f/0", "ScheduleToCloseTimedOut", "it did not end", ""), False),
        (VolunteerTaskError("r/f/0", "RefusedByAll", "no machine has it", ""), False),
        (NotCarriedError("n", "it does not travel"), False),
    ],
    ids=lambda value: getattr(value, "type", None),
)
def test_what_no_other_try_mends_is_not_tried_again(error: Exception, worth: bool) -> None:
    state: Any = SimpleNamespace(data=error)
    assert worth_another_try(None, state, state) is worth
