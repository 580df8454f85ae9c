"""Functions of engineers' flows, for real: values of every kind there and back, arguments as the function has them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from njangi_agent import codec
from njangi_agent.protocol import Report

from tests.travelling import TABLE, alike

from .conftest import Bench

ARGUMENTS = [
    ("def f(a, b=2, *more, c, d=4, **named): return (a, b, more, c, d, named)", ((1, 2, (3, (4,)), 5, 6, {"e": 7}))),
    ("def f(a, /, b, *, c): return (a, b, c)", (1, 2, 3)),
    ("def f(*more): return more", ([1, 2],)),
    ("def f(**named): return named", ({"a": 1, "named": 2},)),
    ("def f(a, /, **named): return (a, named)", (1, {"a": 2})),
]


async def called(bench: Bench, source: str, *calls: dict[str, Any], **task: Any) -> list[Any]:
    """Return what calls give, or how they fail."""
    packed = [{name: codec.pack(value) for name, value in call.items()} for call in calls]
    return [came(report) for report in await bench.function(source, *packed, values="python", **task)]


def came(report: Report) -> Any:
    if report.error is not None:
        return f"{report.error.type}: {report.error.message}"
    return codec.decode(report.result or "")


async def test_values_of_every_kind_arrive_at_the_function_and_come_back(bench: Bench) -> None:
    source = "def f(value): return (value, [type(item).__name__ for item in value] if value else None)"
    values = list(TABLE.values())
    for value, (back, types) in zip(values, await called(bench, source, *({"value": value} for value in values))):
        assert alike(back, value)
        assert types == ([type(item).__name__ for item in value] if value else None)


@pytest.mark.parametrize(("source", "given"), ARGUMENTS, ids=[source[4 : source.index(":")] for source, _ in ARGUMENTS])
async def test_arguments_arrive_as_the_function_wrote_them(bench: Bench, source: str, given: tuple[Any, ...]) -> None:
    scope: dict[str, Any] = {}
    exec(source, scope)
    names = scope["f"].__code__.co_varnames
    order = {"more": 2, "c": 3, "d": 4, "named": 5} if len(given) == 6 else {}
    parameters = {name: given[order.get(name, at)] for at, name in enumerate(names)}
    [back] = await called(bench, source, parameters)
    if len(given) == 1:
        assert back == (tuple(given[0]) if isinstance(given[0], list) else given[0])
    else:
        assert back == given


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("[1, {'when': {2, 3}}]", "[1].when"),
        ("collections.Counter('aa')", "collections.Counter"),
        ("[collections.namedtuple('Point', 'x')(1)]", "[0]"),
        ("(1, b'bytes')", "[1]"),
        ("{'x': '\\udcff'}", "x"),
    ],
)
async def test_a_result_that_would_not_arrive_as_it_is_fails_its_own_call(
    bench: Bench, expression: str, path: str
) -> None:
    source = f"import collections\ndef f(x): return {expression} if x else (x,)"
    bad, good = await called(bench, source, {"x": 1}, {"x": 0})
    assert bad.startswith("BadOutput: its result does not travel: ") and path in bad
    assert good == (0,)


async def test_tasks_of_workflows_stay_plain_json(bench: Bench) -> None:
    tuples, number = await bench.function("def f(x): return (x, {1: x}) if x else float('nan')", {"x": 1}, {"x": 0})
    assert json.loads(tuples.result or "") == [1, {"1": 1}]
    assert number.error is not None and number.error.type == "BadOutput" and "finite" in number.error.message
    [tagged] = await bench.function("def f(x): return x", {"x": {"$tuple": [1]}})
    assert json.loads(tagged.result or "") == {"$tuple": [1]}


async def test_a_parameter_of_an_unheard_of_kind_fails_its_call_loudly(bench: Bench) -> None:
    [report] = await bench.function("def f(x): return 1", {"x": {"$unheard-of": 1}}, values="python")
    assert "another version wrote it" in came(report)


async def test_no_number_is_lost_on_the_way(bench: Bench) -> None:
    [(back, sign)] = await called(
        bench, "import math\ndef f(x): return (x, math.copysign(1, x[1]))", {"x": (2**1279 - 1, -0.0, math.inf)}
    )
    assert (back, sign) == ((2**1279 - 1, 0.0, math.inf), -1)


async def test_annotations_are_evaluated_where_the_source_does_not_put_that_off(bench: Bench) -> None:
    source = "def f():\n    def g(x: int): return x\n    return str(g.__annotations__['x'])"
    put_off = f"from __future__ import annotations\n{source}"
    assert [await called(bench, text, {}) for text in (source, put_off)] == [["<class 'int'>"], ["int"]]
