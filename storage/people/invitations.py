"""Invitations: a code that makes one user of a given role, once, until it expires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import InvitationGoneError, NotFoundError
from storage.ledger import Ledger, Transaction
from storage.people.users import Role, User, UserStore, new_token, token_hash

REMEMBERED = timedelta(days=30)
"""How long an invitation is listed after it has expired."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """`name`: who is invited; None lets the invited choose."""

    id: str
    name: str | None
    role: Role
    by: str
    created_at: datetime
    expires_at: datetime
    accepted_by: str | None


class InvitationStore:
    """One document an invitation; its code is stored hashed."""

    def __init__(self, database: Database, ledger: Ledger, users: UserStore) -> None:
        self._invitations = database["invitations"]
        self._ledger = ledger
        self._users = users

    async def prepare(self) -> None:
        await self._invitations.create_index("hash", unique=True)
        await self._invitations.create_index("expires_at", expireAfterSeconds=int(REMEMBERED.total_seconds()))

    async def add(
        self, name: str | None, role: Role, *, by: str, expires_at: datetime, now: datetime
    ) -> tuple[Invitation, str]:
        """Invite somebody; return the invitation and its code, which cannot be shown again."""
        code = new_token("invitation")
        document: Document = {
            "_id": new_id("i"),
            "hash": token_hash(code),
            "name": name,
            "role": role,
            "by": by,
            "created_at": now,
            "expires_at": expires_at,
            "accepted_by": None,
        }
        with unavailable_is_ours():
            await self._invitations.insert_one(document)
        return _invitation(document), code

    async def open(self, code: str, *, now: datetime) -> Invitation:
        """Return the invitation that this code still opens. Raises InvitationGoneError."""
        with unavailable_is_ours():
            found = await self._invitations.find_one(_good(code, now))
        if found is None:
            raise InvitationGoneError
        return _invitation(found)

    async def accept(self, code: str, name: str, password_hash: str, *, now: datetime) -> User:
        """Make the invited user. Raises InvitationGoneError, and IdTakenError when the name is taken."""

        async def write(tx: Transaction) -> User:
            found = await self._invitations.find_one_and_update(
                _good(code, now), {"$set": {"accepted_by": name}}, session=tx.session
            )
            if found is None:
                raise InvitationGoneError
            role = Role(found["role"])
            await self._users.add(tx, name, role, password_hash, by=found["by"], now=now)
            return User(name, role)

        return await self._ledger.write(write)

    async def page(self, *, limit: int) -> Sequence[Invitation]:
        """Return invitations, the newest first."""
        with unavailable_is_ours():
            return [_invitation(item) async for item in self._invitations.find().sort("_id", -1).limit(limit)]

    async def withdraw(self, invitation_id: str) -> None:
        """Let the code open nothing more. Raises NotFoundError."""
        with unavailable_is_ours():
            outcome = await self._invitations.delete_one({"_id": invitation_id, "accepted_by": None})
        if not outcome.deleted_count:
            raise NotFoundError("open invitation", invitation_id)


def _good(code: str, now: datetime) -> Document:
    return {"hash": token_hash(code), "accepted_by": None, "expires_at": {"$gt": now}}


def _invitation(document: Document) -> Invitation:
    return Invitation(
        id=document["_id"],
        name=document["name"],
        role=Role(document["role"]),
        by=document["by"],
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        accepted_by=document["accepted_by"],
    )
