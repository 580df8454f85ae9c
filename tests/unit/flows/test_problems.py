"""Errors of pydantic become problems with a code, whoever reads the document or the request."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from njangi_flows.workflow.problems import coded, reworded, wrong
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError


def _even(value: int) -> int:
    if value % 2:
        raise wrong("given-twice", name=str(value))
    return value


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    word: Literal["red", "green"] = "red"
    name: str = Field(default="x", min_length=1)
    secret: str = Field(default="0123456789", min_length=10)
    count: Annotated[int, Field(ge=0, le=100), AfterValidator(_even)] = 0
    when: float = Field(default=0.0, multiple_of=2)


@pytest.mark.parametrize(
    ("form", "code", "values"),
    [
        pytest.param({"word": "grene"}, "literal-error", {"near": "green", "given": '"grene"'}, id="near a word"),
        pytest.param({"word": "ultramarine"}, "literal-error", {"known": ["red", "green"]}, id="near none"),
        pytest.param({"name": ""}, "string-empty", {}, id="empty"),
        pytest.param({"secret": "short"}, "string-too-short", {"limit": 10}, id="too short"),
        pytest.param({"count": 200}, "less-than-equal", {"limit": 100, "given": "200"}, id="too much"),
        pytest.param({"count": [1]}, "int-type", {"given": "a list"}, id="a list"),
        pytest.param({"count": 3}, "given-twice", {"name": "3"}, id="an error of ours"),
        pytest.param({"other": 3}, "extra-forbidden", {"name": "other"}, id="unknown"),
        pytest.param({"when": 3.0}, "", {}, id="what has no sentence"),
    ],
)
def test_what_pydantic_finds_has_a_code_and_its_values(form: dict[str, Any], code: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Form.model_validate(form)
    [error] = caught.value.errors()
    found, told = coded(error)
    assert found == code and told.items() >= values.items()
    assert told.get("near") != ""
    [problem] = reworded(caught.value, Form, most=10)
    assert problem.code == code and problem.detail
