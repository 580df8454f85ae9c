"""Answers to requests with an Idempotency-Key, kept so that a repeated request gets the same answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import NjangiError
from storage.people.users import token_hash

KEPT = timedelta(hours=24)
"""How long an answer is kept after the first request; MongoDB forgets it within a minute of that."""
REQUEST_LEASE = timedelta(seconds=60)
"""How long a request counts as under way if nothing more is heard of it: its process may have been killed."""


class KeyReusedError(NjangiError):
    """The key came with another request before."""

    def __str__(self) -> str:
        return "this Idempotency-Key was used for another request; a new request needs a new key"


class UnderWayError(NjangiError):
    """The first request with this key has not been answered yet."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return "a request with this Idempotency-Key is under way; ask again a little later"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do a request. `request` names it in what it makes, and is the same for every try at it."""

    id: str
    request: str
    token: str


def made_id(prefix: str, request: str) -> str:
    """Return the id of what a request makes, the same for every try at it; it looks like those of `new_id`."""
    return prefix + request.removeprefix("q")


class IdempotencyStore:
    """One document a caller and key, forgotten after KEPT."""

    def __init__(self, database: Database) -> None:
        self._requests = database["idempotency"]

    async def prepare(self) -> None:
        await self._requests.create_index("created_at", expireAfterSeconds=int(KEPT.total_seconds()))

    async def claim(self, caller: str, key: str, digest: str, *, now: datetime) -> Claim | StoredAnswer:
        """Take the request up, or return what it was answered. `digest` is a hash of all that makes it this request.

        Raises KeyReusedError; UnderWayError while another try at it holds its lease.
        """
        id_ = token_hash(f"{caller}\n{key}")
        token = secrets.token_hex(8)
        lease = {"token": token, "until": now + REQUEST_LEASE}
        new = {"_id": id_, "digest": digest, "request": new_id("q"), "lease": lease, "created_at": now}
        with unavailable_is_ours():
            try:
                await self._requests.insert_one(dict(new))
                return Claim(id_, str(new["request"]), token)
            except DuplicateKeyError:
                free = {"_id": id_, "digest": digest, "answer": None, "lease.until": {"$lte": now}}
                taken: Document | None = await self._requests.find_one_and_update(
                    free, {"$set": {"lease": lease}}, return_document=ReturnDocument.AFTER
                )
            if taken is not None:
                return Claim(id_, taken["request"], token)
            found: Document | None = await self._requests.find_one({"_id": id_})
        if found is None:  # given up or forgotten in this moment
            raise UnderWayError(1)
        if found["digest"] != digest:
            raise KeyReusedError
        if (answer := found.get("answer")) is not None:
            return StoredAnswer(answer["status"], answer["content_type"], answer["body"])
        raise UnderWayError(max(1, round((found["lease"]["until"] - now).total_seconds())))

    async def answered(self, claim: Claim, answer: StoredAnswer) -> None:
        """Keep the answer. A try whose lease has passed to another changes nothing."""
        content = {"status": answer.status, "content_type": answer.content_type, "body": answer.body}
        with unavailable_is_ours():
            await self._requests.update_one(_held(claim), {"$set": {"answer": content}})

    async def refused(self, claim: Claim) -> None:
        """Forget the request: nothing was done, so the key may come with another one."""
        with unavailable_is_ours():
            await self._requests.delete_one(_held(claim))

    async def broken_off(self, claim: Claim, *, now: datetime) -> None:
        """Let the next try take the request up at once; what this one has made it will find."""
        with unavailable_is_ours():
            await self._requests.update_one(_held(claim), {"$set": {"lease.until": now}})


def _held(claim: Claim) -> Document:
    return {"_id": claim.id, "lease.token": claim.token}
