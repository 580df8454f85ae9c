"""What is wrong with a workflow's document: where, and what would be right.

A submitter mends a document once, not once per mistake, so problems are collected and raised together.
"""

from __future__ import annotations

import difflib
import json
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

_MOST_COMPARED = 200
_FOLLOWS = "default_factory_not_called"  # a default that depends on a field with a problem of its own
OF_PARENT = "of_parent"
"""The type of an error that a field's validator finds but that belongs to the object around the field."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `pointer` is the JSON Pointer (RFC 6901) of the place in the document."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer or '(document)'}: {self.detail}"


class InvalidSpecError(ValueError):
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
    """Return `; did you mean 'x'?` for the known name most like `name`, or the empty text."""
    likely = difflib.get_close_matches(name[:100], list(islice(known, _MOST_COMPARED)), n=1)
    return f"; did you mean '{likely[0]}'?" if likely else ""


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence lists them, shortened when there are very many."""
    names = list(names)
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "") or "none"


def reworded(error: ValidationError, model: type[BaseModel], *, most: int) -> list[Problem]:
    """Return what pydantic found when it read a document as `model`, in sentences: the `most` first of it."""
    found = [details for details in error.errors(include_url=False) if details["type"] != _FOLLOWS]
    return [_problem(details, model) for details in found[:most]]


def of_parent(detail: str) -> PydanticCustomError:
    """Return an error for a field's validator to raise about the object that the field belongs to."""
    return PydanticCustomError(OF_PARENT, "{detail}", {"detail": detail})


_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def _problem(error: ErrorDetails, model: type[BaseModel]) -> Problem:
    place = list(error["loc"])
    if error["type"] == OF_PARENT:
        place.pop()
    if place and place[-1] == "[key]":
        place.pop()
    return Problem(pointer(*place), _detail(error, model))


def _detail(error: ErrorDetails, model: type[BaseModel]) -> str:
    kind, value, facts = error["type"], error["input"], error.get("ctx", {})
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, not {_shown(value)}"
    match kind:
        case "value_error":
            return str(facts["error"])
        case "missing":
            return "is required"
        case "extra_forbidden":
            return _unknown_field(error["loc"], model)
        case "literal_error":
            words = str(facts["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            suggestion = nearest(value, words) if isinstance(value, str) else ""
            return f"must be one of {', '.join(words)}, not {_shown(value)}{suggestion}"
        case "greater_than":
            return f"must be more than {facts['gt']:g}, not {_shown(value)}"
        case "greater_than_equal":
            return f"must be {facts['ge']:g} or more, not {_shown(value)}"
        case "less_than_equal":
            return f"must be {facts['le']:,} or less, not {_shown(value)}"
        case "too_short":
            return f"must hold at least {facts['min_length']}"
        case "too_long":
            return f"must hold at most {facts['max_length']}, not {facts['actual_length']}"
        case "string_too_long":
            return f"must be at most {facts['max_length']} characters long"
        case "string_too_short":
            return "must not be empty"
        case _:
            return error["msg"]


def _unknown_field(place: tuple[str | int, ...], model: type[BaseModel]) -> str:
    known = _fields_at(place[:-1], model)
    name = str(place[-1])
    return f"unknown field '{name[:100]}'{nearest(name, known) or f'; fields here: {listed(known)}'}"


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


def _shown(value: object) -> str:
    """Return a value as a message shows it: short, and never a whole list or object."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    text = json.dumps(value, ensure_ascii=False, default=lambda other: type(other).__name__)
    return text if len(text) <= 60 else f"{text[:57]}..."
