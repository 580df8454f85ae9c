import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from njangi_agent.dialect import CARRIED_DEPTH, MAX_DEPTH, NotCarriedError
from njangi_flows.engine.compile import compact
from njangi_flows.workflow.aggregate import AggregateError, NoResult, aggregate
from njangi_flows.workflow.spec import AggregateSpec


def by(kind: str, columns: list[str] | None = None) -> AggregateSpec:
    return AggregateSpec.model_validate({"kind": kind, "columns": columns})


@pytest.mark.parametrize(
    ("spec", "results", "expected"),
    [
        pytest.param(by("list"), [1, None, [2]], [1, None, [2]], id="list"),
        pytest.param(by("concat"), ["a\n", "", "b"], "a\nb", id="concat"),
        pytest.param(by("lines"), ["a\nb\n", ["c"], ""], ["a", "b", "c"], id="lines"),
        pytest.param(by("sum"), [1, 2.5, -1], 2.5, id="sum"),
        pytest.param(by("sum"), [[1, 2], [3, 4]], [4, 6], id="sum-of-lists"),
        pytest.param(by("sum"), [{"a": 1, "b": [1]}, {"b": [2], "c": 3}], {"a": 1, "b": [3], "c": 3}, id="objects"),
        pytest.param(by("count"), [{"a": 1}, {}, {"b": 2, "a": 3}], {"a": 4, "b": 2}, id="count"),
        pytest.param(
            by("table"),
            [[{"p": 1}], [{"p": 2, "q": None}, {"q": 4, "p": 3}], {"p": 5}],
            {"columns": ["p", "q"], "rows": [[1, None], [2, None], [3, 4], [5, None]]},
            id="table-of-objects",
        ),
        pytest.param(
            by("table", ["q", "p"]),
            [[{"p": 1, "x": 9}], [[2, 3]]],
            {"columns": ["q", "p"], "rows": [[None, 1], [2, 3]]},
            id="table-with-columns",
        ),
        pytest.param(
            by("table"),
            [[["a", 1]], [["b", 2]]],
            {"columns": ["column_1", "column_2"], "rows": [["a", 1], ["b", 2]]},
            id="table-of-lists",
        ),
    ],
)
def test_results_become_one(spec: AggregateSpec, results: list[Any], expected: Any) -> None:
    assert aggregate(spec, iter(results)) == expected


@pytest.mark.parametrize(
    ("spec", "nothing"),
    [
        pytest.param(by("list"), [], id="list"),
        pytest.param(by("concat"), "", id="concat"),
        pytest.param(by("lines"), [], id="lines"),
        pytest.param(by("sum"), 0, id="sum"),
        pytest.param(by("count"), {}, id="count"),
        pytest.param(by("table", ["a"]), {"columns": ["a"], "rows": []}, id="table"),
    ],
)
def test_nothing_has_an_aggregate_too(spec: AggregateSpec, nothing: Any) -> None:
    assert aggregate(spec, []) == nothing


_DEEP: Any = 1
for _ in range(100):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("spec", "results", "message"),
    [
        pytest.param(by("concat"), ["a", 1], "subtask 1 must be text, not a number", id="concat"),
        pytest.param(by("lines"), [{}], "subtask 0 must be a list, or text of some lines, not an object", id="lines"),
        pytest.param(by("sum"), [1, "2"], "subtask 1 must be a number", id="sum-of-text"),
        pytest.param(by("sum"), [True], "subtask 0 must be a number.*not true or false", id="sum-of-bools"),
        pytest.param(by("sum"), [1, None], "subtask 1 must be a number.*not null", id="sum-of-null"),
        pytest.param(by("sum"), [[1], [1, 2]], "subtask 1 must be a list of 1 like those before", id="sum-of-lengths"),
        pytest.param(by("sum"), [1, [1]], "subtask 1 must be a number like those before", id="sum-of-kinds"),
        pytest.param(by("sum"), [1e308, 1e308], "subtask 1 .*finite", id="sum-overflows"),
        pytest.param(by("sum"), [10**400, 0.5], "subtask 1 .*finite", id="sum-overflows-a-float"),
        pytest.param(by("sum"), [_DEEP], "nested at most 80 deep", id="sum-too-deep"),
        pytest.param(by("count"), [{"a": "b"}], "an object of numbers", id="count"),
        pytest.param(by("table"), ["a"], "a list of rows, not text", id="table-of-text"),
        pytest.param(by("table"), [["a"]], "with text as a row", id="row-of-text"),
        pytest.param(by("table", ["a"]), [[[1]], [[1, 2]]], "subtask 1 .*1 cells.*not a row of 2", id="row-too-long"),
    ],
)
def test_a_result_that_does_not_fit_is_named(spec: AggregateSpec, results: list[Any], message: str) -> None:
    with pytest.raises(AggregateError, match=message):
        aggregate(spec, results)


