"""Refuse JSON that cannot be stored as it is: values outside our dialect, and NUL in texts.

Values that belong to people's programs are kept as JSON (docs/decisions/0006), where NUL is an escape like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from njangi_agent.dialect import MESSAGE_DEPTH, Step, fault_in, fault_of
from starlette.requests import HTTPConnection

_NUL = "the JSON holds a NUL character"
_NUL_ESCAPED = b"\\u0000"
_VALUES = ("parameters", "payload")
"""Fields of a body that hold values."""
_ALL_VALUES = "/v1/flow/"
"""What begins the addresses of calls whose texts all come from values, or go to people only."""


async def check_json(connection: HTTPConnection) -> None:
    """Raise 422 for a JSON body that MongoDB, or another program, could not take. For all routes, before their own."""
    if not isinstance(connection, Request) or not hasattr(connection, "_json"):
        return
    body, raw = await connection.json(), await connection.body()
    ours = connection.url.path.startswith(_ALL_VALUES)
    found = fault_of(body, depth=MESSAGE_DEPTH) if ours else _fault_in(raw, body)
    if found is None and _NUL_ESCAPED in raw and not ours:
        place = nul_in(body)
        found = (list(place), _NUL) if place is not None else None
    if found is not None:
        raise _refusal(*found)


async def fault_of_unread(request: Request) -> RequestValidationError | None:
    """Return what is not carried in a body that could not even be read; None if it is no JSON at all."""
    try:
        found = fault_in(await request.body(), depth=MESSAGE_DEPTH)
    except ValueError:
        return None
    return None if found is None else _refusal(*found)


def _fault_in(raw: bytes, body: Any) -> tuple[list[Step], str] | None:
    """Return what is not carried, and what cannot be told from what was read of it: a key that comes twice."""
    try:
        return fault_in(raw, depth=MESSAGE_DEPTH)
    except ValueError:  # in UTF-16, say
        return fault_of(body, depth=MESSAGE_DEPTH)


def _refusal(steps: Sequence[Step], fault: str) -> RequestValidationError:
    return RequestValidationError([{"type": "unfit", "loc": ("body", *steps), "msg": fault, "input": None}])


def nul_in(body: Any) -> tuple[Step, ...] | None:
    """Return the steps to a NUL character outside of values, to the object that has it if it is in a key.

    Goes no deeper than what `fault_of` let pass.
    """
    if isinstance(body, dict):
        body = {name: part for name, part in body.items() if name not in _VALUES}
    return next(_nul(body), None)


def _nul(value: Any, *place: Step) -> Iterator[tuple[Step, ...]]:
    if isinstance(value, str) and "\0" in value:
        yield place
    elif isinstance(value, dict):
        for name, part in value.items():
            if "\0" in name:
                yield place
            yield from _nul(part, *place, name)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _nul(part, *place, index)
