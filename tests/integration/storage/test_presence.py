"""Volunteers that fall silent are told of once, and once more when they are back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from njangi_agent.protocol import Machine

from coordinator.office import Office
from coordinator.presence import Presence
from storage.leaders import LEADER_LEASE
from storage.presence import turned
from storage.stores import Stores
from storage.volunteers import OFFLINE_AFTER, Seen
from tests.conftest import NOON

MACHINE = Machine("Linux", "x86_64", "3.11", 2, 2**33, 2**35, "none", ())
SECOND = timedelta(seconds=1)


async def told(stores: Stores) -> Counter[tuple[str, str]]:
    events = [event for event in await stores.ledger.events() if event.type in ("volunteer.lost", "volunteer.back")]
    return Counter((event.type, event.data["volunteer"]) for event in events)


async def test_silence_and_return_are_told_once_each(stores: Stores) -> None:
    quiet, _ = await stores.volunteers.enrol("quiet", MACHINE, now=NOON)
    loud, _ = await stores.volunteers.enrol("loud", MACHINE, now=NOON)
    later = NOON + OFFLINE_AFTER + SECOND
    await stores.volunteers.seen({loud.id: Seen(2, later)})
    for _ in range(2):
        await stores.presence.look(now=later)
    assert await told(stores) == {("volunteer.lost", quiet.id): 1}
    await stores.volunteers.seen({quiet.id: Seen(2, later + SECOND)})
    for _ in range(2):
        await stores.presence.look(now=later + SECOND)
    assert await told(stores) == {("volunteer.lost", quiet.id): 1, ("volunteer.back", quiet.id): 1}


async def test_looking_reads_only_what_has_changed(stores: Stores) -> None:
    now, common = NOON + timedelta(days=1), {"status": "ONLINE", "name": "v"}
    heard = [{**common, "_id": f"v{n}", "lost": False, "last_seen": now} for n in range(2000)]
    lost = [{**common, "_id": f"w{n}", "lost": True, "last_seen": NOON} for n in range(2000)]
    await stores.database["volunteers"].insert_many(heard + lost)
    for was_lost in (False, True):
        query, index = turned(was_lost=was_lost, now=now)
        plan = await stores.database.mongo.command(
            {"explain": {"find": "volunteers", "filter": query, "hint": index}, "verbosity": "executionStats"}
        )
        assert plan["executionStats"]["totalKeysExamined"] <= 1
    assert await stores.presence.look(now=now) == 0


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


async def test_nobody_is_lost_while_the_service_itself_was_away(stores: Stores) -> None:
    volunteer, _ = await stores.volunteers.enrol("patient", MACHINE, now=NOON - timedelta(hours=1))
    clock = Clock()
    presence = Presence(stores.presence, Office(stores.leaders, "publishing", "here"), clock)

    async def for_(duration: timedelta, then: timedelta = timedelta()) -> None:
        """Tick every five seconds, then let the service be away."""
        end = clock.now + duration
        while clock.now < end:
            await presence.tick()
            clock.now += 5 * SECOND
        clock.now += then

    await for_(OFFLINE_AFTER - 10 * SECOND, then=timedelta(minutes=10))
    await for_(OFFLINE_AFTER - 10 * SECOND)
    assert not await told(stores), "it had no chance to be heard"
    await for_(OFFLINE_AFTER)
    assert await told(stores) == {("volunteer.lost", volunteer.id): 1}


async def test_another_replica_leads_when_the_first_is_silent(stores: Stores) -> None:
    here, there = (Office(stores.leaders, "publishing", name) for name in ("here", "there"))
    assert await here.held(now=NOON) and not await there.held(now=NOON)
    assert await here.held(now=NOON + LEADER_LEASE / 2)
    assert not await there.held(now=NOON + LEADER_LEASE)
    assert await there.held(now=NOON + 2 * LEADER_LEASE) and not await here.held(now=NOON + 2 * LEADER_LEASE)
