"""What the dispatcher hands out, against a real MongoDB: a lease always comes with what its task asks of the agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from njangi_agent.protocol import INLINE_RESULT_BYTES, Machine, Outcome, Report, SyncRequest, Verdict

from coordinator.dispatching.allowances import Allowances
from coordinator.dispatching.definitions import Definitions
from coordinator.dispatching.dispatcher import Dispatcher, SyncOutcome
from coordinator.dispatching.open_batches import BATCHES_LOOKED_AT
from storage.runs.tasks import TaskStatus, TaskUpdate
from storage.stores import Stores
from storage.subtasks.models import BUCKETS, TaskKey
from storage.volunteers.store import Volunteer
from tests.conftest import NOON
from tests.integration.storage.leasing import TASK, TOKEN, a_held_run, ended, lease, queue, report

MACHINE = Machine("Linux", "x86_64", "3.11", 4, 2**30, 2**30, "none", [])
MOST_BSON = 16 * 2**20


def unlimited(stores: Stores) -> Allowances:
    """Every owner may have as much lent as there is."""

    async def limits(owners: object) -> dict[str, int | None]:
        return {}

    return Allowances(stores.usage, limits, lambda: NOON)


@contextlib.asynccontextmanager
async def dispatching(stores: Stores, definitions: Definitions) -> AsyncIterator[Dispatcher]:
    made = Dispatcher(stores.ledger, stores.subtasks, stores.volunteers, definitions, unlimited(stores), lambda: NOON)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()


async def a_member(stores: Stores) -> Volunteer:
    return (await stores.volunteers.enrol("a machine", MACHINE, now=NOON))[0]


async def define(stores: Stores, task: TaskKey, heartbeat: float) -> None:
    await a_held_run(stores, NOON, task=task)
    change = TaskUpdate(TaskStatus.RUNNING, definition={"command": ["true"], "heartbeat": heartbeat})
    await stores.tasks.change(task.run_id, TOKEN, task.name, change, now=NOON)


async def ask(dispatcher: Dispatcher, member: Volunteer, slots: int) -> SyncOutcome:
    async with asyncio.timeout(30):
        return await dispatcher.sync(member, SyncRequest(slots=slots, wish=slots, wait=0.0))


async def test_what_is_lent_keeps_its_definition_though_the_task_is_set_back_before_the_answer(stores: Stores) -> None:
    await define(stores, TASK, heartbeat=7.0)
    await queue(stores, 2, NOON)
    definitions = Definitions(stores.tasks)
    async with dispatching(stores, definitions) as dispatcher:
        answer = await ask(dispatcher, await a_member(stores), 2)
    definitions.forget_older({TASK.task_id: 1})
    assert definitions.get(TASK.task_id) is None
    [definition] = answer.definitions.values()
    assert len(answer.leases) == 2
    assert (definition.heartbeat, json.loads(definition.text)["task_id"]) == (7.0, TASK.task_id)


async def test_what_has_no_definition_is_lent_when_it_has_one(stores: Stores) -> None:
    await queue(stores, 2, NOON)
    async with dispatching(stores, Definitions(stores.tasks)) as dispatcher:
        member = await a_member(stores)
        assert (await ask(dispatcher, member, 2)).leases == []
        await define(stores, TASK, heartbeat=7.0)
        dispatcher.work_opened()
        assert len((await ask(dispatcher, member, 2)).leases) == 2


async def test_results_that_are_too_much_for_one_command_are_accepted_together(stores: Stores) -> None:
    count = MOST_BSON // INLINE_RESULT_BYTES + BUCKETS
    await define(stores, TASK, heartbeat=7.0)
    await queue(stores, count, NOON, batch_size=count)
    large = json.dumps("x" * (INLINE_RESULT_BYTES - 2))
    async with dispatching(stores, Definitions(stores.tasks)) as dispatcher:
        members = [await a_member(stores) for _ in range(2)]
        lent = [(await ask(dispatcher, member, count // 2)).leases for member in members]
        reports = [
            tuple(Report(item.subtask_id, item.token, Outcome.RETURNED, result=large, seconds=1.0) for item in theirs)
            for theirs in lent
        ]
        async with asyncio.timeout(120):
            answers = await asyncio.gather(
                *(
                    dispatcher.sync(member, SyncRequest(slots=1, reports=theirs))
                    for member, theirs in zip(members, reports, strict=True)
                )
            )
    verdicts = [verdict for answer in answers for verdict in answer.verdicts]
    assert verdicts == [Verdict.ACCEPTED] * (count // 2 * 2)
    [kept] = await stores.results.page(TASK.task_id, after=-1, limit=1)
    assert kept.result == large


async def test_what_fits_nobody_does_not_starve_what_comes_after_it(stores: Stores) -> None:
    huge = replace(TASK, name="huge", memory=2**50)
    await define(stores, huge, heartbeat=7.0)
    await queue(stores, BATCHES_LOOKED_AT + 50, NOON, batch_size=1, task=huge)
    small = replace(TASK, run_id="r2", name="small")
    await define(stores, small, heartbeat=7.0)
    await queue(stores, 3, NOON, task=small)
    async with dispatching(stores, Definitions(stores.tasks)) as dispatcher:
        member = await a_member(stores)
        answer = await ask(dispatcher, member, 2)
        assert {lease.task_id for lease in answer.leases} == {small.task_id} and len(answer.leases) == 2
        assert len((await ask(dispatcher, member, 2)).leases) == 1
        assert (await ask(dispatcher, member, 2)).leases == []


async def test_what_a_volunteer_has_refused_does_not_keep_it_from_other_work(stores: Stores) -> None:
    """Every subtask of the first task was refused by it, by another replica's account."""
    await define(stores, TASK, heartbeat=7.0)
    await queue(stores, 2, NOON)
    member = await a_member(stores)
    leases = await lease(stores, member.id, 2, NOON)
    await report(stores, [ended(item, Outcome.REFUSED) for item in leases], NOON)
    other = replace(TASK, run_id="r2", name="other")
    await define(stores, other, heartbeat=7.0)
    await queue(stores, 2, NOON, task=other)
    async with dispatching(stores, Definitions(stores.tasks)) as dispatcher:
        assert (await ask(dispatcher, member, 1)).leases == []
        answer = await ask(dispatcher, member, 1)
        assert [item.task_id for item in answer.leases] == [other.task_id]


