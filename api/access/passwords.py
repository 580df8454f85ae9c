"""Hash and check passwords with Argon2id, off the event loop and in equal time for names that nobody has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")

AT_ONCE = 2
"""How many hashes are worked out at a time: each takes 64 MiB and a core for some 50 ms."""


class Passwords:
    """Argon2id with the parameters of the library's RFC 9106 profile; hashes of older ones are told by `stale`."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        return await self._work(lambda: self._hasher.hash(password))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether `password` is the one that was hashed; None is nobody's and takes as long to refuse."""
        if hashed is None:
            if self._nobodys is None:
                self._nobodys = await self.hash("the password of nobody")
            await self._work(lambda: self._matches(str(self._nobodys), password))
            return False
        return await self._work(lambda: self._matches(hashed, password))

    def stale(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _work(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)
