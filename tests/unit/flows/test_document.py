import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from njangi_flows.document import MAX_BYTES, MAX_YAML_BYTES
from njangi_flows.spec import InvalidSpecError, load


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
        pytest.param("- a", "a workflow is an object", id="a-list"),
        pytest.param("", "a workflow is an object", id="empty"),
        pytest.param("a: [", "line 1, column 5", id="unfinished"),
        pytest.param("a: " + "9" * 5000, "neither YAML nor JSON", id="endless-number"),
        pytest.param("a: 99999999999999999999", "at most 9223372036854775807", id="long-number"),
        pytest.param("a: " + "x" * MAX_YAML_BYTES, "write it as JSON", id="long-yaml"),
        pytest.param(json.dumps({"a": "x" * MAX_BYTES}), "at most 1048576 bytes", id="long-json"),
    ],
)
def test_what_no_workflow_needs_is_refused_and_named(text: str, detail: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        load(text)
    assert detail in str(caught.value)


@given(st.text(max_size=60) | st.text("{}[]:,-&*!|>\"'#% \n\tab1~?", max_size=40))
def test_any_text_is_an_object_or_an_invalid_spec(text: str) -> None:
    try:
        assert isinstance(load(text), dict)
    except InvalidSpecError as error:
        assert error.problems
