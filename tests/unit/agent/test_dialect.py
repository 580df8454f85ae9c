"""One dialect of JSON: what it carries arrives equal, anything else is refused with the path to it and the reason."""

from __future__ import annotations

import enum
import json
import math
import sys
from collections import Counter, namedtuple
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from njangi_agent import dialect
from njangi_agent.dialect import MAX_DEPTH, MAX_DIGITS, NotCarriedError, check, dumps, loads

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)

Point = namedtuple("Point", "x y")


class Colour(enum.IntEnum):
    RED = 1


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@given(VALUES)
def test_what_is_written_is_ascii_and_reads_back_equal(value: Any) -> None:
    text = dumps(value)
    assert text.isascii()
    assert "\0" not in text
    assert repr(loads(text)) == repr(value)  # 1, 1.0 and True are equal, but not the same
    assert loads(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "value",
    [
        2**1279 - 1,
        10**MAX_DIGITS - 1,
        1 - 10**MAX_DIGITS,
        -0.0,
        5e-324,
        "a\0b",
        {"\0": "\U0001f600"},
        nested(MAX_DEPTH),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_lies_at_the_bounds_is_carried(value: Any) -> None:
    assert repr(loads(dumps(value))) == repr(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, (2,)), "[1,[2]]"),
        (Point(1, 2), "[1,2]"),
        (Colour.RED, "1"),
        (Counter("aab"), '{"a":2,"b":1}'),
    ],
    ids=["tuple", "namedtuple", "IntEnum", "Counter"],
)
def test_kinds_of_json_types_become_those(value: Any, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize(
    ("value", "path", "word"),
    [
        pytest.param(math.nan, "", "finite", id="NaN"),
        pytest.param({"rows": [1, 2, 3, {"when": math.inf}]}, "rows[3].when", "finite", id="infinity"),
        pytest.param([{"a b": -math.inf}], '[0]["a b"]', "finite", id="a key with a space"),
        pytest.param({"names": ["ok", "caf\udce9.txt"]}, "names[1]", "surrogate", id="a name that is not UTF-8"),
        pytest.param({"a": {"\ud800": 1}}, "a", "surrogate", id="a key that is no text"),
        pytest.param([10**MAX_DIGITS], "[0]", "4300 digits", id="too many digits"),
        pytest.param({"p": -(2**19937) + 1}, "p", "4300 digits", id="too many digits below zero"),
        pytest.param({"a": {1: 2}}, "a", "is of type int", id="a number as a key"),
        pytest.param({10**MAX_DIGITS: 2}, "", "is of type int", id="a very large number as a key"),
        pytest.param({"a": [{1, 2}]}, "a[0]", "type set", id="a set"),
        pytest.param({"a": b""}, "a", "type bytes", id="bytes"),
        pytest.param(1j, "", "type complex", id="a complex number"),
    ],
)
def test_what_would_not_arrive_equal_is_refused_with_the_path_to_it(value: Any, path: str, word: str) -> None:
    with pytest.raises(NotCarriedError) as caught:
        dumps(value)
    assert caught.value.path == path
    assert word in caught.value.reason
    assert str(caught.value) == (f"{path}: {caught.value.reason}" if path else caught.value.reason)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 300, 100_000])
def test_nesting_is_bounded_before_it_exhausts_anything(levels: int) -> None:
    with pytest.raises(NotCarriedError, match=f"deeper than {MAX_DEPTH} levels"):
        dumps(nested(levels))
    with pytest.raises(NotCarriedError, match=f"deeper than {MAX_DEPTH} levels"):
        loads("[" * levels + "]" * levels)
    check(nested(MAX_DEPTH + 1), depth=MAX_DEPTH + 1)


def test_a_value_that_contains_itself_is_nested_too_deep() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotCarriedError, match="deeper"):
        dumps(value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("NaN", "finite"),
        ('{"a": -Infinity}', "finite"),
        ("[1e400]", "finite"),
        ('"\\ud800"', "surrogate"),
        ("9" * (MAX_DIGITS + 1), "4300 digits"),
        ('{"a": 1, "b": 2, "a": 3}', "a: the key comes twice"),
        ("", "Expecting value"),
        (b"\xff", "can't decode"),
    ],
    ids=lambda part: repr(part)[:12],
)
def test_text_that_others_read_otherwise_is_refused(text: str | bytes, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        loads(text)


def test_whole_numbers_as_keys_become_text_where_that_is_asked_for_and_none_gets_lost() -> None:
    assert dumps({"a": {1: 2}}, text_keys=True) == '{"a":{"1":2}}'
    with pytest.raises(NotCarriedError, match="both as a number and as text"):
        dumps({1: "a", "1": "b"}, text_keys=True)
    with pytest.raises(NotCarriedError, match="is of type bool"):
        dumps({True: 1}, text_keys=True)


def test_digits_are_bounded_although_python_was_told_otherwise() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(NotCarriedError, match="4300 digits"):
            dumps(2**19937 - 1)
        with pytest.raises(NotCarriedError, match="4300 digits"):
            loads("9" * (MAX_DIGITS + 1))
    finally:
        sys.set_int_max_str_digits(before)


def test_its_source_stands_alone() -> None:
    alone: dict[str, Any] = {"__name__": "dialect"}
    exec(compile(Path(dialect.__file__).read_text(), "dialect.py", "exec"), alone)
    assert alone["dumps"]({"a": (1,)}) == '{"a":[1]}'
