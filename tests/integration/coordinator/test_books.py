"""What the dispatcher writes down of volunteers, also when MongoDB is away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from njangi_agent.protocol import Held, Machine, SyncRequest

from coordinator.dispatching.definitions import Definitions
from coordinator.dispatching.dispatcher import Dispatcher
from storage.errors import StorageUnavailableError
from storage.listing import Filter, Page, Sort
from storage.stores import Stores
from storage.volunteers.store import Seen, Volunteer, VolunteerStore, together
from tests.conftest import NOON
from tests.integration.api.conftest import until
from tests.integration.coordinator.test_lending import unlimited

MACHINE = Machine("Linux", "x86_64", "3.11", 4, 2**30, 2**30, "none", [])


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class AwayNowAndThen(VolunteerStore):
    """The real store, whose database can be away."""

    away = False

    async def seen(self, volunteers: Mapping[str, Seen]) -> None:
        if self.away:
            raise StorageUnavailableError("away")
        await super().seen(volunteers)


async def test_what_volunteers_did_while_the_database_was_away_is_written_down_later(stores: Stores) -> None:
    volunteers = AwayNowAndThen(stores.database, stores.ledger)
    dispatcher = Dispatcher(
        stores.ledger, stores.subtasks, volunteers, Definitions(stores.tasks), unlimited(stores), lambda: NOON
    )
    member, _ = await volunteers.enrol("a machine", MACHINE, now=NOON)

    async def counted(slots: int) -> Volunteer:
        await dispatcher.sync(member, SyncRequest(slots=slots))
        await dispatcher.keep_books()
        [kept], _ = await volunteers.page(Filter(), Sort("last_seen", True), Page(), now=NOON)
        return kept

    volunteers.away = True
    with pytest.raises(StorageUnavailableError):
        await counted(slots=3)
    volunteers.away = False
    await dispatcher.keep_books()
    [kept], _ = await volunteers.page(Filter(), Sort("last_seen", True), Page(), now=NOON)
    assert kept.slots == 3
    assert (await counted(slots=5)).slots == 5


async def test_an_agent_may_be_silent_while_its_sync_waits_and_briefly_after_it_hung_up(stores: Stores) -> None:
    clock, definitions = Clock(), Definitions(stores.tasks)
    dispatcher = Dispatcher(stores.ledger, stores.subtasks, stores.volunteers, definitions, unlimited(stores), clock)
    member, _ = await stores.volunteers.enrol("a machine", MACHINE, now=NOON)
    running = asyncio.create_task(dispatcher.run())

    async def gone_by(seconds: int) -> bool:
        await dispatcher.keep_books()
        return await stores.volunteers.online_slots(now=clock() + timedelta(seconds=seconds)) == 0

    waiting = asyncio.create_task(dispatcher.sync(member, SyncRequest(slots=2, wish=2, wait=50)))
    await until(lambda: dispatcher.parked == 1)
    assert not await gone_by(69) and await gone_by(70)
    dispatcher.work_opened()
    while dispatcher.parked:  # until it is looked at
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert not await gone_by(14) and await gone_by(15)
    assert dispatcher.parked == 0, "nobody waits any more"

    waiting = asyncio.create_task(dispatcher.sync(member, SyncRequest(slots=2, wish=2, wait=50)))
    await until(lambda: dispatcher.parked == 1)
    clock.now += timedelta(seconds=1)
    await dispatcher.sync(member, SyncRequest(slots=2, wish=2, held=[Held("r/t/0", "token")]))
    waiting.cancel()
    await asyncio.wait({waiting})
    assert not await gone_by(19), "the connection that it has left means nothing"
    running.cancel()


def test_two_stretches_of_time_add_up() -> None:
    earlier = {"a": Seen(2, NOON, completed=3, failed=1, due_at=NOON), "b": Seen(1, NOON)}
    later = {"a": Seen(4, NOON, completed=5), "c": Seen(7, NOON, failed=2)}
    assert together(earlier, later) == {
        "a": Seen(4, NOON, completed=8, failed=1, due_at=NOON),
        "b": Seen(1, NOON),
        "c": Seen(7, NOON, failed=2),
    }
