"""The ends of waiting tasks. Time stands still while the run or the task is paused.

A wait that is held remembers since when; whoever lets it go on moves its end by as long as it was held.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Transaction
from storage.runs.tasks import TaskStatus


@dataclass(frozen=True, slots=True)
class WaitEnd:
    """Until when a task waits, None without a limit; while it is `held` that moment is not known yet."""

    until: datetime | None
    held: bool


class WaitStore:
    """The `plan` and `held_since` of tasks that wait (see `TaskStore.begin_wait`), in `tasks`."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]

    async def hold(self, tx: Transaction, run_id: str, task: str | None = None, *, now: datetime) -> None:
        """Let time stand still for the waits of a run, or for that of one task. Repeating changes nothing."""
        going_on = {**_waiting(run_id, task), "held_since": {"$exists": False}}
        await self._tasks.update_many(going_on, {"$set": {"held_since": now}}, session=tx.session)

    async def go_on(
        self, tx: Transaction, run_id: str, task: str | None = None, *, but: Collection[str] = (), now: datetime
    ) -> None:
        """Let time go on for what was held, without the tasks in `but`."""
        held = {**_waiting(run_id, task), "held_since": {"$exists": True}}
        for item in await self._tasks.find(held, session=tx.session).to_list():
            if item["name"] in but:
                continue
            plan = json.loads(item["plan"])
            if plan["until"] is not None:
                until = datetime.fromisoformat(plan["until"]) + (now - item["held_since"])
                plan["until"] = until.isoformat()
            await self._tasks.update_one(
                {"_id": item["_id"]},
                {"$set": {"plan": json.dumps(plan)}, "$unset": {"held_since": ""}},
                session=tx.session,
            )

    async def ends(self, run_id: str, tasks: Collection[str]) -> Mapping[str, WaitEnd]:
        """Return until when these tasks wait, of those that do."""
        if not tasks:
            return {}
        ids = {"_id": {"$in": [f"{run_id}/{name}" for name in tasks]}}
        with unavailable_is_ours():
            found = self._tasks.find({**_waiting(run_id), **ids}, {"name": 1, "plan": 1, "held_since": 1})
            return {item["name"]: _end(item) async for item in found}


def _waiting(run_id: str, task: str | None = None) -> Document:
    waiting: Document = {"run_id": run_id, "is_subtask": False, "status": TaskStatus.RUNNING, "waits": True}
    return waiting if task is None else {**waiting, "name": task}


def _end(item: Document) -> WaitEnd:
    until = json.loads(item["plan"])["until"]
    return WaitEnd(datetime.fromisoformat(until) if until is not None else None, "held_since" in item)
