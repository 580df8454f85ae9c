"""Letting go of blobs that nothing refers to, against a real MongoDB."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from storage.files.blob_collection import _REFERENCES, Collected
from storage.stores import Stores
from tests.conftest import NOON

GRACE = timedelta(days=7)
SECOND = timedelta(seconds=1)


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def put(stores: Stores, content: bytes = b"content") -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    await stores.uploads.put(sha256, once(content), by="ada", limit=1000, now=NOON)
    return sha256


async def collect(stores: Stores, after: timedelta) -> Collected:
    return await stores.blob_collection.collect(now=NOON + after, grace=GRACE, limit=10)


def referring(field: str, sha256: str) -> dict[str, Any]:
    return {"files": [{"name": "a", "sha256": sha256}]} if field == "files.sha256" else {field: sha256}


async def test_what_nothing_refers_to_goes_after_its_grace(stores: Stores) -> None:
    sha256 = await put(stores)
    assert (await collect(stores, GRACE - SECOND)).blobs == 0
    assert await collect(stores, GRACE) == Collected(blobs=1, bytes=7, looked_at=1)
    assert await stores.blobs.find(sha256) is None
    for collection in ("blobs.files", "blobs.chunks"):
        assert await stores.database[collection].count_documents({}) == 0
    assert await put(stores) == sha256
    assert await stores.blobs.find(sha256) is not None


@pytest.mark.parametrize(("collection", "field"), _REFERENCES)
async def test_what_is_referred_to_stays_and_is_looked_at_again_later(
    stores: Stores, collection: str, field: str
) -> None:
    sha256 = await put(stores)
    referrer = {"_id": "x", "prefect_flow_run_id": "x", "name": "x", "readers": [], **referring(field, sha256)}
    await stores.database[collection].insert_one(referrer)
    assert await collect(stores, GRACE) == Collected(blobs=0, bytes=0, looked_at=1)
    assert (await collect(stores, GRACE + SECOND)).looked_at == 0
    await stores.database[collection].delete_one({"_id": "x"})
    assert (await collect(stores, 2 * GRACE)).blobs == 1


@pytest.mark.parametrize(("collection", "field"), _REFERENCES)
async def test_who_refers_to_a_blob_is_found_by_an_index(stores: Stores, collection: str, field: str) -> None:
    await stores.database[collection].insert_many(
        [{"_id": f"x{n}", "prefect_flow_run_id": f"x{n}", **referring(field, f"{n:064}")} for n in range(50)]
    )
    query = {"$and": [{field: {"$in": [f"{7:064}"]}}, {field: {"$gt": ""}}]}
    found = await stores.database.mongo.command(
        {"explain": {"distinct": collection, "key": field, "query": query}, "verbosity": "executionStats"}
    )
    assert found["executionStats"]["totalDocsExamined"] <= 2
    assert "COLLSCAN" not in str(found["queryPlanner"]["winningPlan"])


async def test_asking_for_a_blob_keeps_it_for_a_while_more(stores: Stores) -> None:
    sha256 = await put(stores)
    assert await stores.blobs.touch({sha256}, by="bob", now=NOON + GRACE) == set()
    assert (await collect(stores, GRACE + SECOND)).looked_at == 0
    assert (await collect(stores, 2 * GRACE)).blobs == 1


async def test_one_that_is_touched_while_it_is_looked_at_stays(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = await put(stores)
    look = stores.blob_collection._referred_to

    async def touched_after_the_look(hashes: list[str]) -> set[str]:
        found = await look(hashes)
        await stores.blobs.touch({sha256}, by="bob", now=NOON + GRACE)
        return found

    monkeypatch.setattr(stores.blob_collection, "_referred_to", touched_after_the_look)
    assert (await collect(stores, GRACE)).blobs == 0
    assert await stores.blobs.find(sha256) is not None


async def test_what_a_killed_collector_left_is_swept_up_by_the_next(stores: Stores) -> None:
    await put(stores)
    [document] = await stores.database["blobs.files"].find().to_list()
    assert await stores.blob_collection._doom(document)
    await collect(stores, SECOND)
    assert await stores.database["blobs.chunks"].count_documents({}) == 0
