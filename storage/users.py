"""Who may come in: users and their tokens. Only hashes of tokens are stored."""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, unavailable_is_ours


class Role(enum.StrEnum):
    ADMIN = "admin"
    SUBMITTER = "submitter"
    VIEWER = "viewer"
    FLOW = "flow"  # what runs inside Prefect
    JOIN = "join"  # may enrol machines, nothing else


class Scope(enum.StrEnum):
    """What a token may be used for, as far as its owner's role allows it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """Who calls, and what the token that the call came with is good for."""

    name: str
    role: Role
    scopes: frozenset[Scope] = frozenset(Scope)


def new_token(kind: str) -> str:
    """Return a fresh token with 256 bits of chance; `kind` makes it recognisable, e.g. `njangi-join-...`."""
    return f"njangi-{kind}-{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """Return the hex SHA-256 under which a token is stored. Tokens are random, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class UserStore:
    """Users, one document each, with the hashes of their tokens."""

    def __init__(self, database: Database) -> None:
        self._users = database["users"]

    async def prepare(self) -> None:
        await self._users.create_index("tokens.hash", unique=True, sparse=True)

    async def add_token(self, name: str, role: Role, token: str, *, now: datetime) -> None:
        """Let `token` act as `name`, who is made if new."""
        with unavailable_is_ours():
            await self._users.update_one(
                {"_id": name},
                {
                    "$setOnInsert": {"role": role, "created_at": now},
                    "$push": {"tokens": {"hash": token_hash(token), "created_at": now}},
                },
                upsert=True,
            )

    async def by_token(self, token: str) -> User | None:
        """Return whose token this is."""
        with unavailable_is_ours():
            document = await self._users.find_one({"tokens.hash": token_hash(token)}, {"role": 1})
        return User(document["_id"], Role(document["role"])) if document else None

    async def by_names(self, names: Collection[str]) -> dict[str, User]:
        """Return users by name, as far as there are such."""
        with unavailable_is_ours():
            found = self._users.find({"_id": {"$in": sorted(names)}}, {"role": 1})
            return {document["_id"]: User(document["_id"], Role(document["role"])) async for document in found}
