import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from njangi_agent.dialect import MAX_DEPTH, MAX_DIGITS
from njangi_flows.workflow.document import MAX_BYTES, MAX_YAML_BYTES, Document, read, unfit
from njangi_flows.workflow.kinds import SignalPayload
from njangi_flows.workflow.spec import InvalidSpecError, load
from njangi_flows.workflow.yaml_writer import as_yaml
from pydantic import TypeAdapter


@pytest.mark.parametrize(
    ("text", "document"),
    [
        pytest.param("a: yes\nb: 0x1f\nc: 010", {"a": "yes", "b": 31, "c": 10}, id="yaml-1.2-not-1.1"),
        pytest.param("a: 2026-01-01", {"a": "2026-01-01"}, id="a-date-stays-text"),
        pytest.param('{"a": [1, null, true]}', {"a": [1, None, True]}, id="json"),
        pytest.param("{a: 1}", {"a": 1}, id="yaml-in-braces"),
        pytest.param('{\n\t"a": 1}', {"a": 1}, id="json-with-tabs"),
    ],
)
def test_yaml_and_json_are_read(text: str, document: Any) -> None:
    assert load(text) == document


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        pytest.param("a: &x 1\nb: *x", "line 1: anchors", id="alias"),
        pytest.param("a: 1\nb: 2\na: 2", "line 3, column 1: found duplicate key", id="duplicate-key-yaml"),
        pytest.param('{"a": 1, "a": 2}', "'a' is given twice", id="duplicate-key-json"),
        pytest.param("a: !!python/object:os.system 1", "tags", id="tag"),
        pytest.param("a: 1\n---\nb: 2", "line 2: a file holds one workflow", id="two-documents"),
        pytest.param("%YAML 1.1\n---\na: yes", "only YAML 1.2", id="yaml-1.1"),
        pytest.param("[" * 5000, "nested deeper", id="deep-yaml"),
        pytest.param('{"a":' * 5000, "nested deeper", id="deep-json"),
        pytest.param("a: .nan", "finite number", id="not-a-number"),
        pytest.param('{"a": Infinity}', "finite number", id="infinity-json"),
        pytest.param("1: a", "every key must be text", id="number-as-key"),
        pytest.param("? [1, 2]\n: 3", "every key must be text", id="list-as-key"),
        pytest.param("- a", "a workflow must be an object", id="a-list"),
        pytest.param("", "a workflow must be an object", id="empty"),
        pytest.param("a: [", "line 1, column 5", id="unfinished"),
        pytest.param("a: " + "9" * 5000, "/a: must have at most 4300 digits", id="endless-number"),
        pytest.param("a: 99999999999999999999", "at most 9223372036854775807", id="long-number"),
        pytest.param("a: " + "x" * MAX_YAML_BYTES, "write it as JSON", id="long-yaml"),
        pytest.param(json.dumps({"a": "x" * MAX_BYTES}), "at most 1048576 bytes", id="long-json"),
    ],
)
def test_what_no_workflow_needs_is_refused_and_named(text: str, detail: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        load(text)
    assert detail in str(caught.value)


@pytest.mark.parametrize(
    ("written", "value", "doubt"),
    [
        ("00501", 501, "zeros-lost"),
        ("0777", 777, "zeros-lost"),
        ("010", 10, "zeros-lost"),
        ("-007", -7, "zeros-lost"),
        ("00.5", 0.5, "zeros-lost"),
        ("1.10", 1.1, "zeros-lost"),
        ("0.50", 0.5, "zeros-lost"),
        ("10.0", 10.0, None),
        ("0.5", 0.5, None),
        (".5", 0.5, None),
        ("no", "no", "word-no-truth"),
        ("NO", "NO", "word-no-truth"),
        ("on", "on", "word-no-truth"),
        ("Off", "Off", "word-no-truth"),
        ("yes", "yes", "word-no-truth"),
        ("'no'", "no", None),
        ("true", True, None),
        ("FALSE", False, None),
        ("2026-01-31", "2026-01-31", None),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z", None),
        ("2026_01", "2026_01", None),
        ("1_1", "1_1", None),
        ("0x_1", "0x_1", None),
        ("0b11", "0b11", None),
        ("0o17", 15, None),
        ("0x1F", 31, None),
        ("+33", 33, None),
        ("1e3", 1000.0, "exponent-read"),
        ("12E3", 12000.0, "exponent-read"),
        ("1.5e-9", 1.5e-9, None),
        ("12:30:45", "12:30:45", None),
        ("1:2", "1:2", None),
        ("~", None, None),
        ("Null", None, None),
        ("'00501'", "00501", None),
        (".inf_", ".inf_", None),
        ("<<", "<<", None),
        ("=", "=", None),
        ("9007199254740992", 2**53, None),
        ("9007199254740993", 2**53 + 1, "beyond-doubles"),
        ("9223372036854775807", 2**63 - 1, "beyond-doubles"),
        ("3.14159265358979323846", 3.141592653589793, "digits-lost"),
        ("0.1", 0.1, None),
        ("1e-400", 0.0, "digits-lost"),
    ],
)
def test_scalars_are_those_of_the_core_schema(written: str, value: Any, doubt: str | None) -> None:
    found = read(f"parameters: {{a: [{written}]}}\nb: {written}\n")
    assert found.fields == {"parameters": {"a": [value]}, "b": value}
    assert type(found.fields["b"]) is type(value), "without what the reader remembers of it"
    places = ["/parameters/a/0", "/b"] if doubt else []
    assert [(item.pointer, item.code) for item in found.doubts] == [(place, doubt) for place in places]


def test_nothing_is_null() -> None:
    assert load("a:\nb: [~]\nc: ''") == {"a": None, "b": [None], "c": ""}


@pytest.mark.parametrize("written", [".inf", "-.INF", ".NaN", "1e999"])
def test_what_is_no_number_of_json_is_refused(written: str) -> None:
    with pytest.raises(InvalidSpecError, match="must be a finite number"):
        load(f"a: {written}")


def test_numbers_of_json_are_doubted_likewise() -> None:
    found = read('{"a": 1.10, "b": [1.5, 1e3], "c": "1.10", "d": 9007199254740993}')
    assert [(item.pointer, item.code) for item in found.doubts] == [
        ("/a", "zeros-lost"),
        ("/b/1", "exponent-read"),
        ("/d", "beyond-doubles"),
    ]


_VALUES = st.text(max_size=8) | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(_VALUES | st.booleans() | st.none(), st.lists, max_leaves=8))
@example("one\x85two")
def test_yaml_that_is_written_for_export_is_read_as_what_it_was(value: Any) -> None:
    assert load(as_yaml({"a": value})) == {"a": value}


