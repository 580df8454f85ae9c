"""Throughput by the hour: each event of the log is counted once, whoever counts it and however often."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from njangi_agent.protocol import Machine, Outcome

from coordinator.leadership import Leadership
from coordinator.throughput import Throughput
from storage.leaders import LEADER_LEASE
from storage.stores import Stores
from storage.volunteers import throughput
from storage.volunteers.store import OFFLINE_AFTER, Seen
from storage.volunteers.throughput import HOUR, Hour
from tests.conftest import NOON
from tests.integration.storage.leasing import ended, lease, queue, report, returned

MACHINE = Machine("Linux", "x86_64", "3.11", 2, 2**33, 2**35, "none", ())


async def worked(stores: Stores, count: int, at: datetime, *, failing: int = 0) -> None:
    leases = await lease(stores, "v1", count, at)
    assert len(leases) == count
    said = [ended(item, Outcome.FAILED) for item in leases[:failing]] + [returned(item) for item in leases[failing:]]
    await report(stores, said, at)


async def everything(stores: Stores) -> list[Hour]:
    while await stores.throughput.count_on():
        pass
    return list(await stores.throughput.since(NOON - 100 * HOUR))


async def test_attempts_are_counted_in_the_hour_in_which_they_ended(stores: Stores) -> None:
    await queue(stores, 20, NOON)
    await worked(stores, 5, NOON + timedelta(minutes=59), failing=2)
    await worked(stores, 4, NOON + timedelta(minutes=61))
    await worked(stores, 3, NOON + 3 * HOUR)
    assert await everything(stores) == [Hour(NOON, 3, 2), Hour(NOON + HOUR, 4), Hour(NOON + 3 * HOUR, 3)]


async def test_what_was_counted_is_not_counted_again(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "EVENTS_A_PIECE", 2)
    await queue(stores, 40, NOON)
    for _ in range(10):
        await worked(stores, 2, NOON)
    await asyncio.gather(*(everything(stores) for _ in range(4)))
    assert await everything(stores) == [Hour(NOON, 20)]
    await worked(stores, 2, NOON)
    assert await everything(stores) == [Hour(NOON, 22)]


async def test_an_hour_keeps_the_most_machines_that_were_online_in_it(stores: Stores) -> None:
    ids = [(await stores.volunteers.enrol(name, MACHINE, now=NOON))[0].id for name in ("a", "b")]
    await stores.throughput.note_online(now=NOON)
    later = NOON + OFFLINE_AFTER + timedelta(seconds=1)
    await stores.volunteers.seen({ids[0]: Seen(1, later, due_at=later + HOUR)})
    await stores.throughput.note_online(now=later)
    assert await stores.throughput.since(NOON) == [Hour(NOON, online=2)]
    await stores.volunteers.seen({ids[0]: Seen(1, NOON + HOUR, due_at=NOON + 2 * HOUR)})
    await stores.throughput.note_online(now=NOON + HOUR)
    assert await stores.throughput.since(NOON + HOUR) == [Hour(NOON + HOUR, online=1)]


async def test_only_the_replica_that_leads_counts_and_another_goes_on_after_it(stores: Stores) -> None:
    now = NOON

    def clock() -> datetime:
        return now

    here, there = (
        Throughput(stores.throughput, Leadership(stores.leaders, "publishing", name), clock)
        for name in ("here", "there")
    )
    await queue(stores, 9, NOON)
    await worked(stores, 1, NOON)
    await here.tick()
    assert [hour.completed for hour in await stores.throughput.since(NOON)] == [1]
    await worked(stores, 2, NOON)
    await there.tick()
    assert [hour.completed for hour in await stores.throughput.since(NOON)] == [1], "it does not lead"
    now = NOON + 2 * LEADER_LEASE
    await there.tick()
    assert [hour.completed for hour in await stores.throughput.since(NOON)] == [3]
