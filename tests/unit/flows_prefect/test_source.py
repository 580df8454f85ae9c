"""Which functions can travel to a volunteer, and as what text."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import runpy
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree
from collections import Counter
from collections.abc import Callable
from functools import wraps
from math import pow
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from njangi_flows.tasks.captured_names import NotSelfContainedError
from njangi_flows.tasks.source import portable_source, written

LIMIT = 3


def run(source: str, name: str, *arguments: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(compile(source, name, "exec", dont_inherit=True), scope)
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


def uses_what_is_called_like_a_builtin(n: int) -> float:
    return pow(n, 2)


def uses_a_submodule(text: str) -> str:
    return xml.etree.ElementTree.fromstring(text)[0].tag


def has_defaults(n: int, limit: int = LIMIT, *, ratio: float = math.inf, step: int = -1) -> list[float]:
    return [limit, ratio, step] if n == 0 else has_defaults(n - 1)


def tells_its_module() -> str:
    return __name__


def looks_around() -> Any:
    return globals().get("LIMIT")


def imports_a_file_of_ones_own() -> Any:
    import tests.travelling

    return tests.travelling


def bound(k: int) -> Callable[[int], int]:
    def within(n: int, k: int = k) -> int:
        return n * k

    return within


def with_text_of_several_lines() -> Callable[[], str]:
    if True:

        def lines() -> str:
            return """
                far from the margin
            """

    return lines


FIELDS = """
from dataclasses import dataclass

def fields(n: "Counter[str]", *, m: int = 1) -> "Counter[str]":
    @dataclass
    class Point:
        x: int
    return [field.type for field in Point.__dataclass_fields__.values()]
