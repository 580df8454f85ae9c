"""Events carried to Redis and Prefect: all of them, in order, whatever was away meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from redis.asyncio import Redis

from api.integrations import outlets
from api.integrations.outlets import PublishingError, RedisOutlet, as_prefect
from api.integrations.publishing import NOTED_EVERY, Publisher
from coordinator.leadership import Leadership
from storage.ledger import EVENTS_A_PAGE, Event, Transaction
from storage.stores import Stores
from tests.conftest import NOON
from tests.redis_server import RedisServer, redis_server

__all__ = ["redis_server"]


async def tell(stores: Stores, count: int) -> None:
    async def write(tx: Transaction) -> None:
        for number in range(count):
            tx.emit("test.told", NOON, number=number)

    await stores.ledger.write(write)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += NOTED_EVERY
        return self.now


def publisher(stores: Stores, holder: str = "here") -> Publisher:
    async def wait(heard: int, seconds: float) -> int:
        return heard + 1

    clock = Clock()
    return Publisher(stores.ledger, stores.cursors, Leadership(stores.leaders, "publishing", holder), wait, clock)


@asynccontextmanager
async def outlet(server: RedisServer) -> AsyncIterator[RedisOutlet]:
    made = RedisOutlet(server.url, "told")
    try:
        yield made
    finally:
        await made.close()


async def entries(server: RedisServer) -> list[int]:
    async with Redis.from_url(server.url) as client:
        found = await client.xrange("told")
    assert [json.loads(fields[b"event"])["seq"] for _, fields in found] == [int(id_.split(b"-")[0]) for id_, _ in found]
    return [int(id_.split(b"-")[0]) for id_, _ in found]


async def carry(published: Publisher, to: RedisOutlet) -> None:
    place = await published.place(to)
    while await published.step(place):
        pass


async def test_events_reach_a_redis_stream_once_each_however_often_they_are_carried(
    stores: Stores, redis_server: RedisServer
) -> None:
    async with outlet(redis_server) as to:
        published = publisher(stores)
        await carry(published, to)
        before = await stores.ledger.last_seq()
        await tell(stores, EVENTS_A_PAGE + 50)
        page = await stores.ledger.events(after=before, limit=70)
        await to.take(page)  # as if killed before this was noted
        await carry(published, to)
        expected = list(range(before + 1, before + EVENTS_A_PAGE + 51))
        assert await entries(redis_server) == expected
        await carry(publisher(stores, "another replica"), to)
        assert await entries(redis_server) == expected


async def test_what_happens_while_redis_is_away_is_carried_when_it_is_back(
    stores: Stores, redis_server: RedisServer
) -> None:
    async with outlet(redis_server) as to:
        published = publisher(stores)
        await carry(published, to)
        before = await stores.ledger.last_seq()
        await tell(stores, 5)
        await carry(published, to)
        await redis_server.kill()
        await tell(stores, 5)
        with pytest.raises(PublishingError):
            await carry(published, to)
        await redis_server.start()
        await carry(published, to)
        assert await entries(redis_server) == list(range(before + 1, before + 11))


async def test_the_stream_is_cut_to_about_its_length(
    stores: Stores, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlets, "KEPT_IN_REDIS", 100)
    async with outlet(redis_server) as to:
        for first in range(0, 2000, 200):
            await to.take([Event(seq, "test.told", NOON, None, {}) for seq in range(first + 1, first + 201)])
        kept = await entries(redis_server)
        assert 100 <= len(kept) < 400 and kept[-1] == 2000


async def test_an_outlet_that_fails_holds_up_no_other_and_goes_on_where_it_was(stores: Stores) -> None:
    class Broken:
        name = "broken"

        def __init__(self) -> None:
            self.taken: list[int] = []

        async def take(self, events: Sequence[Event]) -> None:
            if not self.taken:
                self.taken += [event.seq for event in events]
                raise PublishingError("not yet")
            self.taken += [event.seq for event in events]

    broken, published = Broken(), publisher(stores)
    place = await published.place(broken)
    await tell(stores, 3)
    with pytest.raises(PublishingError):
        await published.step(place)
    again = await published.place(broken)
    assert not await published.step(again)
    first = place.seq + 1
    assert broken.taken == [first, first + 1, first + 2] * 2
    assert (await published.place(broken)).seq == first + 2


def test_prefect_is_told_what_an_event_concerns() -> None:
    lost = Event(7, "volunteer.lost", NOON, None, {"volunteer": "v1", "name": "old laptop", "last_seen": NOON})
    told = as_prefect(lost, None)
    assert (told["event"], told["resource"]["prefect.resource.id"]) == ("njangi.volunteer.lost", "njangi.volunteer.v1")
    failed = Event(8, "task.failed", NOON + timedelta(seconds=1), "r1", {"task": "power", "error": "no"})
    told = as_prefect(failed, "f1")
    assert told["resource"]["prefect.resource.id"] == "njangi.task.r1.power"
    roles = {item["prefect.resource.role"]: item["prefect.resource.id"] for item in told["related"]}
    assert roles == {"run": "njangi.run.r1", "flow-run": "prefect.flow-run.f1"}
    assert told["id"] == as_prefect(failed, "f1")["id"] != as_prefect(lost, None)["id"]
