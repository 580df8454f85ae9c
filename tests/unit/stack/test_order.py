"""What may start and stop together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.stop_order import levels


def test_each_level_needs_only_earlier_ones() -> None:
    needs = {"mongod": [], "prefect": [], "api": ["mongod"], "worker": ["api", "prefect"], "agent": ["api"]}
    assert levels(needs) == [["mongod", "prefect"], ["api"], ["worker", "agent"]]


def test_what_is_not_ours_to_start_counts_as_there() -> None:
    assert levels({"api": ["mongod"]}) == [["api"]]


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle: a, b"):
        levels({"a": ["b"], "b": ["a"], "c": []})


@given(st.dictionaries(st.integers(0, 20), st.lists(st.integers(0, 20), max_size=4)))
def test_nothing_comes_before_what_it_needs(wishes: dict[int, list[int]]) -> None:
    needs = {str(name): [str(other) for other in others if other < name] for name, others in wishes.items()}
    order = [name for level in levels(needs) for name in level]
    assert sorted(order) == sorted(needs)
    assert all(order.index(other) < order.index(name) for name in needs for other in needs[name] if other in needs)
