"""Volunteers that fall silent are told of once, and once more when they are back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from njangi_agent.protocol import Machine

from coordinator.leadership import Leadership
from coordinator.presence import Presence
from storage.leaders import LEADER_LEASE
from storage.stores import Stores
from storage.volunteers.presence import back, overdue
from storage.volunteers.store import OFFLINE_AFTER, Seen, VolunteerStatus
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
    await stores.volunteers.seen({loud.id: Seen(2, later, due_at=later + SECOND)})
    for _ in range(2):
        await stores.presence.look(now=later)
    assert await told(stores) == {("volunteer.lost", quiet.id): 1}
    await stores.volunteers.seen({quiet.id: Seen(2, later + SECOND / 2, due_at=later + 2 * SECOND)})
    for _ in range(2):
        await stores.presence.look(now=later + SECOND / 2)
    assert await told(stores) == {("volunteer.lost", quiet.id): 1, ("volunteer.back", quiet.id): 1}


async def test_what_one_replica_knows_of_an_agent_gives_way_to_what_another_has_heard_since(stores: Stores) -> None:
    member, _ = await stores.volunteers.enrol("roaming", MACHINE, now=NOON)

    async def status(seconds: int) -> VolunteerStatus:
        return (await stores.volunteers.get(member.id, now=NOON + seconds * SECOND)).status

    hung_up = {member.id: Seen(2, NOON + SECOND, completed=1, due_at=NOON + 20 * SECOND)}
    await stores.volunteers.seen({member.id: Seen(2, NOON + SECOND, due_at=NOON + 76 * SECOND)})
    await stores.volunteers.seen(hung_up)
    assert (await status(19), await status(20)) == (VolunteerStatus.ONLINE, VolunteerStatus.OFFLINE)
    assert await stores.volunteers.online_slots(now=NOON + 20 * SECOND) == 0
    await stores.volunteers.seen({member.id: Seen(3, NOON + 2 * SECOND, due_at=NOON + 77 * SECOND)})
    await stores.volunteers.seen(hung_up)
    assert await status(76) is VolunteerStatus.ONLINE, "it is with the other replica"
    assert await stores.volunteers.online_slots(now=NOON + 76 * SECOND) == 3
    assert (await stores.volunteers.get(member.id, now=NOON)).completed == 2, "what was counted counts"


async def test_who_was_heard_of_by_an_earlier_version_may_be_silent_for_90_seconds(stores: Stores) -> None:
    member, _ = await stores.volunteers.enrol("old", MACHINE, now=NOON)
    await stores.database["volunteers"].update_one({}, {"$unset": {"due_at": 1}, "$set": {"last_seen": NOON}})
    await stores.volunteers.prepare()
    for seconds, status in ((89, VolunteerStatus.ONLINE), (90, VolunteerStatus.OFFLINE)):
        assert (await stores.volunteers.get(member.id, now=NOON + seconds * SECOND)).status is status


async def test_looking_reads_only_what_has_changed(stores: Stores) -> None:
    now, common = NOON + timedelta(days=1), {"status": "ONLINE", "name": "v"}
    heard = [{**common, "_id": f"v{n}", "lost": False, "due_at": now + SECOND} for n in range(2000)]
    lost = [{**common, "_id": f"w{n}", "lost": True, "due_at": NOON} for n in range(2000)]
    await stores.database["volunteers"].insert_many(heard + lost)
    for query, index in (overdue(now, None), back(now)):
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
    presence = Presence(stores.presence, Leadership(stores.leaders, "publishing", "here"), clock)

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


async def test_who_was_heard_of_since_the_service_is_back_is_lost_as_soon_as_it_is_overdue(stores: Stores) -> None:
    came, patient = [(await stores.volunteers.enrol(name, MACHINE, now=NOON))[0].id for name in ("came", "patient")]
    clock = Clock()
    clock.now += timedelta(hours=1)
    presence = Presence(stores.presence, Leadership(stores.leaders, "publishing", "here"), clock)
    await presence.tick()
    clock.now += SECOND
    await stores.volunteers.seen({came: Seen(2, clock.now, due_at=clock.now + 15 * SECOND)})
    clock.now += 15 * SECOND
    await presence.tick()
    assert patient and await told(stores) == {("volunteer.lost", came): 1}


async def test_another_replica_leads_when_the_first_is_silent(stores: Stores) -> None:
    here, there = (Leadership(stores.leaders, "publishing", name) for name in ("here", "there"))
    assert await here.held(now=NOON) and not await there.held(now=NOON)
    assert await here.held(now=NOON + LEADER_LEASE / 2)
    assert not await there.held(now=NOON + LEADER_LEASE)
    assert await there.held(now=NOON + 2 * LEADER_LEASE) and not await here.held(now=NOON + 2 * LEADER_LEASE)
