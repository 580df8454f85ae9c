"""Values of Python flows travel as what they are, or are refused with the path to what would not."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
from typing import Any

import pytest
from hypothesis import given
from njangi_agent import codec, dialect
from njangi_agent.dialect import NotCarriedError

from tests.travelling import TABLE, VALUES, alike


class Level(enum.IntEnum):
    HIGH = 3


class Word(str):
    pass


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize("value", TABLE.values(), ids=TABLE.keys())
def test_a_value_arrives_as_what_it_is(value: Any) -> None:
    assert alike(codec.decode(codec.encode(value)), value)


@given(VALUES)
def test_any_value_arrives_as_what_it_is(value: Any) -> None:
    text = codec.encode(value)
    assert alike(codec.decode(text), value)
    assert dialect.dumps(dialect.loads(text)) == text, "the service writes it as it was written"


def test_what_is_packed_does_not_change_with_what_was_given() -> None:
    given = {"rows": [[1], (2,)]}
    packed = codec.pack(given)
    given["rows"][0].append(2)
    assert codec.unpack(packed) == {"rows": [[1], (2,)]}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"rows": [1, 2, 3, {"when": datetime.date(2026, 1, 1)}]}, "rows[3].when"),
        (Level.HIGH, ""),
        ([Point(1, 2)], "[0]"),
        ({"a b": {1, 2}}, '["a b"]'),
        ({1: {"k": (Level.HIGH,)}}, "[1].k[0]"),
        ((1, [b"bytes"]), "[1][0]"),
        ({"x": Word("text")}, "x"),
        ({"x": collections.OrderedDict(a=1)}, "x"),
        ({"x": collections.defaultdict(int)}, "x"),
        ({"x": decimal.Decimal(1)}, "x"),
        ({"x": 1j}, "x"),
        ({"x": 10**4300}, "x"),
        ({"x": "\ud800"}, "x"),
        ({"x": {Level.HIGH: 1}}, "x"),
        ({"x": {"\ud800": 1}}, "x"),
        ({"x": {frozenset(): 1}}, "x"),
    ],
)
def test_what_would_arrive_as_something_else_is_refused_with_the_path_to_it(value: Any, path: str) -> None:
    with pytest.raises(NotCarriedError) as refused:
        codec.encode(value)
    assert refused.value.path == path
    assert refused.value.reason


def test_what_is_nested_too_deep_or_in_itself_is_refused() -> None:
    deep: Any = 1
    for _ in range(dialect.MAX_DEPTH + 1):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    tuples: Any = ()
    for _ in range(dialect.MAX_DEPTH):
        tuples = (tuples,)
    for value in (deep, endless, tuples, {1: deep}):
        with pytest.raises(NotCarriedError, match="nested deeper"):
            codec.encode(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"$tuple":1}',
        '{"$float":"1"}',
        '{"$float":0}',
        '{"$dict":{}}',
        '{"$dict":[[1]]}',
        '{"$dict":["ab"]}',
        '{"$dict":[[[],1]]}',
        '{"$dict":[[1,1],[1,2]]}',
        '{"$unheard-of":[]}',
        '{"$tuple":NaN}',
        "[1",
    ],
)
def test_a_strangers_text_that_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        codec.decode(text)


def test_another_type_travels_once_it_is_registered() -> None:
    kind = codec.ValueKind("$date", datetime.date, datetime.date.isoformat, datetime.date.fromisoformat)
    codec.register(kind)
    try:
        value = {"rows": [(datetime.date(2026, 1, 1),)], datetime.date(2026, 1, 2): 1}
        assert codec.decode(codec.encode(value)) == value
        with pytest.raises(ValueError, match="no value of that kind"):
            codec.decode('{"$date":"yesterday"}')
        for taken in (
            kind,
            kind._replace(tag="$other"),
            codec.ValueKind("$int", int, str, int),
            kind._replace(tag="date"),
        ):
            with pytest.raises(ValueError, match="is no tag"):
                codec.register(taken)
    finally:
        del codec._TAGS["$date"], codec._KINDS[datetime.date]


def test_what_is_made_of_the_deepest_values_travels_where_there_is_room_for_it() -> None:
    deepest: Any = []
    for _ in range(dialect.MAX_DEPTH - 1):
        deepest = [deepest]
    assert codec.decode(codec.encode(deepest)) == deepest
    made = (deepest, {"and": deepest})
    with pytest.raises(NotCarriedError):
        codec.pack(made)
    assert alike(codec.unpack(codec.pack(made, dialect.CARRIED_DEPTH)), made)
