"""Whose token is whose is remembered for a moment, and forgotten at once when it is no longer so."""

from __future__ import annotations

import asyncio

import pytest

from api.access.callers import Callers
from api.settings import Settings


async def test_a_look_up_that_was_under_way_when_its_owner_was_forgotten_is_not_remembered() -> None:
    callers = Callers[str](60.0)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(token: str) -> str:
        asked.set()
        await answer.wait()
        return "ada"

    async def nobody(token: str) -> None:
        return None

    looking = asyncio.create_task(callers.find("secret", slow))
    await asked.wait()
    callers.forget()
    answer.set()
    assert await looking == "ada"
    assert await callers.find("secret", nobody) is None


async def test_only_those_are_forgotten_that_are_meant() -> None:
    callers = Callers[str](60.0)
    looked_up: list[str] = []

    async def look_up(token: str) -> str:
        looked_up.append(token)
        return f"owner of {token}"

    for _ in range(2):
        for token in ("a", "b"):
            await callers.find(token, look_up)
    callers.forget(lambda owner: owner == "owner of a")
    for token in ("a", "b"):
        await callers.find(token, look_up)
    assert looked_up == ["a", "b", "a"]


async def test_strangers_are_looked_up_every_time() -> None:
    callers = Callers[str](60.0)
    found: list[str | None] = [None, "ada"]

    async def look_up(token: str) -> str | None:
        return found.pop(0)

    assert [await callers.find("secret", look_up) for _ in range(2)] == [None, "ada"]


def test_a_quota_is_set_by_the_environment_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NJANGI_SUBMITTER_QUOTA", '{"runs": 10, "leased": null}')
    quota = Settings().submitter_quota
    assert (quota.runs, quota.leased, quota.workflows) == (10, None, 1000)
