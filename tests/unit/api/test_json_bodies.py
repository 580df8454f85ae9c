"""JSON that could not be kept, or read by others, is found, and where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.json_bodies import DEEPEST, fault_of


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [None, True, 2**127 - 1, -(2**63) - 1, 1.5, "text é 🙂", {"a": [1, {"b": "c"}]}, nested(DEEPEST)],
    ids=repr,
)
def test_what_can_be_kept_has_no_fault(value: Any) -> None:
    assert fault_of(value) is None


@pytest.mark.parametrize(
    ("text", "steps", "word"),
    [
        pytest.param('{"a": Infinity}', ("a",), "infinite", id="infinity"),
        pytest.param('{"a": [1, {"b": "x\\u0000y"}]}', ("a", 1, "b"), "NUL", id="NUL in a value"),
        pytest.param('{"a": {"\\u0000": 1}}', ("a",), "NUL", id="NUL in a key"),
        pytest.param('["\\udc00"]', (0,), "surrogate", id="half a surrogate pair"),
    ],
)
def test_a_fault_is_found_where_it_is(text: str, steps: tuple[str | int, ...], word: str) -> None:
    found = fault_of(json.loads(text))
    assert found is not None
    assert found[0] == steps
    assert word in found[1]


@pytest.mark.parametrize("levels", [DEEPEST + 1, 100_000])
def test_nesting_is_bounded(levels: int) -> None:
    found = fault_of(nested(levels))
    assert found is not None
    assert "nested" in found[1]
