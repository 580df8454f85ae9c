"""How many parts of a task and a run failed, told wherever their end is, against a real MongoDB."""

from __future__ import annotations

from typing import Any

from njangi_agent.protocol import Outcome

from storage.runs.models import NewRun, RunStatus
from storage.runs.tasks import TaskStatus
from storage.stores import Stores
from storage.workflows.store import NewWorkflow
from tests.conftest import NOON
from tests.integration.storage.leasing import ended, lease, report, returned
from tests.integration.storage.test_controls import SECOND, Held, a_run


async def two_of_six_fail(held: Held, task: str = "a") -> None:
    await held.put(0, task=task, size=6)
    *good, bad, worse = await lease(held.stores, "v", 6, NOON, task=held.key(task))
    failed = [ended(item, Outcome.FAILED) for item in (bad, worse)]
    await report(held.stores, [*map(returned, good), *failed], NOON)


async def told(stores: Stores, run_id: str, type_: str) -> list[dict[str, Any]]:
    return [dict(event.data) for event in await stores.ledger.events(run_id=run_id) if event.type == type_]


async def test_a_run_that_completes_without_some_parts_says_so_until_it_begins_again(stores: Stores) -> None:
    workflow = await stores.workflows.add(NewWorkflow("w", "", 50, (), {}, {}, {}, {}), owner="ada", now=NOON)
    held = await a_run(stores, workflow_id=workflow.id)
    await two_of_six_fail(held)
    await held.change("a", TaskStatus.COMPLETED, result="[]")
    await held.put(0, task="b", size=1)
    await report(stores, [returned(item) for item in await lease(stores, "v", 1, NOON, task=held.key("b"))], NOON)
    await held.change("b", TaskStatus.COMPLETED, result="1")
    await held.prefect("COMPLETED", NOON + SECOND, RunStatus.COMPLETED)
    run = await held.now()
    assert (run.status, run.error, run.failed_parts, run.parts) == (RunStatus.COMPLETED, None, 2, 6)
    [end] = await told(stores, run.id, "run.completed")
    assert (end["failed_parts"], end["parts"]) == (2, 6)
    by_task = {event["task"]: event for event in await told(stores, run.id, "task.completed")}
    assert {name: (event["failed_parts"], event["parts"]) for name, event in by_task.items()} == {
        "a": (2, 6),
        "b": (0, 1),
    }
    shown = await stores.workflows.get(workflow.id)
    assert (shown.status, shown.failed_parts, shown.parts) == (RunStatus.COMPLETED, 2, 6)
    await held.control("reopen", {"a": "reset", "b": "reset"})
    for again in (await held.now(), await stores.workflows.get(workflow.id)):
        assert (again.status, again.failed_parts, again.parts) == (RunStatus.SUBMITTED, 0, 0)


async def test_a_task_that_fails_tells_how_many_of_all_its_subtasks_failed(stores: Stores) -> None:
    held = await a_run(stores)
    await held.put(*range(8), size=1)
    for batch in (1, 5):
        leased = await lease(stores, "v", 1, NOON, batch=batch, task=held.key())
        await report(stores, [ended(item, Outcome.FAILED) for item in leased], NOON)
    await held.change("a", TaskStatus.FAILED, why=lambda parts: f"{parts.failed} of {parts.total} subtasks failed")
    assert (await stores.tasks.get(f"{held.run.id}/a")).error == "2 of 8 subtasks failed"


async def test_calls_of_an_engineers_flow_that_fails_leave_their_tasks_as_they_ended(stores: Stores) -> None:
    new = NewRun("flow:f", "f", 1, "ada", 50, {}, {}, {}, prefect_flow_run_id="fr1")
    run = await stores.runs.adopt(new, now=NOON)
    held = Held(stores, *await stores.run_leases.hold(run.id, "worker", now=NOON))
    for task in ("done", "lost", "cut"):
        await held.change(task, TaskStatus.RUNNING)
    await held.put(0, task="done")
    await report(stores, [returned(item) for item in await lease(stores, "v", 2, NOON, task=held.key("done"))], NOON)
    await two_of_six_fail(held, "lost")
    await held.put(0, 1, task="cut")
    await report(stores, [returned(item) for item in await lease(stores, "v", 1, NOON, task=held.key("cut"))], NOON)
    await held.prefect("FAILED", NOON + SECOND, RunStatus.FAILED)
    assert await held.tasks() == {"done": "COMPLETED", "lost": "FAILED", "cut": "CANCELLED"}
    [end] = await told(stores, run.id, "task.failed")
    assert end == {"task": "lost", "parts": 6, "failed_parts": 2}