"""


def replaced(function: Callable[[int], int]) -> Callable[[int], int]:
    @wraps(function)
    def another(n: int) -> int:
        return 1000 * n

    return another


@replaced
def plus_one(n: int) -> int:
    return n + 1


class Steps:
    @staticmethod
    def LIMIT(n: int) -> Any:
        return LIMIT(n - 1) if n else n  # type: ignore[operator]

    @staticmethod
    def private(n: Any) -> Any:
        return n.__value


def test_a_function_travels_without_decorators_and_with_its_standard_imports() -> None:
    source = travelling(letters)
    assert "@decorated" not in source
    assert run(source, "letters", "aaaab") == {"a": 2, "b": 1}


def test_submodules_of_the_standard_library_are_imported_by_the_name_in_use() -> None:
    assert run(travelling(uses_a_path), "uses_a_path", "a%20b") == "a bnull"


def test_an_attribute_may_be_called_like_something_of_the_module() -> None:
    name = "has_an_attribute_called_like_something_of_the_module"
    assert run(travelling(has_an_attribute_called_like_something_of_the_module), name, 4) == 6


def test_a_name_means_what_it_means_in_its_module_also_where_a_builtin_is_called_so() -> None:
    assert repr(run(travelling(uses_what_is_called_like_a_builtin), "uses_what_is_called_like_a_builtin", 3)) == "9.0"


def test_submodules_are_imported_by_which_their_package_is_used() -> None:
    alone = subprocess.run(
        [sys.executable, "-c", f"{travelling(uses_a_submodule)}\nprint(uses_a_submodule('<a><b/></a>'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert alone.stdout == "b\n"


def test_defaults_are_the_values_that_they_were_when_the_function_was_made() -> None:
    assert run(travelling(has_defaults), "has_defaults", 1) == [3, math.inf, -1]
    assert [run(travelling(bound(k)), "within", 10) for k in range(3)] == [0, 10, 20]


def test_the_name_of_its_module_stays_what_it_is() -> None:
    assert run(travelling(tells_its_module), "tells_its_module") == __name__


def test_text_of_several_lines_keeps_its_margin() -> None:
    lines = with_text_of_several_lines()
    assert run(travelling(lines), "lines") == lines()


def test_fields_of_classes_within_have_the_types_that_they_have_here(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text(FIELDS)
    fields = runpy.run_path(str(file), run_name=__name__)["fields"]
    assert run(travelling(fields), "fields", None) == fields(None) == [int]


def test_a_function_of_another_name_than_its_text_travels() -> None:
    within = bound(2)
    within.__name__ = "doubled"
    assert run(travelling(within), "within", 4) == 8


@pytest.mark.parametrize("module", ["argparse", "ipaddress", "inspect", "pathlib", "statistics", "textwrap", "zipfile"])
def test_whatever_compiles_to_the_function_is_found_to_be_its_text(module: str) -> None:
    """No function is taken for another, but for those with private names of their class."""
    here = importlib.import_module(module)
    classes = [value for value in vars(here).values() if inspect.isclass(value) and value.__module__ == module]
    for function in [
        value for place in (here, *classes) for value in vars(place).values() if inspect.isfunction(value)
    ]:
        try:
            compile(portable_source(function, written(function)), function.__name__, "exec")
        except NotSelfContainedError as error:
            assert "its file does not say" not in error.why or "self.__" in inspect.getsource(function)


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
        (looks_around, "globals"),
        (imports_a_file_of_ones_own, "'tests.travelling', which is yours"),
        (plus_one, "its file does not say"),
        (Steps.private, "its file does not say"),
        (Steps.LIMIT, "'LIMIT'"),
    ],
    ids=[
        "constant",
        "function",
        "foreign module",
        "async",
        "closure",
        "lambda",
        "built-in",
        "globals",
        "a file of one's own",
        "replaced by a decorator",
        "private name",
        "another of its name",
    ],
)
def test_what_would_be_missing_on_a_volunteers_machine_is_named(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(NotSelfContainedError, match=why):
        travelling(function)


def test_what_only_a_volunteer_has_may_be_imported_inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "njangi").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    told: list[int] = []
    source = travelling(tells)
    njangi = SimpleNamespace(heartbeat=told.append, last_heartbeat=lambda default: default + 5)
    monkeypatch.setitem(sys.modules, "njangi", njangi)
    assert run(source, "tells", 2) == 5
    assert told == [7]


def test_what_travels_is_the_function_that_was_loaded_not_what_its_file_says_since(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text("from njangi_flows import volunteer_task\n\n@volunteer_task\ndef f(n):\n    return n + 1\n")
    made = runpy.run_path(str(file))["f"]
    file.write_text("\n\n@volunteer_task\ndef f(n):\n    return n + 2\n")
    assert run(made.definition.fields["source"], "f", 1) == 2


def test_a_file_called_like_a_module_of_the_standard_library_does_not_pass_for_it(tmp_path: Path) -> None:
    (tmp_path / "statistics.py").write_text("def mean(values):\n    return -1\n")
    (tmp_path / "flows.py").write_text(
        "from statistics import mean\n\ndef above(n):\n    return mean([n])\n\n"
        "def within(n):\n    import statistics\n    return statistics.mean([n])\n"
    )
    program = (
        "import flows\nfrom njangi_flows.tasks.source import portable_source, written\n"
        "for function in (flows.above, flows.within):\n"
        "    try: portable_source(function, written(function))\n"
        "    except TypeError as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    above, within = told.stdout.splitlines()
    assert "it uses 'mean' of its module" in above
    assert "it imports 'statistics', which is yours" in within


def test_a_definition_follows_what_the_names_of_its_module_stand_for(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text(
        "from math import cos, sin\nfrom njangi_flows import volunteer_task\n\nwave = sin\n\n"
        "@volunteer_task\ndef f(n):\n    return wave(n)\n"
    )
    made = runpy.run_path(str(file))["f"]
    first = made.definition
    assert made.definition is first
    made.fn.__globals__["wave"] = math.cos
    assert run(made.definition.fields["source"], "f", 0) == 1.0
    assert made.definition.digest != first.digest


def test_other_options_leave_the_text_of_the_function_that_was_loaded(tmp_path: Path) -> None:
    file = tmp_path / "flows.py"
    file.write_text("from njangi_flows import volunteer_task\n\n@volunteer_task\ndef f(n):\n    return n + 1\n")
    made = runpy.run_path(str(file))["f"]
    file.write_text("from njangi_flows import volunteer_task\n\n@volunteer_task\ndef f(n):\n    return n + 2\n")
    assert run(made.with_options(memory="1GiB").definition.fields["source"], "f", 1) == 2