async def test_a_volunteer_that_came_too_late_is_lent_what_is_handed_back_at_once(stores: Stores) -> None:
    await define(stores, TASK, heartbeat=7.0)
    await queue(stores, 2, NOON)
    async with dispatching(stores, Definitions(stores.tasks)) as dispatcher:
        member = await a_member(stores)
        [first] = (await ask(dispatcher, member, 1)).leases
        [other] = await lease(stores, "quicker", 1, NOON)  # by another replica, of which this dispatcher does not know
        assert (await ask(dispatcher, member, 1)).leases == []
        await report(stores, [ended(other, Outcome.HANDED_BACK)], NOON)
        dispatcher.work_opened()
        [second] = (await ask(dispatcher, member, 1)).leases
    assert {first.subtask_id, second.subtask_id} == {f"{TASK.task_id}/0", f"{TASK.task_id}/1"}


async def test_what_every_machine_refuses_fails_with_the_last_reason(stores: Stores) -> None:
    await define(stores, TASK, heartbeat=7.0)
    await queue(stores, 2, NOON, batch_size=1)
    members = [await a_member(stores), await a_member(stores)]
    later = NOON + timedelta(seconds=10)
    assert await stores.refusals.tasks(now=later) == []
    for member in members:
        leases = await lease(stores, member.id, 1, NOON)
        await report(stores, [ended(item, Outcome.REFUSED, "no such sandbox") for item in leases], NOON)
    [task] = await stores.refusals.tasks(now=later)
    assert (task.total, task.completed, task.machines) == (2, 0, {member.id for member in members})
    refused = list(task.refused)
    assert await stores.refusals.give_up(task.id, refused, now=later) == len(refused)
    assert await stores.refusals.give_up(task.id, refused, now=later) == 0
    failed = [item for item in await stores.results.page(task.id, after=-1, limit=9) if item.status == "FAILED"]
    assert {item.id for item in failed} == set(refused)
    assert failed[0].error is not None and failed[0].error["type"] == "RefusedByAll"
