"""The caller's account and tokens, and for admins users, invitations and the audit log."""

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
    """`action` is a part of the action, e.g. ":cancel"; `on` is the id of the run, user, ... that was changed."""

    who: str
    action: str
    on: str
    since: datetime
    until: datetime


class AccountCalls:
    """The caller's account. A session works by a cookie until the caller signs out; scripts should use a token."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def sign_in(self, name: str, password: str) -> Me:
        """Begin a session. Raises UnauthorizedError, and UnavailableError after too many wrong passwords."""
        return self._begun(await self._to.post(Me, "/v1/session", {"name": name, "password": password}))

    async def accept_invitation(self, code: str, password: str, name: str | None = None) -> Me:
        """Sign in for the first time and begin a session. Raises MissingError if the code is not valid any more."""
        body = {"code": code, "password": password} | ({"name": name} if name is not None else {})
        return self._begun(await self._to.post(Me, "/v1/invitations:accept", body, repeatable=False))

    async def sign_out(self) -> None:
        await self._to.delete("/v1/session")

    async def get(self) -> WholeMe:
        """Return who the caller is, and how much of their quotas they use."""
        return await self._to.get(WholeMe, "/v1/me")

    async def change_password(self, old: str, new: str) -> None:
        """Change the password; the caller's other sessions end."""
        await self._to.send("POST", "/v1/me:password", body={"old": old, "new": new}, repeatable=False)

    def _begun(self, me: Me) -> Me:
        self._to.http.headers["Njangi-CSRF"] = str(me.csrf_token)
        return me


class TokenCalls:
    """The caller's tokens, for scripts."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(
        self, name: str, scopes: Sequence[Scope] = (Scope.READ, Scope.WRITE), *, expires_in: str | float = "90d"
    ) -> MadeToken:
        """Create a token. It is shown only in this answer; if the answer is lost, so is the token."""
        body = {"name": name, "scopes": scopes, "expires_in": expires_in}
        return await self._to.post(MadeToken, "/v1/tokens", body, repeatable=False)

    async def list(self, user: str | None = None) -> builtins.list[TokenView]:
        """Return the caller's tokens or, for admins, those of a user."""
        kind = dict[str, builtins.list[TokenView]]
        found: dict[str, Any] = await self._to.get(kind, "/v1/tokens", query={"user": user})
        return builtins.list(found["tokens"])

    async def revoke(self, token_id: str) -> None:
        await self._to.delete("/v1/tokens/{token_id}", token_id=token_id)


class UserCalls:
    """The people who can sign in, for admins."""

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
        """Disable a user: their sessions and tokens end at once."""
        return await self._to.post(UserView, _USER + ":disable", name=name)

    async def enable(self, name: str) -> UserView:
        return await self._to.post(UserView, _USER + ":enable", name=name)

    async def set_role(self, name: str, role: Role) -> UserView:
        return await self._to.put(UserView, _USER + "/role", {"role": role}, name=name)

    async def set_quota(self, name: str, quota: Mapping[Quota, int | None]) -> OneUserView:
        """Replace the quotas of the role: None means no limit, {} goes back to the quotas of the role."""
        return await self._to.put(OneUserView, _USER + "/quota", dict(quota), name=name)


class InvitationCalls:
    """Invitations, each for one person; for admins."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(self, role: Role, name: str | None = None, *, expires_in: str | float = "3d") -> MadeInvitation:
        """Invite somebody. The code is shown only in this answer; if the answer is lost, so is the code."""
        body = {"role": role, "expires_in": expires_in} | ({"name": name} if name is not None else {})
        return await self._to.post(MadeInvitation, "/v1/invitations", body, repeatable=False)

    async def list(self, limit: int = 100) -> builtins.list[InvitationView]:
        kind = dict[str, builtins.list[InvitationView]]
        found: dict[str, Any] = await self._to.get(kind, "/v1/invitations", query={"limit": limit})
        return builtins.list(found["invitations"])

    async def withdraw(self, invitation_id: str) -> None:
        await self._to.delete("/v1/invitations/{invitation_id}", invitation_id=invitation_id)


class AuditCalls:
    """The audit log: who did what, for admins."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    def list(self, **filter: Unpack[AuditFilter]) -> AsyncIterator[EntryView]:
        """Yield entries, the newest first."""
        return self._to.items(EntryView, "/v1/audit", "entries", query=filter, size="limit")
