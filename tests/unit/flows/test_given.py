"""What a value that is given for a parameter means beside its default."""

from typing import Any

import pytest
from njangi_flows.workflow.parameter_values import fitting, typed, untyped
from njangi_flows.workflow.spec import InvalidSpecError, parse, run_parameters


def a_spec(language: int, **parameters: Any) -> Any:
    return parse(
        {"name": "w", "language": language, "parameters": parameters, "tasks": [{"name": "t", "command": "true"}]},
        files=(),
    )


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        ("a", "1.10", "1.10"),
        ("a", "0612345678", "0612345678"),
        ("a", "null", "null"),
        ("a", " true ", " true "),
        ("", "[1]", "[1]"),
        (3, "12", 12),
        (3, "+012", 12),
        (3, "0x1F", 31),
        (3, "1e3", 1000.0),
        (1.5, "2", 2),
        (3, "123456789012345678901234567890", 123456789012345678901234567890),
        (True, "false", False),
        ([1], "[2, 3]", [2, 3]),
        ({}, '{"a": 1}', {"a": 1}),
        ([1], f"[{2**127 - 1}]", [2**127 - 1]),
        ({}, f'{{"a": [{2**1279 - 1}]}}', {"a": [2**1279 - 1]}),
    ],
)
def test_a_text_is_read_as_its_default_is(default: Any, text: str, value: Any) -> None:
    assert typed({"x": text}, {"x": default}) == ({"x": value}, [])
    assert type(fitting("x", text, default)[0]) is type(value)


@pytest.mark.parametrize(
    ("default", "value", "code"),
    [
        (3, "many", "parameter-number"),
        (3, "1_000", "parameter-number"),
        (3, ".inf", "parameter-number"),
        (3, "", "parameter-number"),
        pytest.param(3, "9" * 4301, "too-many-digits", id="more digits than are carried"),
        pytest.param(3, "0x" + "f" * 4000, "too-many-digits", id="as many in hexadecimal"),
        (3, True, "parameter-number"),
        (3, None, "parameter-number"),
        ("a", 1.1, "parameter-text"),
        ("a", ["b"], "parameter-text"),
        (False, "yes", "parameter-truth"),
        (False, 1, "parameter-truth"),
        ([], "{}", "parameter-list"),
        ({}, "[1", "parameter-object"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_it_must_be(default: Any, value: Any, code: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        run_parameters(a_spec(2, x=default), {"x": value})
    [problem] = caught.value.problems
    assert (problem.pointer, problem.code) == ("/parameters/x", code)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("1.10", "1.10"),
        ("0612", "0612"),
        ("2.5", 2.5),
        ('"a"', "a"),
        ("null", None),
        ("a b", "a b"),
        ("1e3", 1e3),
        (str(2**1279 - 1), 2**1279 - 1),
        (f"[{2**127 - 1}]", [2**127 - 1]),
    ],
)
def test_beside_null_a_text_is_json_unless_that_loses_digits(text: str, value: Any) -> None:
    assert untyped(text) == value
    assert typed({"x": text}, {"x": None}) == ({"x": value}, [])


def test_a_workflow_of_the_first_language_takes_what_it_took() -> None:
    spec = a_spec(1, n=3, text="a")
    assert run_parameters(spec, {"n": "many", "text": 1.1}) == {"n": "many", "text": 1.1}
    assert run_parameters(spec, {"n": "5"}) == {"n": 5, "text": "a"}


@pytest.mark.parametrize("default", [None, [], {}])
@pytest.mark.parametrize(
    ("text", "pointer", "code"),
    [
        ('{"a": 1, "a": 2}', "/parameters/x", "key-twice"),
        ('[1, {"a": 1e400}]', "/parameters/x/1/a", "not-finite"),
        ("[NaN]", "/parameters/x/0", "not-finite"),
        ('["\\ud800"]', "/parameters/x/0", "broken-text"),
        ("[" + "9" * 4301 + "]", "/parameters/x/0", "too-many-digits"),
        ("[" * 300 + "]" * 300, "/parameters/x" + "/0" * 81, "too-deep"),
    ],
    ids=["key twice", "1e400", "NaN", "half a pair", "digits", "depth"],
)
def test_a_text_that_brings_what_is_not_carried_is_refused(default: Any, text: str, pointer: str, code: str) -> None:
    _, [problem] = typed({"x": text}, {"x": default})
    assert (problem.pointer, problem.code) == (pointer, code)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400", "9" * 4301])
def test_beside_null_a_number_that_is_not_carried_is_text(text: str) -> None:
    assert typed({"x": text}, {"x": None}) == ({"x": text}, [])


@pytest.mark.parametrize("default", [None, "a", 3, [1]])
def test_an_argument_that_is_no_utf_8_is_refused(default: Any) -> None:
    _, [problem] = typed({"x": "caf\udce9"}, {"x": default})
    assert problem.code == "broken-text"