@pytest.mark.parametrize(
    "text", ["1_1", ".5e3", "+.5", "1.", "no", "On", "0777", "1e3", "12:30:45", "0b1", "~", "", "null", "2026-01-01"]
)
def test_text_that_looks_like_something_else_to_some_reader_is_quoted(text: str) -> None:
    written = as_yaml({"a": text})
    assert read(written) == Document({"a": text}, [])
    assert yaml.safe_load(written) == {"a": text}, "as YAML 1.1 has it"


@given(st.text(max_size=60) | st.text("{}[]:,-&*!|>\"'#% \n\tab1~?", max_size=40))
def test_any_text_is_an_object_or_an_invalid_spec(text: str) -> None:
    try:
        assert isinstance(load(text), dict)
    except InvalidSpecError as error:
        assert error.problems


def nested(levels: int) -> Any:
    value: Any = 2**1279 - 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [nested(MAX_DEPTH), 10**MAX_DIGITS - 1, "a\0b", -0.0], ids=["deep", "long", "NUL", "-0"]
)
def test_what_may_be_a_result_may_be_a_parameter_and_a_payload(value: Any) -> None:
    document = {"parameters": {"x": value}}
    assert repr(load(json.dumps(document))["parameters"]["x"]) == repr(value)
    assert not list(unfit({"x": value}, "parameters"))
    assert TypeAdapter(SignalPayload).validate_python(value) is value


def test_whole_numbers_have_bounds_that_fit_their_place() -> None:
    [problem] = unfit({"tasks": [{"split": {"range": {"stop": 2**63}}}]})
    assert problem.code == "number-too-large"
    [problem] = unfit({"tasks": [{"split": {"items": [2**63, 10**MAX_DIGITS]}}]})
    assert (problem.code, problem.pointer) == ("too-many-digits", "/tasks/0/split/items/1")


def test_the_control_character_nel_is_refused_in_yaml_where_readers_differ_and_kept_where_it_is_escaped() -> None:
    with pytest.raises(InvalidSpecError, match="line 2 has the character"):
        load('b: 1\na: "one\x85two"\n')
    assert load('a: "one\\x85two"\n') == {"a": "one\x85two"} == load('{"a": "one\x85two"}')
