"""The typed client of the service: one attribute for each noun."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from njangi_flows.client.blobs import BlobCalls, UploadCalls
from njangi_flows.client.events import EventCalls
from njangi_flows.client.models import Readiness
from njangi_flows.client.people import AccountCalls, AuditCalls, InvitationCalls, TokenCalls, UserCalls
from njangi_flows.client.runs import RunCalls
from njangi_flows.client.schedules import ScheduleCalls
from njangi_flows.client.transport import DEFAULT_URL, open_transport
from njangi_flows.client.volunteers import JoinTokenCalls, VolunteerCalls
from njangi_flows.client.webhooks import WebhookCalls
from njangi_flows.client.workflows import TemplateCalls, WorkflowCalls


class Njangi:
    """A connection to a service. `patience`: for how many seconds a failed call is tried again."""

    def __init__(self, url: str | None = None, token: str | None = None, *, patience: float = 60.0) -> None:
        token = token if token is not None else os.environ.get("NJANGI_TOKEN")
        self.transport = open_transport(url or os.environ.get("NJANGI_URL") or DEFAULT_URL, token, patience=patience)
        self.workflows = WorkflowCalls(self.transport)
        self.templates = TemplateCalls(self.transport)
        self.runs = RunCalls(self.transport)
        self.schedules = ScheduleCalls(self.transport)
        self.webhooks = WebhookCalls(self.transport)
        self.events = EventCalls(self.transport)
        self.volunteers = VolunteerCalls(self.transport)
        self.join_tokens = JoinTokenCalls(self.transport)
        self.blobs = BlobCalls(self.transport)
        self.uploads = UploadCalls(self.transport)
        self.account = AccountCalls(self.transport)
        self.tokens = TokenCalls(self.transport)
        self.users = UserCalls(self.transport)
        self.invitations = InvitationCalls(self.transport)
        self.audit = AuditCalls(self.transport)

    async def ready(self) -> Readiness:
        """Return which parts of the service work. Raises UnavailableError without MongoDB."""
        return await self.transport.get(Readiness, "/readyz")

    async def alive(self) -> bool:
        """Whether the process lives, whatever its database does. Raises UnreachableError if it does not."""
        return (await self.transport.send("GET", "/healthz")).is_success

    async def metrics(self) -> str:
        """Return the metrics for Prometheus, as text; from another machine this needs the token for metrics."""
        return (await self.transport.send("GET", "/metrics")).text

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.http.aclose()
