"""Refuse JSON that cannot be kept as it is: nested too deep, with numbers or text that others cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

DEEPEST = 64
"""Levels of arrays and objects; MongoDB keeps 100, and those of ours around them count."""
_LARGEST = 2**63


async def check_json(connection: HTTPConnection) -> None:
    """Raise 422 for a JSON body that MongoDB, or another language, could not take. For all routes, before their own."""
    if not isinstance(connection, Request) or not hasattr(connection, "_json"):
        return
    if (fault := fault_of(await connection.json())) is not None:
        raise RequestValidationError([{"loc": ("body",), "msg": fault}])


def fault_of(value: Any) -> str | None:
    """Return what is wrong with a JSON value, None if nothing is. Goes level by level: no depth exhausts it."""
    level, depth = [value], 0
    while level:
        for item in level:
            if (fault := _fault(item)) is not None:
                return fault
        level = [child for item in level for child in _children(item)]
        depth += 1
        if depth > DEEPEST + 1:
            return f"the JSON is nested deeper than {DEEPEST} levels"
    return None


def _children(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.keys()
        yield from item.values()
    elif isinstance(item, list):
        yield from item


def _fault(item: Any) -> str | None:
    if type(item) is int:
        return None if -_LARGEST <= item < _LARGEST else "the JSON holds a whole number of more than 64 bits"
    if type(item) is float:
        return None if item - item == 0 else "the JSON holds a number that is none, or infinite"
    if type(item) is str and not item.isascii():
        try:
            item.encode()
        except UnicodeEncodeError:
            return "the JSON holds half a surrogate pair, which is no text"
    if type(item) is str and "\0" in item:
        return "the JSON holds a NUL character"
    return None
