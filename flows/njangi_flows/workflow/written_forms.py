"""The forms in which people may write a field, for the JSON Schema of workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

Schema = dict[str, Any]

_LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
"""If one of our validators runs first, pydantic leaves its own names of limits in the schema."""


@dataclass(frozen=True, slots=True, eq=False)
class AlsoWritten:
    """Says of a type that people may also write it in the form `other`. `title` is the name of the type for people."""

    title: str
    other: Schema

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        own = {_LIMITS.get(name, name): value for name, value in handler(core).items()}
        return {"title": self.title, "anyOf": [own, self.other]}


def text(pattern: str, longest: int, **more: str) -> Schema:
    """Return the schema of a text that fits a pattern and has at most `longest` characters."""
    return {**more, "type": "string", "pattern": pattern, "maxLength": longest}


def one_of(*names: str) -> Schema:
    """Return the rule that an object has exactly one of these fields. A field with null counts as left out."""
    return {"oneOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]}
