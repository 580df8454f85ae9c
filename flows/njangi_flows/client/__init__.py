"""The service from Python, for submitters and scripts: every call, its answers as models.

    async with Njangi("http://127.0.0.1:8400", token) as njangi:
        workflow = await njangi.workflows.create(Path("squares.yaml").read_text())
        run = await njangi.workflows.start(workflow.id)
        async for event in njangi.runs.follow(run.id):
            print(event.type)
        print(await njangi.runs.results(run.id))

Lists are async iterators that fetch the next page when it is needed. A call waits for a service that is away or busy,
and is made again where that does no harm; its errors are in `errors`. Values are JSON: a tuple becomes a list, and a
whole number as a key becomes text. A value that JSON has no form for, such as a date, raises NotCarriedError with the
path to it. Without a URL and a token, the client takes NJANGI_URL and NJANGI_TOKEN.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from njangi_flows.client.errors import (
        ClientError,
        ConflictError,
        DamagedError,
        ForbiddenError,
        InvalidError,
        MissingError,
        ProblemError,
        UnauthorizedError,
        UnavailableError,
        UnexpectedAnswerError,
        UnreachableError,
    )
    from njangi_flows.client.events import LoggedEvent, Missed
    from njangi_flows.client.njangi import Njangi

__all__ = [
    "ClientError",
    "ConflictError",
    "DamagedError",
    "ForbiddenError",
    "InvalidError",
    "LoggedEvent",
    "Missed",
    "MissingError",
    "Njangi",
    "ProblemError",
    "UnauthorizedError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnreachableError",
]
_HOME = {"LoggedEvent": "events", "Missed": "events", "Njangi": "njangi"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: the `njangi` command needs no models, which take long to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)
