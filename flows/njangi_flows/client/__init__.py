"""The service from Python, for submitters and scripts: every call, its answers as models.

    async with Njangi("http://127.0.0.1:8400", token) as njangi:
        workflow = await njangi.workflows.create(Path("squares.yaml").read_text())
        run = await njangi.workflows.start(workflow.id)
        async for event in njangi.runs.follow(run.id):
            print(event.type)
        print(await njangi.runs.results(run.id))

Lists are async iterators that ask for pages as they are read. Calls wait for a service that is away or busy, and are
made again where that does no harm; what they raise is in `errors`. Values are JSON: a tuple becomes a list, a whole
number as a key its digits; a value that JSON has no form for, such as a date, raises NotCarriedError with the path to
it. Without a URL and a token, those of NJANGI_URL and NJANGI_TOKEN count.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

import httpx

from njangi_flows.client.blobs import Blobs, Uploads
from njangi_flows.client.errors import (
    ClientError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ProblemError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)
from njangi_flows.client.events import Event, Events, Missed
from njangi_flows.client.models import Readiness
from njangi_flows.client.people import Account, Audit, Invitations, Tokens, Users
from njangi_flows.client.runs import Runs
from njangi_flows.client.schedules import Schedules
from njangi_flows.client.transport import Transport
from njangi_flows.client.volunteers import JoinTokens, Volunteers
from njangi_flows.client.webhooks import Webhooks
from njangi_flows.client.workflows import Templates, Workflows
from njangi_flows.proven import ProvenToken

__all__ = [
    "ClientError",
    "ConflictError",
    "Event",
    "ForbiddenError",
    "InvalidError",
    "Missed",
    "Njangi",
    "NotFoundError",
    "ProblemError",
    "UnauthorizedError",
    "UnavailableError",
    "UnreachableError",
]

DEFAULT_URL = "http://127.0.0.1:8400"


class Njangi:
    """One connection to a service; a noun of it each. `patience` in seconds: how long a call is tried again."""

    def __init__(self, url: str | None = None, token: str | None = None, *, patience: float = 60.0) -> None:
        token = token if token is not None else os.environ.get("NJANGI_TOKEN")
        address = httpx.URL(url or os.environ.get("NJANGI_URL") or DEFAULT_URL)
        http = httpx.AsyncClient(
            base_url=address,
            verify=address.scheme == "https",  # to read the authorities' certificates takes long
            auth=ProvenToken(token) if token else None,
            timeout=httpx.Timeout(30.0, connect=10.0),
        )
        self.transport = Transport(http, patience=patience)
        self.workflows = Workflows(self.transport)
        self.templates = Templates(self.transport)
        self.runs = Runs(self.transport)
        self.schedules = Schedules(self.transport)
        self.webhooks = Webhooks(self.transport)
        self.events = Events(self.transport)
        self.volunteers = Volunteers(self.transport)
        self.join_tokens = JoinTokens(self.transport)
        self.blobs = Blobs(self.transport)
        self.uploads = Uploads(self.transport)
        self.account = Account(self.transport)
        self.tokens = Tokens(self.transport)
        self.users = Users(self.transport)
        self.invitations = Invitations(self.transport)
        self.audit = Audit(self.transport)

    async def ready(self) -> Readiness:
        """Return what is there of the service. Raises UnavailableError without MongoDB."""
        return await self.transport.get(Readiness, "/readyz")

    async def alive(self) -> bool:
        """Whether the process lives; nothing is said of what it needs. Raises UnreachableError if it does not."""
        return (await self.transport.send("GET", "/healthz")).is_success

    async def metrics(self) -> str:
        """Return the figures for Prometheus, as text; from elsewhere under the token of the metrics."""
        return (await self.transport.send("GET", "/metrics")).text

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.http.aclose()
