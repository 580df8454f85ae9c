"""Which functions can travel to a volunteer, and as what text."""

from __future__ import annotations

import json
import math
import runpy
import sys
import urllib.parse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from njangi_flows.source import NotSelfContainedError, portable_source, written

LIMIT = 3


def run(source: str, name: str, *arguments: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(compile(source, name, "exec"), scope)
    return scope[name](*arguments)


def travelling(function: Callable[..., Any]) -> str:
    return portable_source(function, written(function))


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


@decorated
@decorated
def letters(text: str, most: int = 2) -> dict[str, int]:
    """Count letters."""

    def root(n: int) -> int:
        return math.isqrt(n)

    return {letter: root(n) for letter, n in Counter(text).most_common(most)}


def uses_a_path(path: str) -> str:
    return urllib.parse.unquote(path) + json.dumps(None)


def tells(n: int) -> int:
    from njangi import heartbeat, last_heartbeat

    done = int(last_heartbeat(0))
    heartbeat(done + n)
    return done


def factorial(n: int) -> int:
    return n * factorial(n - 1) if n else 1


def has_an_attribute_called_like_something_of_the_module(n: int) -> int:
    return SimpleNamespace(LIMIT=n).LIMIT + math.isqrt(n)


def uses_a_constant(n: int) -> int:
    return n * LIMIT


def uses_another_function(n: int) -> Any:
    return letters(str(n))


def uses_a_foreign_module() -> str:
    return httpx.__version__


async def is_async() -> None:
    """Do nothing."""


def a_closure() -> Callable[[], int]:
    around = 1

    def within() -> int:
        return around

    return within


def test_a_function_travels_without_decorators_and_with_its_standard_imports() -> None:
    source = travelling(letters)
    assert "@decorated" not in source
    assert run(source, "letters", "aaaab") == {"a": 2, "b": 1}


def test_submodules_of_the_standard_library_are_imported_by_the_name_in_use() -> None:
    assert run(travelling(uses_a_path), "uses_a_path", "a%20b") == "a bnull"


def test_an_attribute_may_be_called_like_something_of_the_module() -> None:
    name = "has_an_attribute_called_like_something_of_the_module"
    assert run(travelling(has_an_attribute_called_like_something_of_the_module), name, 4) == 6


def test_a_function_may_call_itself() -> None:
    assert run(travelling(factorial), "factorial", 5) == 120


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (uses_a_constant, "'LIMIT'"),
        (uses_another_function, "'letters'"),
        (uses_a_foreign_module, "'httpx'"),
        (is_async, "ordinary function"),
        (a_closure(), "around"),
        (lambda: 1, "made with def"),
        (len, "made with def"),
    ],
    ids=["constant", "function", "foreign module", "async", "closure", "lambda", "built-in"],
)
def test_what_would_be_missing_on_a_volunteers_machine_is_named(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(NotSelfContainedError, match=why):
        travelling(function)


def test_what_only_a_volunteer_has_may_be_imported_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    njangi = SimpleNamespace(heartbeat=told.append, last_heartbeat=lambda default: default + 5)
    monkeypatch.setitem(sys.modules, "njangi", njangi)
    assert run(travelling(tells), "tells", 2) == 5
    assert told == [7]


def test_what_travels_is_the_function_that_was_loaded_not_what_its_file_says_since(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text("from njangi_flows import volunteer_task\n\n@volunteer_task\ndef f(n):\n    return n + 1\n")
    made = runpy.run_path(str(file))["f"]
    file.write_text("\n\n@volunteer_task\ndef f(n):\n    return n + 2\n")
    assert run(made.definition.fields["source"], "f", 1) == 2
