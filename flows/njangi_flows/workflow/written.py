"""The forms in which fields may be written, as their JSON Schema tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

Schema = dict[str, Any]

_LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
"""Pydantic leaves its own names of limits in the schema of a field that a validator of ours reads first."""


@dataclass(frozen=True, slots=True, eq=False)
class Or:
    """Annotates a type that may be written in another form too, `other`; people call the type `title`."""

    title: str
    other: Schema

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        own = {_LIMITS.get(name, name): value for name, value in handler(core).items()}
        return {"title": self.title, "anyOf": [own, self.other]}


def text(title: str, pattern: str, longest: int) -> Schema:
    """Return the schema of a text that fits a pattern and has at most `longest` characters."""
    return {"title": title, "type": "string", "pattern": pattern, "maxLength": longest}


def one_of(*names: str) -> Schema:
    """Return what says that an object has exactly one of these fields; null counts as left out."""
    return {"oneOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]}
