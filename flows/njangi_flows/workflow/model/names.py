"""The types that fields of a workflow share: names, files, titles, tags, commands."""

from __future__ import annotations

import re
import shlex
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from njangi_flows.workflow.problems import wrong
from njangi_flows.workflow.quantities import Duration

DAY = 86400.0
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FILE_PART = re.compile(r"[^/\\\x00-\x1f\x7f]+")


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


def _title(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise wrong("title")
    return text


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


def _argument(text: str) -> str:
    if "\0" in text:
        raise wrong("argument-nul")
    return text


Slug = Annotated[str, AfterValidator(_slug)]
Parameter = Annotated[str, AfterValidator(_parameter)]
FileName = Annotated[str, AfterValidator(checked_file)]
Limit = Annotated[Duration, Field(gt=0, le=365 * DAY)]
Title = Annotated[str, Field(max_length=100), AfterValidator(_title)]
Tag = Annotated[str, Field(max_length=64), AfterValidator(_title)]
Tags = Annotated[list[Tag], Field(max_length=50)]
Priority = Annotated[int, Field(ge=0, le=100)]
Command = Annotated[
    list[Annotated[str, AfterValidator(_argument)]],
    BeforeValidator(_argument_vector),
    Field(min_length=1, max_length=10_000),
]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, serialize_by_alias=True)
