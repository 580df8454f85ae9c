"""docs/workflows.md and the JSON Schema describe every field of the model, and the examples of all pages work."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.model import AggregateSpec, WorkflowSpec, reference
from njangi_flows.workflow.model.json_schema import schema
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tests.doc_examples import examples, texts_in, workflow_of
from tests.pages import CHECKOUT, pages

SCHEMA = schema()
PLACES = reference.objects(SCHEMA)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
Model = type[BaseModel]


def fields(model: Model, place: str = "workflow") -> Iterator[tuple[str, FieldInfo]]:
    """Yield each field of a model and of the models in it, with the path that the page has for it."""
    for name, field in model.model_fields.items():
        full = reference.path(place, field.alias or name)
        yield full, field
        for inner in models_in(field.annotation):
            if inner is not AggregateSpec:  # written as a word, or as an object of another form
                yield from fields(inner, full + ("[]" if full == "tasks" else ""))


def models_in(annotation: object) -> Iterator[Model]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


FIELDS = dict(fields(WorkflowSpec))


def in_schema(full: str) -> dict[str, Any]:
    place, _, name = full.rpartition(".")
    found: dict[str, Any] = PLACES[place or "workflow"]["properties"][name]
    return found


def whole(full: str, value: Any) -> dict[str, Any]:
    """Return a workflow in which a field has a value."""
    made = reference.in_context(full, value, PLACES)
    if "tasks" in made and not full.startswith("tasks[]"):
        return made
    if not made.keys() & {"command", "python", "wait", "sleep", "workflow"}:
        made = {"command": "true", **made}
    return {"name": "example", "tasks": [{"name": "one", **made}]}


def accepted(document: Any) -> bool:
    try:
        WorkflowSpec.model_validate(document)
    except ValidationError:
        return False
    return True


def test_the_page_and_the_schema_are_those_of_the_model() -> None:
    """When this fails: `make workflow-docs`."""
    page = (CHECKOUT / reference.PAGE).read_text()
    assert page == reference.filled(page)
    assert (CHECKOUT / reference.SCHEMA).read_text() == reference.schema_text()


@pytest.mark.parametrize("full", FIELDS)
def test_a_field_is_described_with_an_example_on_the_page_and_in_the_schema(full: str) -> None:
    page = (CHECKOUT / reference.PAGE).read_text()
    _, found, section = page.partition(f"\n### `{full}`\n")
    section = section.partition("\n##")[0]
    description = FIELDS[full].description
    assert found and description and description in section
    assert "\nType: " in section and "```yaml\n" in section
    assert in_schema(full)["description"] == description
    assert in_schema(full)["examples"]


def test_the_page_explains_every_kind_of_value_that_it_names() -> None:
    _, _, table = (CHECKOUT / reference.PAGE).read_text().partition("## Kinds of values\n")
    explained = re.findall(r"^\| ([^|]+) \|", table.partition("\n## ")[0], re.MULTILINE)
    named = re.findall(r"\[([^\]]+)\]\(#kinds-of-values\)", table)
    assert set(named) == set(explained) - {"type", "---"} and len(named) > 30


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_examples_of_a_page_are_workflows(page: Path) -> None:
    for example in examples(page):
        document = specs.authored(workflow_of(example))
        try:
            specs.parse(document, files={*texts_in(document)})
        except specs.InvalidSpecError as error:
            pytest.fail(f"{example}{error}\n(YAML that is no workflow and no part of one is tagged `yml`)")
        VALIDATOR.validate(document)


def test_the_schema_accepts_the_workflows_of_the_library() -> None:
    paths = list((CHECKOUT / "flows" / "library").glob("*/workflow.yaml"))
    assert len(paths) > 5
    for path in paths:
        VALIDATOR.validate(specs.load(path.read_text()))


def test_the_schema_accepts_a_workflow_that_was_written_out() -> None:
    for example in examples(CHECKOUT / reference.PAGE):
        document = workflow_of(example)
        VALIDATOR.validate(WorkflowSpec.model_validate(document).model_dump(mode="json"))


@pytest.mark.parametrize("place", PLACES)
def test_the_schema_refuses_an_unknown_field(place: str) -> None:
    inner = next(iter(PLACES[place]["properties"]))
    full = reference.path(place, inner)
    document = whole(full, in_schema(full)["examples"][0])
    VALIDATOR.validate(document)
    target: Any = document
    for step in place.split(".") if place != "workflow" else ():
        target = target["tasks"][0] if step == "tasks[]" else target[step]
    target["unheard_of"] = 1
    assert not VALIDATOR.is_valid(document)


VALUES: list[Any] = [
    *(None, True, False, 0, 1, 2, 50, -1, 10**9, 10**16, 0.5, 2.5, -0.5, 1e30),
    *("", " ", "a", "A b", "ab", "5%", "500%", "10m", "1h 30m", "10", "10 m", "256MiB", "1.5 gb", "3 parsecs", "json"),
    *("auto", "list", "lines", "a/b", "../b", "/b", "a\\b", "two\nlines", "x" * 300, "data/*.csv", "cancel", "{part}"),
    *(
        [],
        ["a"],
        ["a", "a"],
        [1],
        [None],
        ["a/../b"],
        [{}],
        {},
        {"a": "b"},
        {"a b": "b"},
        {"a": 1},
        {"a": []},
        {"a": [1]},
    ),
    *(
        {"concat": "lines"},
        {"concat": "list"},
        {"table": {"columns": ["a"]}},
        {"table": {}},
        {"kind": "sum"},
        {"stop": 9},
    ),
]


LEFT_TO_THE_SERVICE = ("tasks[].split.range.start", "tasks[].split.range.stop", "tasks[].split.range.step")
"""How many numbers there are between them."""


@pytest.mark.parametrize("full", FIELDS)
def test_the_schema_accepts_of_a_field_what_the_model_accepts_and_nothing_else(full: str) -> None:
    for value in [*VALUES, *in_schema(full)["examples"]]:
        document = whole(full, value)
        if accepted(document):
            VALIDATOR.validate(document)
        elif full not in LEFT_TO_THE_SERVICE or not isinstance(value, int | float):
            assert not VALIDATOR.is_valid(document), value
