"""Requests with an Idempotency-Key, against a real MongoDB, which forgets by the real clock: so the tests go by it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from storage.people.idempotency import KEPT, REQUEST_LEASE, Claim, KeyReusedError, StoredAnswer, UnderWayError
from storage.stores import Stores

NOW = datetime.now(UTC)
MADE = StoredAnswer(201, "application/json", b'{"id": "r1"}')


async def claim(stores: Stores, digest: str = "d", *, caller: str = "ama", now: datetime = NOW) -> Claim:
    found = await stores.idempotency.claim(caller, "key", digest, now=now)
    assert isinstance(found, Claim)
    return found


async def test_a_repetition_gets_the_answer_of_the_first(stores: Stores) -> None:
    await stores.idempotency.answered(await claim(stores), MADE)
    assert await stores.idempotency.claim("ama", "key", "d", now=NOW) == MADE
    assert await stores.idempotency.claim("ama", "key", "d", now=NOW + 2 * REQUEST_LEASE) == MADE


async def test_another_request_under_the_same_key_is_refused_and_another_caller_is_not(stores: Stores) -> None:
    await claim(stores)
    with pytest.raises(KeyReusedError):
        await claim(stores, "e")
    assert (await claim(stores, "e", caller="kofi")).request != (await claim(stores, "e", caller="esi")).request


async def test_of_many_at_once_one_does_the_work(stores: Stores) -> None:
    found = await asyncio.gather(*(claim(stores) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(item, Claim) for item in found) == 1
    refused = [item for item in found if isinstance(item, UnderWayError)]
    assert len(refused) == 19
    assert all(1 <= item.seconds <= REQUEST_LEASE.total_seconds() for item in refused)


async def test_after_a_kill_the_next_try_works_under_the_same_name(stores: Stores) -> None:
    killed = await claim(stores)
    later = NOW + REQUEST_LEASE
    found = await asyncio.gather(*(claim(stores, now=later) for _ in range(20)), return_exceptions=True)
    [taken] = [item for item in found if isinstance(item, Claim)]
    assert taken.request == killed.request
    await stores.idempotency.answered(killed, StoredAnswer(500, "text/plain", b"too late"))
    await stores.idempotency.refused(killed)
    await stores.idempotency.answered(taken, MADE)
    assert await stores.idempotency.claim("ama", "key", "d", now=later) == MADE


async def test_what_was_broken_off_may_be_taken_up_at_once(stores: Stores) -> None:
    first = await claim(stores)
    await stores.idempotency.broken_off(first, now=NOW)
    assert (await claim(stores)).request == first.request


async def test_a_refused_request_frees_its_key(stores: Stores) -> None:
    await stores.idempotency.refused(await claim(stores))
    await claim(stores, "e")


async def test_mongodb_forgets_what_is_older_than_a_day(stores: Stores) -> None:
    indexes = await stores.database["idempotency"].index_information()
    assert indexes["created_at_1"]["expireAfterSeconds"] == KEPT.total_seconds()
    await claim(stores)
    [document] = await stores.database["idempotency"].find({}).to_list()
    assert isinstance(document["created_at"], datetime)
