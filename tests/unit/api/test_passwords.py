"""Passwords are checked by Argon2id, and as long for names that nobody has."""

from __future__ import annotations

from typing import Any

from argon2 import PasswordHasher

from api.access.passwords import Passwords

CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


class Counting(PasswordHasher):
    verified = 0

    def verify(self, *arguments: Any, **named: Any) -> Any:
        self.verified += 1
        return super().verify(*arguments, **named)


async def test_only_the_password_that_was_hashed_is_right() -> None:
    passwords = Passwords(PasswordHasher(**CHEAP))
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$") and hashed != await passwords.hash("correct horse")
    assert await passwords.verify(hashed, "correct horse")
    assert not await passwords.verify(hashed, "correct horses")
    assert not await passwords.verify("no hash at all", "correct horse")


async def test_a_name_that_nobody_has_takes_the_same_work() -> None:
    hasher = Counting(**CHEAP)
    passwords = Passwords(hasher)
    assert not await passwords.verify(None, "the password of nobody")
    assert hasher.verified == 1
    await passwords.verify(await passwords.hash("x"), "y")
    assert hasher.verified == 2


async def test_a_hash_of_weaker_parameters_is_told() -> None:
    weak = await Passwords(PasswordHasher(**CHEAP)).hash("x")
    passwords = Passwords()
    assert passwords.stale(weak) and not passwords.stale(await passwords.hash("x"))
