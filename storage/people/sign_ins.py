"""Count tries to sign in by name and by address, so that passwords cannot be guessed by trying."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from pymongo import ReturnDocument

from storage.database import Database, unavailable_is_ours
from storage.errors import TooManyTriesError
from storage.people.users import token_hash

WINDOW = timedelta(minutes=5)
TRIES_A_NAME = 10
TRIES_AN_ADDRESS = 100
"""A whole class may come from one address."""


class SignInStore:
    """One document a name or address: how many tries there were in its window."""

    def __init__(self, database: Database) -> None:
        self._tries = database["sign_ins"]

    async def prepare(self) -> None:
        await self._tries.create_index("ends_at", expireAfterSeconds=0)

    async def attempt(self, name: str | None, address: str, *, now: datetime) -> None:
        """Count a try before it is made. Raises TooManyTriesError when there were too many since the window began."""
        await self._count(f"address:{address}", TRIES_AN_ADDRESS, now)
        if name is not None:
            await self._count(_of_name(name), TRIES_A_NAME, now)

    async def succeeded(self, name: str) -> None:
        """Forget the tries for a name: whoever it belongs to has come in."""
        with unavailable_is_ours():
            await self._tries.delete_one({"_id": _of_name(name)})

    async def _count(self, key: str, most: int, now: datetime) -> None:
        over = {"$lte": [{"$ifNull": ["$ends_at", now]}, now]}
        counted = {
            "count": {"$cond": [over, 1, {"$add": ["$count", 1]}]},
            "ends_at": {"$cond": [over, now + WINDOW, "$ends_at"]},
        }
        with unavailable_is_ours():
            found = await self._tries.find_one_and_update(
                {"_id": key}, [{"$set": counted}], upsert=True, return_document=ReturnDocument.AFTER
            )
        if found is not None and found["count"] > most:
            raise TooManyTriesError(max(1, math.ceil((found["ends_at"] - now).total_seconds())))


def _of_name(name: str) -> str:
    return f"name:{token_hash(name)}"  # a name is whatever was typed in: perhaps long, perhaps a password
