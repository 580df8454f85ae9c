"""Join tokens: each enrols so many machines, until it expires or is revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import JoinTokenSpentError, NoJoinTokenError, NotFoundError
from storage.ledger import Ledger, Transaction
from storage.people.users import Role, User, new_token, token_hash

PREFIX = "njangi-join-"


@dataclass(frozen=True, slots=True)
class JoinToken:
    id: str
    name: str
    uses: int
    used: int
    by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class JoinTokenStore:
    """One document a token, kept when it is spent: volunteers say which one they came by."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._tokens = database["join_tokens"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._tokens.create_index("hash", unique=True)

    async def add(self, name: str, *, uses: int, by: str, expires_at: datetime, now: datetime) -> tuple[JoinToken, str]:
        """Make a token; return it and its secret, which is not stored and cannot be shown again."""
        secret = new_token("join")
        document: Document = {
            "_id": new_id("j"),
            "hash": token_hash(secret),
            "name": name,
            "uses": uses,
            "used": 0,
            "by": by,
            "created_at": now,
            "expires_at": expires_at,
            "revoked_at": None,
            "last_used_at": None,
        }
        with unavailable_is_ours():
            await self._tokens.insert_one(document)
        return _token(document), secret

    async def owner(self, secret: str, *, now: datetime) -> User | None:
        """Return who comes with this token, unless it is spent."""
        with unavailable_is_ours():
            found = await self._tokens.find_one(_good({"hash": token_hash(secret)}, now), {"_id": 1})
        return User(_user(found["_id"]), Role.JOIN, token_id=found["_id"]) if found else None

    async def use(self, tx: Transaction, token_id: str, *, now: datetime) -> None:
        """Count one machine more, within the transaction that enrols it. Raises JoinTokenSpentError."""
        outcome = await self._tokens.update_one(
            _good({"_id": token_id}, now), {"$inc": {"used": 1}, "$set": {"last_used_at": now}}, session=tx.session
        )
        if not outcome.matched_count:
            raise JoinTokenSpentError

    async def look(self, secret: str, *, now: datetime) -> JoinToken:
        """Return the token of this secret, also when all its uses are used up. Raises NoJoinTokenError."""
        with unavailable_is_ours():
            found = await self._tokens.find_one({"hash": token_hash(secret)})
        if found is None:
            raise NoJoinTokenError("unknown", "is not known here")
        if found["revoked_at"] is not None:
            raise NoJoinTokenError("revoked", "was revoked")
        if found["expires_at"] <= now:
            raise NoJoinTokenError("expired", f"expired on {found['expires_at']:%Y-%m-%d}")
        return _token(found)

    async def page(self, *, limit: int) -> Sequence[JoinToken]:
        """Return join tokens, the newest first."""
        with unavailable_is_ours():
            return [_token(item) async for item in self._tokens.find().sort("_id", -1).limit(limit)]

    async def revoke(self, token_id: str, *, now: datetime) -> None:
        """Let the token enrol nothing more; machines that it has enrolled stay. Raises NotFoundError."""

        async def write(tx: Transaction) -> None:
            live = {"_id": token_id, "revoked_at": None}
            outcome = await self._tokens.update_one(live, {"$set": {"revoked_at": now}}, session=tx.session)
            if not outcome.matched_count:
                raise NotFoundError("join token in use", token_id)
            tx.emit("token.revoked", now, user=_user(token_id), token=token_id)

        await self._ledger.write(write)


def _user(token_id: str) -> str:
    return f"join:{token_id}"


def _good(query: Document, now: datetime) -> Document:
    return {**query, "revoked_at": None, "expires_at": {"$gt": now}, "$expr": {"$lt": ["$used", "$uses"]}}


def _token(document: Document) -> JoinToken:
    return JoinToken(
        id=document["_id"],
        name=document["name"],
        uses=document["uses"],
        used=document["used"],
        by=document["by"],
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        revoked_at=document["revoked_at"],
        last_used_at=document["last_used_at"],
    )
