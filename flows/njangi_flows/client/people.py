"""Oneself, one's tokens, and for admins users, invitations and the audit log."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict, Unpack

from njangi_flows.client.models import (
    EntryView,
    InvitationView,
    MadeInvitation,
    MadeToken,
    Me,
    OneUserView,
    Role,
    Scope,
    TokenView,
    UserView,
    WholeMe,
)
from njangi_flows.client.transport import Transport

_USER = "/v1/users/{name}"
Quota = Literal["workflows", "runs", "queued", "leased", "stored_bytes"]


class AuditFilter(TypedDict, total=False):
    """`action` is a part of what was done, as ":cancel"; `on` the id of what it was done to."""

    who: str
    action: str
    on: str
    since: datetime
    until: datetime


class AccountCalls:
    """Who the caller is. A session lets in by a cookie, until it is signed out; scripts had better use a token."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def sign_in(self, name: str, password: str) -> Me:
        """Begin a session. Raises UnauthorizedError, UnavailableError after too many wrong passwords."""
        return self._begun(await self._to.post(Me, "/v1/session", {"name": name, "password": password}))

    async def accept_invitation(self, code: str, password: str, name: str | None = None) -> Me:
        """Come in for the first time, and begin a session. Raises NotFoundError if the code is no longer good."""
        body = {"code": code, "password": password} | ({"name": name} if name is not None else {})
        return self._begun(await self._to.post(Me, "/v1/invitations:accept", body, repeatable=False))

    async def sign_out(self) -> None:
        await self._to.delete("/v1/session")

    async def get(self) -> WholeMe:
        """Return who the caller is, and what of its quotas is used."""
        return await self._to.get(WholeMe, "/v1/me")

    async def change_password(self, old: str, new: str) -> None:
        """Set another password; the other sessions end."""
        await self._to.send("POST", "/v1/me:password", body={"old": old, "new": new}, repeatable=False)

    def _begun(self, me: Me) -> Me:
        self._to.http.headers["Njangi-CSRF"] = str(me.csrf_token)
        return me


class TokenCalls:
    """Tokens of one's own, for scripts."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(
        self, name: str, scopes: Sequence[Scope] = (Scope.READ, Scope.WRITE), *, expires_in: str | float = "90d"
    ) -> MadeToken:
        """Make a token; it is shown this once, and is lost with its answer."""
        body = {"name": name, "scopes": scopes, "expires_in": expires_in}
        return await self._to.post(MadeToken, "/v1/tokens", body, repeatable=False)

    async def list(self, user: str | None = None) -> builtins.list[TokenView]:
        """Return one's own, or for admins those of a user."""
        kind = dict[str, builtins.list[TokenView]]
        found: dict[str, Any] = await self._to.get(kind, "/v1/tokens", query={"user": user})
        return builtins.list(found["tokens"])

    async def revoke(self, token_id: str) -> None:
        await self._to.delete("/v1/tokens/{token_id}", token_id=token_id)


class UserCalls:
    """The people who may come in, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def list(self) -> AsyncIterator[UserView]:
        """Yield users by name."""
        kind = dict[str, builtins.list[UserView]]
        after = ""
        while True:
            page: dict[str, Any] = await self._to.get(kind, "/v1/users", query={"after": after, "limit": 100})
            for user in page["users"]:
                yield user
            if len(page["users"]) < 100:
                return
            after = page["users"][-1].name

    async def get(self, name: str) -> OneUserView:
        return await self._to.get(OneUserView, _USER, name=name)

    async def disable(self, name: str) -> UserView:
        """Let nobody in as this user: sessions and tokens end at once."""
        return await self._to.post(UserView, _USER + ":disable", name=name)

    async def enable(self, name: str) -> UserView:
        return await self._to.post(UserView, _USER + ":enable", name=name)

    async def set_role(self, name: str, role: Role) -> UserView:
        return await self._to.put(UserView, _USER + "/role", {"role": role}, name=name)

    async def set_quota(self, name: str, quota: Mapping[Quota, int | None]) -> OneUserView:
        """Let these count instead of the role's: None lifts one, {} goes back to the role's."""
        return await self._to.put(OneUserView, _USER + "/quota", dict(quota), name=name)


class InvitationCalls:
    """What lets one person in, once; for admins."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(self, role: Role, name: str | None = None, *, expires_in: str | float = "3d") -> MadeInvitation:
        """Invite somebody; the code is shown this once, and is lost with its answer."""
        body = {"role": role, "expires_in": expires_in} | ({"name": name} if name is not None else {})
        return await self._to.post(MadeInvitation, "/v1/invitations", body, repeatable=False)

    async def list(self, limit: int = 100) -> builtins.list[InvitationView]:
        kind = dict[str, builtins.list[InvitationView]]
        found: dict[str, Any] = await self._to.get(kind, "/v1/invitations", query={"limit": limit})
        return builtins.list(found["invitations"])

    async def withdraw(self, invitation_id: str) -> None:
        await self._to.delete("/v1/invitations/{invitation_id}", invitation_id=invitation_id)


class AuditCalls:
    """Who did what, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    def list(self, **filter: Unpack[AuditFilter]) -> AsyncIterator[EntryView]:
        """Yield entries, the newest first."""
        return self._to.items(EntryView, "/v1/audit", "entries", query=filter, size="limit")
