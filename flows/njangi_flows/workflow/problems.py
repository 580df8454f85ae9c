"""What is wrong with a workflow's document: where, and what would be right.

A submitter mends a document once, not once per mistake, so problems are collected and raised together.
"""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from njangi_flows.errors import FlowsError
from njangi_flows.workflow.sentences import NEAR, SENTENCES, Value, Values, sentence, shortened

_MOST_COMPARED = 200
_FOLLOWS = "default_factory_not_called"  # a default that depends on a field with a problem of its own
_OF_PARENT = "of_parent"
"""Marks an error that a field's validator finds but that belongs to the object around the field."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `pointer` is the JSON Pointer (RFC 6901) of the place in the document.

    `detail` tells it in English; `code` and `values` are for other languages, as `sentences` has them. The code is
    empty where the words are another library's.
    """

    pointer: str
    detail: str
    code: str = field(default="", compare=False)
    values: Values = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, pointer: str, code: str, **values: Value) -> Self:
        """Return the problem that the sentence of `code` tells with these values."""
        told = _told(values)
        return cls(pointer, sentence(code, told), code, shortened(told))

    def __str__(self) -> str:
        return f"{self.pointer or '(document)'}: {self.detail}"


class InvalidSpecError(FlowsError, ValueError):
    """The document is no workflow; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems)
        self.problems = list(problems)

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


def pointer(*parts: str | int) -> str:
    """Return the JSON Pointer that leads along `parts` from the document's root."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like `name`, or the empty text if none is like it."""
    likely = difflib.get_close_matches(name[:100], list(islice(known, _MOST_COMPARED)), n=1)
    return likely[0] if likely else ""


def wrong(code: str, **values: Value) -> PydanticCustomError:
    """Return an error, a ValueError, for a validator to raise: what the sentence of `code` tells with these values."""
    return _error(code, values)


def wrong_around(code: str, **values: Value) -> PydanticCustomError:
    """Return an error for a field's validator to raise about the object that the field belongs to."""
    return _error(code, values, **{_OF_PARENT: True})


def _error(code: str, values: Mapping[str, Value], **marks: bool) -> PydanticCustomError:
    told = _told(values)
    facts = {"detail": sentence(code, told), "values": shortened(told), **marks}
    return PydanticCustomError(code, "{detail}", facts)


def _told(values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name != NEAR or value}


def reworded(error: ValidationError, model: type[BaseModel], *, most: int) -> list[Problem]:
    """Return what pydantic found when it read a document as `model`, in sentences: the `most` first of it."""
    found = [details for details in error.errors(include_url=False) if details["type"] != _FOLLOWS]
    return [_problem(details, model) for details in found[:most]]


def coded(error: ErrorDetails, fields: Sequence[str] = ()) -> tuple[str, dict[str, Value]]:
    """Return code and values of an error that pydantic found; an empty code where no sentence tells it.

    `fields` are those that there are at its place, if that is known.
    """
    kind, value, facts = error["type"], error["input"], error.get("ctx", {})
    if "values" in facts:
        return kind, facts["values"]
    if kind == "extra_forbidden":
        name = str(error["loc"][-1])
        near: dict[str, Value] = {NEAR: nearest(name, fields), "known": [*fields]} if fields else {}
        return "extra-forbidden", _told({"name": name[:100], **near})
    if kind == "literal_error":
        words = str(facts["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        near = {NEAR: nearest(value, words)} if isinstance(value, str) else {}
        return "literal-error", _told({"known": words, "given": shown(value), **near})
    code = _CODES.get(kind, kind.replace("_", "-"))
    if kind == "string_too_short" and facts["min_length"] == 1:
        code = "string-empty"
    return (code, _values(error)) if code in SENTENCES else ("", {})


_CODES = {
    "dict_type": "object-type",
    "model_type": "object-type",
    "model_attributes_type": "object-type",
    "int_parsing": "int-type",
    "int_from_float": "int-type",
    "float_parsing": "float-type",
}
_LIMITS = ("gt", "ge", "lt", "le", "min_length", "max_length")


def _problem(error: ErrorDetails, model: type[BaseModel]) -> Problem:
    place = list(error["loc"])
    if _OF_PARENT in error.get("ctx", {}):
        place.pop()
    if place and place[-1] == "[key]":
        place.pop()
    at = pointer(*place)
    fields = _fields_at(error["loc"][:-1], model) if error["type"] == "extra_forbidden" else ()
    code, values = coded(error, fields)
    if "values" in error.get("ctx", {}) or not code:
        return Problem(at, error["msg"], code, values)
    return Problem.of(at, code, **values)


def _values(error: ErrorDetails) -> dict[str, Value]:
    """Return what the sentences of pydantic's errors name: a limit, how many there are, the value itself."""
    facts = error.get("ctx", {})
    values: dict[str, Value] = {"given": shown(error["input"])}
    for name in _LIMITS:
        if isinstance(facts.get(name), int | float):
            values["limit"] = facts[name]
    if isinstance(facts.get("actual_length"), int):
        values["count"] = facts["actual_length"]
    return values


def _fields_at(place: tuple[str | int, ...], model: type[BaseModel]) -> list[str]:
    """Return the field names of the model that reads the object at `place`."""
    for part in place:
        if isinstance(part, str):
            field = next(f for name, f in model.model_fields.items() if part in (name, f.alias))
            model = next(_models_in(field.annotation))
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and never a whole list or object."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value, ensure_ascii=False, default=lambda other: type(other).__name__)
    return text if len(text) <= 60 else f"{text[:57]}..."
