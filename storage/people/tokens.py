"""Sessions of the console and personal tokens, until they expire, are revoked or end."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import NotFoundError
from storage.ledger import Ledger, Transaction
from storage.people.users import Role, Scope, User, new_token, token_hash

USED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a token was last used."""


class TokenKind(enum.StrEnum):
    SESSION = "session"  # by name and password, in a cookie
    PERSONAL = "token"  # for scripts and the `njangi` command


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    user: str
    name: str
    scopes: Sequence[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class TokenStore:
    """One document a token, forgotten when it has expired."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._tokens = database["tokens"]
        self._users = database["users"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._tokens.create_index("hash", unique=True)
        await self._tokens.create_index([("user", 1), ("created_at", -1)])
        await self._tokens.create_index("expires_at", expireAfterSeconds=0)

    async def add(
        self,
        user: str,
        kind: TokenKind,
        name: str,
        scopes: Collection[Scope],
        *,
        expires_at: datetime,
        now: datetime,
    ) -> tuple[Token, str]:
        """Make a token; return it and its secret, which is not stored and cannot be shown again.

        Raises NotFoundError when the user has been disabled.
        """
        secret = new_token(kind)
        document: Document = {
            "_id": new_id("t"),
            "hash": token_hash(secret),
            "user": user,
            "kind": kind,
            "name": name,
            "scopes": sorted(scopes),
            "created_at": now,
            "expires_at": expires_at,
            "last_used_at": None,
        }

        async def insert(tx: Transaction) -> None:
            # It writes to the user, so that one who is being disabled is left without this token too.
            enabled = {"_id": user, "disabled_at": None}
            seen = await self._users.update_one(enabled, {"$inc": {"tokens_made": 1}}, session=tx.session)
            if not seen.matched_count:
                raise NotFoundError("user", user)
            await self._tokens.insert_one(document, session=tx.session)

        await self._ledger.write(insert)
        return _token(document), secret

    async def owner(self, secret: str, *, now: datetime) -> User | None:
        """Return whose token this is, unless it has expired or the user is disabled."""
        with unavailable_is_ours():
            token = await self._tokens.find_one({"hash": token_hash(secret), "expires_at": {"$gt": now}})
            if token is None:
                return None
            user = await self._users.find_one({"_id": token["user"], "disabled_at": None}, {"role": 1})
            if user is None:
                return None
            if token["last_used_at"] is None or now - token["last_used_at"] >= USED_EVERY:
                await self._tokens.update_one({"_id": token["_id"]}, {"$max": {"last_used_at": now}})
        return User(user["_id"], Role(user["role"]), frozenset(map(Scope, token["scopes"])), token["_id"])

    async def of(self, user: str, *, now: datetime) -> Sequence[Token]:
        """Return a user's tokens, the newest first; sessions are not among them."""
        query = {"user": user, "kind": TokenKind.PERSONAL, "expires_at": {"$gt": now}}
        with unavailable_is_ours():
            return [_token(item) async for item in self._tokens.find(query).sort("created_at", -1)]

    async def revoke(self, token_id: str, *, user: str | None, now: datetime) -> None:
        """End a token or session, of `user` if that is given. Raises NotFoundError."""

        async def delete(tx: Transaction) -> None:
            query = {"_id": token_id} | ({"user": user} if user is not None else {})
            found = await self._tokens.find_one_and_delete(query, session=tx.session)
            if found is None:
                raise NotFoundError("token", token_id)
            tx.emit("token.revoked", now, user=found["user"], token=token_id)

        await self._ledger.write(delete)


def _token(document: Document) -> Token:
    return Token(
        id=document["_id"],
        user=document["user"],
        name=document["name"],
        scopes=tuple(map(Scope, document["scopes"])),
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        last_used_at=document["last_used_at"],
    )
