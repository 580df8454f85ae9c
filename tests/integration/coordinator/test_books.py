"""What the dispatcher writes down of volunteers, also when MongoDB is away for a while."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from njangi_agent.protocol import Machine, SyncRequest

from coordinator.definitions import Definitions
from coordinator.dispatcher import Dispatcher
from storage.errors import StorageUnavailableError
from storage.listing import Filter, Page, Sort
from storage.stores import Stores
from storage.volunteers import Seen, Volunteer, VolunteerStore, together
from tests.conftest import NOON
from tests.integration.coordinator.test_lending import unlimited

MACHINE = Machine("Linux", "x86_64", "3.11", 4, 2**30, 2**30, "none", [])


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


def test_two_stretches_of_time_add_up() -> None:
    earlier = {"a": Seen(2, NOON, completed=3, failed=1), "b": Seen(1, NOON)}
    later = {"a": Seen(4, NOON, completed=5), "c": Seen(7, NOON, failed=2)}
    assert together(earlier, later) == {
        "a": Seen(4, NOON, completed=8, failed=1),
        "b": Seen(1, NOON),
        "c": Seen(7, NOON, failed=2),
    }
