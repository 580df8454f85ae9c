"""Failures of one cause make one group, whatever numbers and paths their messages name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from coordinator.decisions.failures import folded, grouped
from storage.values import Failure
from tests.conftest import NOON


def failure(index: int, message: str, *, task: str = "t", type_: str = "ValueError", by: str | None = "v1") -> Failure:
    return Failure(task, index, type_, message, by, NOON + timedelta(seconds=index))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("exit status 1", "exit status <number>", id="number"),
        pytest.param("took 1.5e-3 s, not -12,000", "took <number> s, not <number>", id="numbers with points and signs"),
        pytest.param("no file /tmp/box-1/in.txt here", "no file <path> here", id="path"),
        pytest.param("open 'C:\\data\\x.csv'", "open '<path>'", id="a path of Windows"),
        pytest.param("at 0x7ffe12ab", "at <hex>", id="an address"),
        pytest.param("blob 9f86d081884c7d65 is gone", "blob <hex> is gone", id="a digest"),
        pytest.param("run 0f1c4a52-6d0f-4b70-8f70-0a4d2b1f5d11", "run <id>", id="a UUID"),
        pytest.param("deadbeef and a word", "deadbeef and a word", id="letters alone are a word"),
        pytest.param("utf8 cannot decode", "utf8 cannot decode", id="a digit within a word"),
        pytest.param("either/or", "either/or", id="a slash between words is no path"),
    ],
)
def test_what_differs_from_case_to_case_is_folded(message: str, expected: str) -> None:
    assert folded(message) == expected


def test_failures_alike_make_one_group_with_its_newest_examples() -> None:
    many = [failure(index, f"bad row {index}", by=f"v{index % 3}") for index in range(20)]
    [group] = grouped(many)
    assert (group.type, group.message, group.count, group.volunteers) == ("ValueError", "bad row <number>", 20, 3)
    assert [item.index for item in group.examples] == [19, 18, 17, 16, 15]
    assert group.last_at == NOON + timedelta(seconds=19)


def test_a_message_that_is_the_same_everywhere_is_told_as_it_is() -> None:
    [group] = grouped([failure(1, "exit status 3"), failure(2, "exit status 3", task="u")])
    assert (group.message, group.tasks) == ("exit status 3", {"t": 1, "u": 1})


def test_types_are_kept_apart_and_the_largest_group_comes_first() -> None:
    rare = failure(9, "x", type_="Lost", by=None)
    groups = grouped([rare, failure(1, "x"), failure(2, "x")])
    assert [(group.type, group.count, group.volunteers) for group in groups] == [("ValueError", 2, 1), ("Lost", 1, 0)]
