"""Volunteers' machines, and the tokens with which they join."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, TypedDict, Unpack

from njangi_flows.client.models import (
    JoinTokenView,
    ListedVolunteer,
    Looked,
    MadeJoinToken,
    OneVolunteerView,
    ThroughputView,
    Volunteer,
)
from njangi_flows.client.transport import Transport

_ONE = "/v1/volunteers/{volunteer_id}"


class VolunteerFilter(TypedDict, total=False):
    name: str
    seen_since: datetime
    sort: str


class VolunteerCalls:
    """The machines that take part. Only admins may change one."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    def list(self, **filter: Unpack[VolunteerFilter]) -> AsyncIterator[ListedVolunteer]:
        return self._to.items(ListedVolunteer, "/v1/volunteers", "volunteers", query=filter)

    async def get(self, volunteer_id: str) -> OneVolunteerView:
        return await self._to.get(OneVolunteerView, _ONE, volunteer_id=volunteer_id)

    async def throughput(self, hours: int = 24) -> ThroughputView:
        """Return how many subtasks all machines completed in each of the last hours."""
        return await self._to.get(ThroughputView, "/v1/volunteers:throughput", query={"hours": hours})

    async def suspend(self, volunteer_id: str, note: str = "") -> Volunteer:
        """Suspend a machine: its subtasks are called back, and it gets no more until it is resumed."""
        return await self._to.post(Volunteer, _ONE + ":suspend", {"note": note}, volunteer_id=volunteer_id)

    async def resume(self, volunteer_id: str) -> Volunteer:
        return await self._to.post(Volunteer, _ONE + ":resume", volunteer_id=volunteer_id)

    async def retire(self, volunteer_id: str, note: str = "") -> Volunteer:
        """Retire a machine for good. Raises ConflictError if it is retired already."""
        return await self._to.post(Volunteer, _ONE + ":retire", {"note": note}, volunteer_id=volunteer_id)


class JoinTokenCalls:
    """Tokens that let machines join, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(self, name: str, *, uses: int = 1, expires_in: str | float = "7d") -> MadeJoinToken:
        """Create a token for `uses` machines. It is shown only in this answer; a lost answer is a lost token."""
        body = {"name": name, "uses": uses, "expires_in": expires_in}
        return await self._to.post(MadeJoinToken, "/v1/join-tokens", body, repeatable=False)

    async def list(self, limit: int = 100) -> builtins.list[JoinTokenView]:
        kind = dict[str, builtins.list[JoinTokenView]]
        found: dict[str, Any] = await self._to.get(kind, "/v1/join-tokens", query={"limit": limit})
        return builtins.list(found["join_tokens"])

    async def look(self, token: str) -> Looked:
        """Return the purpose of a token and the machines that joined with it. Raises MissingError, with the reason."""
        return await self._to.post(Looked, "/v1/join-tokens:look", {"token": token})

    async def revoke(self, token_id: str) -> None:
        """Revoke a token: no machine can join with it any more. Machines that have joined stay."""
        await self._to.delete("/v1/join-tokens/{token_id}", token_id=token_id)
