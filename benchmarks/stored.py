"""Fill a database as years of use would: many runs, some of them with a great many subtasks in random states."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from storage.database import Document, open_database
from storage.runs.models import NewRun, RunStatus
from storage.runs.tasks import NewTask, TaskStatus
from storage.stores import Stores
from storage.subtasks.documents import opened, queued
from storage.subtasks.models import NewBatch, NewSubtask, SubtaskStatus, TaskKey

BATCH = 100
AT_ONCE = 5_000
VOLUNTEER = "v0195f3a1c2e-9f04b1c2"
_ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
_COUNTED = {
    SubtaskStatus.QUEUED: "queued",
    SubtaskStatus.LEASED: "leased",
    SubtaskStatus.COMPLETED: "completed",
    SubtaskStatus.FAILED: "failed",
    SubtaskStatus.DEAD: "dead",
    SubtaskStatus.CANCELLED: "cancelled",
}


async def fill(uri: str, *, runs: int, large: int, subtasks: int) -> list[str]:
    """Store `runs` runs, of which `large` have `subtasks` subtasks each; return the ids of these."""
    chance = random.Random(1)
    async with open_database(uri) as database:
        stores = Stores(database)
        now = datetime.now(UTC)
        made = await stores.runs.add(NewRun("w1", "stored", 1, "admin", 50, {"name": "stored"}, {}, {}), [], now=now)
        model = await database["runs"].find_one({"_id": made.id}) or {}
        documents: list[Document] = []
        for number in range(runs):
            at = now - timedelta(minutes=number + 1)
            change = {"status": chance.choice(_ENDED), "created_at": at, "updated_at": at, "ended_at": at}
            documents.append({**model, **change, "_id": f"r{number:06d}"})
        for place in range(0, runs, AT_ONCE):
            await database["runs"].insert_many(documents[place : place + AT_ONCE])
        ids = [f"r{number:06d}" for number in range(large)]
        for run_id in ids:
            await _task(stores, run_id, subtasks, chance, now)
        return ids


async def _task(stores: Stores, run_id: str, count: int, chance: random.Random, now: datetime) -> None:
    key = TaskKey(run_id, "w1", "stored", 50, 1.0, 2**28, 2**24)
    tasks, batches = stores.database["tasks"], stores.database["batches"]
    task = stores.tasks.pending("w1", NewTask("stored", ("true",), {}, (), {}), now=now)
    mine = {"_id": f"{run_id}/stored", "run_id": run_id, "status": TaskStatus.RUNNING}
    await tasks.insert_one({**task, **mine})
    for first in range(0, count, AT_ONCE):
        rows: list[Document] = []
        heads: list[Document] = []
        for at in range(first, min(first + AT_ONCE, count), BATCH):
            batch = NewBatch(at // BATCH, [NewSubtask(index, f'{{"x":{index}}}') for index in range(at, at + BATCH)])
            head = opened(key, batch, now, owner="admin", lending=False, generation=0) | {"queued": 0}
            for subtask in batch.subtasks:
                status = chance.choice(list(_COUNTED))
                row = queued(key, batch, subtask, now, 0) | {"status": status, "attempt": chance.randrange(6)}
                if row["attempt"]:
                    attempt = {"volunteer": VOLUNTEER, "token": "t" * 22, "from": now, "to": now, "outcome": "RETURNED"}
                    row["attempts"] = [attempt]
                head[_COUNTED[status]] += 1
                rows.append(row)
            heads.append(head)
        await tasks.insert_many(rows, ordered=False)
        await batches.insert_many(heads, ordered=False)
