"""Decide what a value that is given for a parameter means: its default says of what kind it must be.

A text for a parameter whose default is text stays as it is. For another default the text is read as that, or refused;
so command line, console and API mean the same by the same characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from njangi_flows.errors import FlowsError
from njangi_flows.workflow.core_schema import loses, whole_number
from njangi_flows.workflow.document import load_value, unfit
from njangi_flows.workflow.problems import InvalidSpecError, Problem, nearest, pointer, shown

_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class NotOfKindError(FlowsError, ValueError):
    """A value is of another kind than the default of its parameter."""


def kind_of(value: object) -> str:
    """Return the kind of a value; the empty text for null, beside which anything may be given."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "object"


def _read(text: str, kind: str) -> Any:
    """Return the value of a kind other than text that a text means.

    Raises NotOfKindError, and InvalidSpecError for JSON that is not carried.
    """
    if kind == "number":
        return _number(text.strip())
    if kind == "truth":
        if text.strip() not in _TRUTHS:
            raise NotOfKindError
        return _TRUTHS[text.strip()]
    value = load_value(text)
    if kind_of(value) != kind:
        raise NotOfKindError
    return value


def untyped(text: str) -> Any:
    """Return what a text means where nothing says of what kind it is: JSON, unless that loses digits, else text.

    Raises InvalidSpecError for JSON that is not carried; a number that is not (NaN, 5,000 digits) is text.
    """
    if _FLOAT.fullmatch(text) and not _WHOLE.fullmatch(text) and loses(text):
        return text
    try:
        return load_value(text)
    except InvalidSpecError as error:
        if error.problems[0].code in ("not-finite", "too-many-digits") and not error.problems[0].pointer:
            return text
        raise


def fitting(name: str, value: Any, default: JsonValue, *, strict: bool = True) -> tuple[Any, Problem | None]:
    """Return a value as its parameter takes it, and what is wrong with it.

    Unless `strict`, a value of another kind is taken as it is.
    """
    kind = kind_of(default)
    if kind in ("", kind_of(value)):
        return value, None
    try:
        if isinstance(value, str):
            found = _read(value, kind)
            return found, next(unfit(found, "parameters", name), None)
    except NotOfKindError:
        pass
    except InvalidSpecError as error:
        return value, _in_parameter(name, error.problems[0])
    if not strict:
        return value, None
    return value, Problem.of(pointer("parameters", name), f"parameter-{kind}", given=shown(value))


def _in_parameter(name: str, problem: Problem) -> Problem:
    """Return the problem of a value as one of the parameter that has it."""
    return Problem.of(pointer("parameters", name) + problem.pointer, problem.code, **problem.values)


def typed(texts: Mapping[str, str], defaults: Mapping[str, JsonValue]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values of texts as `-p name=text` gives them, and what is wrong with them."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in texts.items():
        if name not in defaults:
            problems.append(no_parameter(name, defaults))
            continue
        problem = next(unfit(text, "parameters", name), None)
        if problem is None:
            values[name], problem = _typed(name, text, defaults[name])
        problems += [problem] if problem is not None else []
    return values, problems


def _typed(name: str, text: str, default: JsonValue) -> tuple[Any, Problem | None]:
    if default is not None:
        return fitting(name, text, default)
    try:
        return untyped(text), None
    except InvalidSpecError as error:
        return text, _in_parameter(name, error.problems[0])


def no_parameter(name: str, defaults: Mapping[str, JsonValue]) -> Problem:
    """Return the problem that a workflow has no parameter of that name."""
    place, near = pointer("parameters", name), nearest(name, defaults)
    return Problem.of(place, "no-parameter", name=name[:100], known=list(defaults), near=near)


def _number(text: str) -> int | float:
    if _WHOLE.fullmatch(text):
        return whole_number(text)
    if not _FLOAT.fullmatch(text):
        raise NotOfKindError
    number = float(text)
    if not math.isfinite(number):
        raise NotOfKindError
    return number
