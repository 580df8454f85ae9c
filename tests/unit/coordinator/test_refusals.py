"""What becomes of work that machines refuse."""

from __future__ import annotations

import pytest

from coordinator.decisions.refusals import LONGEST_REST_SECONDS, all_refuse_all, refused_by_all, rest_seconds
from coordinator.dispatching.refusal_backoff import Rests
from tests.conftest import NOON
from tests.integration.storage.leasing import MINUTE

ALL = {"a", "b"}


def test_a_machine_that_refuses_again_rests_longer() -> None:
    assert [rest_seconds(count) for count in (1, 2, 3)] == [1, 2, 4]
    assert rest_seconds(1000) == LONGEST_REST_SECONDS


@pytest.mark.parametrize(
    ("refused", "machines", "expected"),
    [
        pytest.param({"s": ALL}, ALL, {"s"}, id="nobody is left"),
        pytest.param({"s": ALL | {"gone"}}, ALL, {"s"}, id="also one that left"),
        pytest.param({"s": {"a"}}, ALL, set(), id="one may take it yet"),
        pytest.param({"s": ALL, "t": {"b"}}, ALL, {"s"}, id="each for itself"),
        pytest.param({"s": ALL}, set(), set(), id="no machine online is large enough: it waits for one"),
    ],
)
def test_what_all_machines_have_refused(refused: dict[str, set[str]], machines: set[str], expected: set[str]) -> None:
    assert refused_by_all(refused, machines) == expected


@pytest.mark.parametrize(
    ("refused", "total", "completed", "expected"),
    [
        pytest.param(
            {"s1": {"a"}, "s2": {"a"}, "s3": {"a", "b"}, "s4": {"b"}, "s5": {"b"}}, 50, 0, True, id="three each"
        ),
        pytest.param({"s1": {"a", "b"}, "s2": {"a", "b"}}, 50, 0, False, id="two may be bad inputs"),
        pytest.param({"s1": {"a", "b"}}, 1, 0, True, id="all there is"),
        pytest.param({f"s{i}": {"a", "b"} for i in range(9)}, 50, 1, False, id="one has completed"),
        pytest.param({f"s{i}": {"a"} for i in range(9)}, 50, 0, False, id="one machine has not been asked"),
    ],
)
def test_a_task_of_which_all_machines_refuse_everything(
    refused: dict[str, set[str]], total: int, completed: int, expected: bool
) -> None:
    assert all_refuse_all(refused, ALL, total=total, completed=completed) is expected


def test_a_volunteer_rests_from_what_it_refused_until_that_is_over_or_it_has_done_it() -> None:
    rests = Rests()
    for _ in range(9):
        rests.refused("v", "r/t", now=NOON)
    rests.refused("v", "r/u", now=NOON)
    assert rests.of("v", now=NOON) == {"r/t", "r/u"}
    assert rests.of("other", now=NOON) == set()
    rests.returned("v", "r/u")
    assert rests.of("v", now=NOON) == {"r/t"}
    assert rests.of("v", now=NOON + MINUTE) == set()
