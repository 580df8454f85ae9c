"""Refuse addresses with a NUL character: no name of ours has one, and MongoDB cannot store it.

`api.http.json_bodies` checks bodies; the server refuses headers with such a character before.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import HTTPConnection

FAULT = "a NUL character is no text that is taken here"


async def check_address(connection: HTTPConnection) -> None:
    """Raise 422 for a NUL character in the path or the query. For all routes, before their own."""
    if not isinstance(connection, Request):
        return
    places = [("path", name) for name, value in connection.path_params.items() if "\0" in str(value)]
    query = connection.query_params.multi_items() if b"%00" in connection.scope["query_string"] else ()
    places += [("query", name) for name, value in query if "\0" in name or "\0" in value]
    if places:
        raise RequestValidationError([{"type": "unfit", "loc": place, "msg": FAULT, "input": None} for place in places])