@given(st.lists(st.integers()))
def test_a_sum_is_the_sum(numbers: list[int]) -> None:
    assert aggregate(by("sum"), iter(numbers)) == sum(numbers)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9))))
def test_counters_merge_as_counters_do(counters: list[dict[str, int]]) -> None:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    assert aggregate(by("count"), iter(counters)) == dict(total)  # type: ignore[arg-type]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["list", "concat", "lines", "sum", "count", "table"]), st.lists(_JSON, max_size=4))
def test_whatever_strangers_send_is_aggregated_or_refused_by_name(kind: str, results: list[Any]) -> None:
    try:
        aggregate(by(kind), results)
    except AggregateError as error:
        assert 0 <= error.index < len(results)


@pytest.mark.parametrize(
    ("spec", "first", "last", "expected"),
    [
        pytest.param(by("list"), None, 3, [None, None, 3], id="list"),
        pytest.param(by("concat"), "a", "b", "ab", id="concat"),
        pytest.param(by("lines"), "a", ["b"], ["a", "b"], id="lines"),
        pytest.param(by("sum"), 1, 3, 4, id="sum"),
        pytest.param(by("count"), {"a": 1}, {"a": 3}, {"a": 4}, id="count"),
        pytest.param(by("table"), {"p": 1}, {"p": 3}, {"columns": ["p"], "rows": [[1], [3]]}, id="table"),
    ],
)
def test_what_failed_keeps_its_place_in_a_list_and_is_left_out_elsewhere(
    spec: AggregateSpec, first: Any, last: Any, expected: Any
) -> None:
    assert aggregate(spec, [first, NoResult.FAILED, last]) == expected


def test_a_wrong_result_is_named_by_the_index_of_its_subtask_though_others_before_it_failed() -> None:
    with pytest.raises(AggregateError) as wrong:
        aggregate(by("sum"), [1, NoResult.FAILED, NoResult.FAILED, "no number"])
    assert wrong.value.index == 3


@pytest.mark.parametrize("kind", ["list", "table"])
def test_what_is_made_of_results_as_deep_as_may_be_is_kept(kind: str) -> None:
    result: Any = [1]
    for _ in range(MAX_DEPTH - 1):
        result = {"a": result}
    made = aggregate(by(kind), [result, result])
    assert json.loads(compact({"x": made})) == {"x": made}
    with pytest.raises(NotCarriedError, match="nested deeper than"):
        compact(_wrapped(made))


def _wrapped(value: Any) -> Any:
    for _ in range(CARRIED_DEPTH - MAX_DEPTH):
        value = [value]
    return value


def test_an_aggregate_that_would_not_arrive_equal_is_refused_with_the_path_to_it() -> None:
    with pytest.raises(NotCarriedError, match=r"^\[1\]: a whole number has more than 4300 digits"):
        compact([1, 10**4300])
    with pytest.raises(NotCarriedError, match=r"rows\[0\]: it is no finite number"):
        compact({"rows": [math.nan]})
