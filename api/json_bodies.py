"""Refuse JSON that cannot be kept as it is: nested too deep, with numbers or text that others cannot read.

Whole numbers of any size are well: parameters and results are kept as text (docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

DEEPEST = 64
"""Levels of arrays and objects; MongoDB keeps 100, and those of ours around them count."""


async def check_json(connection: HTTPConnection) -> None:
    """Raise 422 for a JSON body that MongoDB, or another language, could not take. For all routes, before their own."""
    if not isinstance(connection, Request) or not hasattr(connection, "_json"):
        return
    if (found := fault_of(await connection.json())) is not None:
        steps, fault = found
        raise RequestValidationError([{"type": "unfit", "loc": ("body", *steps), "msg": fault, "input": None}])


def fault_of(value: Any) -> tuple[tuple[str | int, ...], str] | None:
    """Return where something is wrong with a JSON value, and what. Goes level by level: no depth exhausts it."""
    level: list[Any] = [value]
    for _ in range(DEEPEST + 1):
        for item in level:
            if (fault := _fault(item)) is not None:
                return _place(value, item), fault
        level = [child for item in level for child in _children(item)]
        if not level:
            return None
    return (), f"the JSON is nested deeper than {DEEPEST} levels"


def _children(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.keys()
        yield from item.values()
    elif isinstance(item, list):
        yield from item


def _place(value: Any, fault: Any) -> tuple[str | int, ...]:
    """Return the steps to the object `fault`; to the object that has it, where it is a key and may be no text."""
    level: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while level:
        below: list[tuple[tuple[str | int, ...], Any]] = []
        for steps, item in level:
            if item is fault or (isinstance(item, dict) and any(key is fault for key in item)):
                return steps
            if isinstance(item, dict):
                below += [((*steps, name), part) for name, part in item.items()]
            elif isinstance(item, list):
                below += [((*steps, index), part) for index, part in enumerate(item)]
        level = below
    return ()


def _fault(item: Any) -> str | None:
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
