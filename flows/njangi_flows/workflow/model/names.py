"""The types that fields of a workflow share: names, files, titles, tags, commands."""

from __future__ import annotations

import re
import shlex
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from njangi_flows.workflow.problems import wrong
from njangi_flows.workflow.quantities import Duration
from njangi_flows.workflow.written_forms import text

DAY = 86400.0
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FILE_PART = re.compile(r"[^/\\\x00-\x1f\x7f]+")
_PART_PATTERN = r"(?!\.{1,2}(/|$))[^/\\\x00-\x1f\x7f]+"
FILE_SCHEMA = text(f"^{_PART_PATTERN}(/{_PART_PATTERN})*$", 200, title="file name")
_WORD = r"[^\s!-/:-@\[-^`{-~]"  # no white space, no punctuation of ASCII but _
MOST_ARGUMENTS = 10_000
UNIQUE: JsonDict = {"uniqueItems": True}


def is_slug(name: object) -> bool:
    return isinstance(name, str) and len(name) <= 64 and _SLUG.fullmatch(name) is not None


def _slug(name: str) -> str:
    if not is_slug(name):
        raise wrong("slug")
    return name


def _parameter(name: str) -> str:
    if len(name) > 64 or not _PARAMETER.fullmatch(name):
        raise wrong("parameter-name")
    return name


def checked_file(name: str) -> str:
    parts = name.split("/")
    if len(name) > 200 or any(part in ("", ".", "..") or not _FILE_PART.fullmatch(part) for part in parts):
        raise wrong("file-name")
    return name


def _function(name: str) -> str:
    if len(name) > 200 or not name.isidentifier():
        raise wrong("function-name")
    return name


def _title(line: str) -> str:
    if not line.strip() or not line.isprintable():
        raise wrong("title")
    return line


def unique(names: list[str]) -> list[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise wrong("given-twice", name=name)
        seen.add(name)
    return names


def _argument_vector(command: object) -> object:
    """Split a command given as one text as a shell would; no shell ever sees it."""
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise wrong("not-splittable", why=str(error).lower()) from None
    if not isinstance(command, list):
        raise wrong("command")
    return command


def _argument(argument: str) -> str:
    if "\0" in argument:
        raise wrong("argument-nul")
    return argument


Slug = Annotated[
    str,
    AfterValidator(_slug),
    WithJsonSchema(text(r"^[a-z0-9][a-z0-9_-]*$", 64, title="name")),
]
Parameter = Annotated[
    str,
    AfterValidator(_parameter),
    WithJsonSchema(text(r"^[A-Za-z_][A-Za-z0-9_]*$", 64, title="parameter name")),
]
FileName = Annotated[str, AfterValidator(checked_file), WithJsonSchema(FILE_SCHEMA)]
FunctionName = Annotated[
    str,
    AfterValidator(_function),
    WithJsonSchema(text(rf"^(?![0-9]){_WORD}+$", 200, title="function name")),
]
Limit = Annotated[Duration, Field(gt=0, le=365 * DAY)]
Title = Annotated[
    str,
    Field(max_length=100),
    AfterValidator(_title),
    WithJsonSchema(text(r"^.*\S.*$", 100, title="line of text")),
]
Tag = Annotated[
    str,
    Field(max_length=64),
    AfterValidator(_title),
    WithJsonSchema(text(r"^.*\S.*$", 64, title="line of text")),
]
Tags = Annotated[list[Tag], Field(max_length=50)]
Priority = Annotated[int, Field(ge=0, le=100)]
Command = Annotated[
    list[Annotated[str, AfterValidator(_argument)]],
    BeforeValidator(_argument_vector),
    Field(min_length=1, max_length=MOST_ARGUMENTS),
    WithJsonSchema(
        {
            "title": "command",
            "anyOf": [
                {"type": "string", "pattern": r"\S"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MOST_ARGUMENTS},
            ],
        }
    ),
]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, serialize_by_alias=True)
