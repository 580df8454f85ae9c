"""Users, their roles and passwords. Only hashes of tokens and passwords are stored."""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import IdTakenError, NotFoundError
from storage.ledger import Ledger, Transaction


class Role(enum.StrEnum):
    ADMIN = "admin"
    SUBMITTER = "submitter"
    VIEWER = "viewer"
    FLOW = "flow"  # what runs inside Prefect
    JOIN = "join"  # may enrol machines, nothing else


PEOPLE = (Role.ADMIN, Role.SUBMITTER, Role.VIEWER)


class Scope(enum.StrEnum):
    """What a token may be used for, as far as its owner's role allows it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """Who calls, and what the token that the call came with is good for; `token_id` names it unless it is a file's."""

    name: str
    role: Role
    scopes: frozenset[Scope] = frozenset(Scope)
    token_id: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A user as admins see it. `quota` holds what an admin set instead of the role's."""

    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    signs_in: bool  # has a password
    quota: Mapping[str, int | None]


def new_token(kind: str) -> str:
    """Return a fresh token with 256 bits of chance; `kind` makes it recognisable, e.g. `njangi-join-...`."""
    return f"njangi-{kind}-{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """Return the hex SHA-256 under which a token is stored. Tokens are random, so no slow hash is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class UserStore:
    """One document a user. Tokens in it are those of files on the server; others have a collection of their own."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._users = database["users"]
        self._tokens = database["tokens"]
        self._ledger = ledger

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
        """Return whose token this is, unless disabled."""
        query = {"tokens.hash": token_hash(token), "disabled_at": None}
        with unavailable_is_ours():
            document = await self._users.find_one(query, {"role": 1})
        return User(document["_id"], Role(document["role"])) if document else None

    async def by_names(self, names: Collection[str]) -> dict[str, User]:
        """Return users by name, as far as there are such and they are not disabled."""
        with unavailable_is_ours():
            found = self._users.find({"_id": {"$in": sorted(names)}, "disabled_at": None}, {"role": 1})
            return {document["_id"]: User(document["_id"], Role(document["role"])) async for document in found}

    async def knows_token(self, token: str) -> bool:
        """Whether this is somebody's token, even of one who is disabled."""
        with unavailable_is_ours():
            return await self._users.find_one({"tokens.hash": token_hash(token)}, {"_id": 1}) is not None

    async def add(self, tx: Transaction, name: str, role: Role, password_hash: str, *, by: str, now: datetime) -> None:
        """Write a new user, within a transaction. Raises IdTakenError."""
        try:
            await self._users.insert_one(
                {"_id": name, "role": role, "password": password_hash, "created_at": now}, session=tx.session
            )
        except DuplicateKeyError as error:
            raise IdTakenError("user", name) from error
        tx.emit("user.added", now, user=name, role=role, by=by)

    async def get(self, name: str) -> Account:
        with unavailable_is_ours():
            document = await self._users.find_one({"_id": name})
        if document is None:
            raise NotFoundError("user", name)
        return _account(document)

    async def find(self, names: Collection[str]) -> Sequence[Account]:
        """Return those users of these names that there are."""
        with unavailable_is_ours():
            return [_account(item) async for item in self._users.find({"_id": {"$in": list(names)}})]

    async def page(self, *, after: str = "", limit: int) -> Sequence[Account]:
        """Return users in the order of their names, from `after` on."""
        with unavailable_is_ours():
            found = self._users.find({"_id": {"$gt": after}}).sort("_id", 1).limit(limit)
            return [_account(document) async for document in found]

    async def password_of(self, name: str) -> tuple[User, str] | None:
        """Return a user and the hash of its password, None of one who is unknown, disabled or has none."""
        with unavailable_is_ours():
            found = await self._users.find_one({"_id": name, "disabled_at": None, "password": {"$exists": True}})
        return (User(name, Role(found["role"])), found["password"]) if found else None

    async def rehash(self, name: str, old: str, new: str) -> None:
        """Keep the same password under a better hash, unless it was changed meanwhile."""
        with unavailable_is_ours():
            await self._users.update_one({"_id": name, "password": old}, {"$set": {"password": new}})

    async def change_password(self, name: str, old: str, new: str, *, keep: str | None, now: datetime) -> bool:
        """Replace the hash `old` by `new` and end all sessions of the user but `keep`; False if it was not `old`."""

        async def write(tx: Transaction) -> bool:
            outcome = await self._users.update_one(
                {"_id": name, "password": old}, {"$set": {"password": new}}, session=tx.session
            )
            if outcome.matched_count:
                others = {"user": name, "kind": "session", "_id": {"$ne": keep}}
                await self._tokens.delete_many(others, session=tx.session)
                tx.emit("user.password_changed", now, user=name)
            return bool(outcome.matched_count)

        return await self._ledger.write(write)

    async def disable(self, name: str, *, by: str, now: datetime) -> Account:
        """Let nobody in as `name`: sessions and tokens are gone for good. Repeating is harmless."""

        async def write(tx: Transaction) -> Account:
            await self._tokens.delete_many({"user": name}, session=tx.session)
            return await self._change(tx, name, {"disabled_at": now}, "user.disabled", by, now)

        return await self._ledger.write(write)

    async def enable(self, name: str, *, by: str, now: datetime) -> Account:
        """Let `name` sign in again."""
        return await self._ledger.write(
            lambda tx: self._change(tx, name, {"disabled_at": None}, "user.enabled", by, now)
        )

    async def set_role(self, name: str, role: Role, *, by: str, now: datetime) -> Account:
        """Change what a person may do, from now on. Raises NotFoundError, also for users that are no persons."""
        return await self._ledger.write(
            lambda tx: self._change(tx, name, {"role": role}, "user.role_changed", by, now, role=role)
        )

    async def set_quota(self, name: str, quota: Mapping[str, int | None], *, by: str, now: datetime) -> Account:
        """Set what counts for this user instead of the role's quota; what it does not name is as the role's."""
        return await self._ledger.write(
            lambda tx: self._change(tx, name, {"quota": dict(quota)}, "user.quota_changed", by, now)
        )

    async def _change(
        self, tx: Transaction, name: str, change: Document, event: str, by: str, now: datetime, **told: Any
    ) -> Account:
        document = await self._users.find_one_and_update(
            {"_id": name, "role": {"$in": list(PEOPLE)}},
            {"$set": change},
            return_document=ReturnDocument.AFTER,
            session=tx.session,
        )
        if document is None:
            raise NotFoundError("user", name)
        tx.emit(event, now, user=name, by=by, **told)
        return _account(document)


def _account(document: Document) -> Account:
    return Account(
        name=document["_id"],
        role=Role(document["role"]),
        created_at=document["created_at"],
        disabled_at=document.get("disabled_at"),
        signs_in="password" in document,
        quota=document.get("quota", {}),
    )
