"""Short ways to say what storage tests do: queue, lease, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from njangi_agent.protocol import AttemptError, Outcome, Report, Verdict

from storage.runs.models import RunStatus
from storage.stores import Stores
from storage.subtasks.models import Assignment, Leased, NewBatch, NewSubtask, TaskKey, VolunteerReport

MINUTE = timedelta(minutes=1)
TASK = TaskKey(run_id="r1", workflow_id="w1", name="factor", priority=50, cpu=1.0, memory=1, storage=1)
TOKEN = "the flow's"


async def a_held_run(stores: Stores, now: datetime, *, task: TaskKey = TASK) -> None:
    """Write the run of the task unless it is there, held under TOKEN."""
    document: dict[str, Any] = {
        "workflow_id": task.workflow_id,
        "name": "w",
        "version": 1,
        "owner": "ada",
        "readers": ["ada"],
        "status": RunStatus.RUNNING,
        "priority": 50,
        "spec": "{}",
        "files": [],
        "parameters": "{}",
        "cancel_requested": False,
        "attempt": 1,
        "error": None,
        "created_at": now,
        "started_at": now,
        "ended_at": None,
        "hold": {"token": TOKEN, "holder": "flow", "until": now + MINUTE},
    }
    await stores.database["runs"].update_one({"_id": task.run_id}, {"$setOnInsert": document}, upsert=True)


async def queue(
    stores: Stores, count: int, now: datetime, *, batch_size: int = 100, task: TaskKey = TASK, token: str = TOKEN
) -> None:
    await a_held_run(stores, now, task=task)
    batches = [
        NewBatch(at // batch_size, [NewSubtask(i, f'{{"x":{i}}}') for i in range(at, min(count, at + batch_size))])
        for at in range(0, count, batch_size)
    ]
    await stores.queue.put(task, batches, token=token, now=now)


async def lease(
    stores: Stores,
    volunteer: str,
    count: int,
    now: datetime,
    *,
    batch: int = 0,
    task: TaskKey = TASK,
    longest: timedelta = timedelta(hours=1),
) -> list[Leased]:
    wanted = Assignment(f"{task.task_id}/b{batch}", task.task_id, volunteer, count, now + MINUTE, now + longest)
    return await stores.ledger.write(lambda tx: stores.subtasks.lease(tx, [wanted], now=now))


def returned(item: Leased, result: str = "1", stderr: str = "") -> VolunteerReport:
    report = Report(
        item.subtask_id,
        item.token,
        Outcome.RETURNED,
        result=result,
        seconds=0.5,
        stderr=stderr,
        stderr_bytes=len(stderr),
    )
    return VolunteerReport(item.volunteer_id, report)


def ended(item: Leased, outcome: Outcome, message: str = "boom", type_: str = "NonZeroExit") -> VolunteerReport:
    error = AttemptError(type_, message)
    return VolunteerReport(
        item.volunteer_id, Report(item.subtask_id, item.token, outcome, error=error, stderr="stderr")
    )


async def report(stores: Stores, reports: Sequence[VolunteerReport], now: datetime) -> list[Verdict]:
    return await stores.ledger.write(lambda tx: stores.subtasks.report(tx, reports, now=now))


async def counts_of(stores: Stores, run_id: str) -> dict[str, Counter[str]]:
    """Return the sums of the batches' counters by task name."""
    names = ("total", "queued", "leased", "completed", "failed", "dead", "cancelled")
    group = {"_id": "$task", **{name: {"$sum": f"${name}"} for name in names}}
    cursor = await stores.database["batches"].aggregate([{"$match": {"run_id": run_id}}, {"$group": group}])
    return {row["_id"]: Counter({name: row[name] for name in names}) async for row in cursor}
