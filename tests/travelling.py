"""Values of every kind that travel between engineers' flows and volunteers, and what it means that one has arrived."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

TABLE: dict[str, Any] = {
    "nothing": None,
    "yes and no": [True, False],
    "whole numbers": [0, -1, 2**63, -(2**1279), 10**4299],
    "numbers": [0.0, -0.0, 1.5, 5e-324, 1.7976931348623157e308, math.pi],
    "no finite numbers": [math.nan, math.inf, -math.inf, {"x": math.nan}],
    "text": ["", "é", "日本", "\0", "\x7f", '"\\', "$tuple"],
    "tuples": ((), (1,), ((), [()]), {"a": (1, (2, 3))}),
    "keys of every kind": {1: "a", "1": "b", None: "c", 1.5: "d", (1, "x"): "e", True + 1: "f"},
    "whole numbers as keys": {1: 1, 2: 4, -3: {4: 5, 6: 7}},
    "keys like tags": [{"$tuple": [1]}, {"$": 1}, {"$dict": [[1, 2]]}, {"$a": 1, "b": 2}, {"$float": "nan"}],
    "an only key": [{1: 2}, {None: {None: None}}, {"": {}}],
    "nested": {"rows": [{"at": (1.0, 2.0), "by": {7: [None]}}]},
}


def alike(one: Any, other: Any) -> bool:
    """Whether values are equal and of the same types all the way down; NaN is like NaN, 0.0 is not like -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        pairs, others = list(one.items()), list(other.items())
        return len(one) == len(other) and all(alike(a, c) and alike(b, d) for (a, b), (c, d) in zip(pairs, others))
    return bool(one == other)


KEYS = st.one_of(st.text(max_size=5), st.integers(), st.none(), st.floats(allow_nan=False), st.tuples(st.integers()))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just("$float")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(st.sampled_from(["$tuple", "$dict", "$float", "$x"]), inner, max_size=1),
    ),
    max_leaves=12,
)
