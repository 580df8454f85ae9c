"""Count the parts of a task or a run that failed for good: a run may be COMPLETED without them.

A part is a subtask. The parts of a task that started another run are those of that run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from storage.database import Database, Document
from storage.ledger import Transaction


@dataclass(frozen=True, slots=True)
class Parts:
    """`failed` counts those of the `total` that failed or are dead, and were not tried again."""

    total: int = 0
    failed: int = 0
    cancelled: int = 0

    def told(self) -> dict[str, int]:
        """Return them under the names that events and answers have for them."""
        return {"parts": self.total, "failed_parts": self.failed}


def together(tasks: Iterable[Parts]) -> Parts:
    """Return the parts of a run, given those of its tasks. A task of one subtask has no parts unless that failed."""
    counted = [parts for parts in tasks if parts.total > 1 or parts.failed]
    return Parts(
        sum(parts.total for parts in counted),
        sum(parts.failed for parts in counted),
        sum(parts.cancelled for parts in counted),
    )


class PartStore:
    """Reads `batches`, and of child runs what they ended with, as a transaction sees them."""

    def __init__(self, database: Database) -> None:
        self._batches = database["batches"]
        self._runs = database["runs"]

    async def of_task(self, tx: Transaction, run_id: str, task: str) -> Parts:
        return (await self._counted(tx, run_id, task)).get(task, Parts())

    async def of_tasks(self, tx: Transaction, run_id: str) -> dict[str, Parts]:
        """Return the parts of those tasks of a run that have some."""
        return await self._counted(tx, run_id)

    async def _counted(self, tx: Transaction, run_id: str, task: str | None = None) -> dict[str, Parts]:
        batches: Document = {"run_id": run_id}
        children: Document = {"parent.run_id": run_id}
        if task is not None:
            batches["task"] = children["parent.task"] = task
        group: Document = {
            "_id": "$task",
            "total": {"$sum": "$total"},
            "failed": {"$sum": {"$add": ["$failed", "$dead"]}},
            "cancelled": {"$sum": "$cancelled"},
        }
        rows = await self._batches.aggregate([{"$match": batches}, {"$group": group}], session=tx.session)
        found = {row["_id"]: Parts(row["total"], row["failed"], row["cancelled"]) async for row in rows}
        shown = {"parent.task": 1, "parts": 1, "failed_parts": 1}
        async for child in self._runs.find(children, shown, session=tx.session):
            found[child["parent"]["task"]] = parts_of(child)
        return found


def parts_of(run: Document) -> Parts:
    """Return what the document of a run that has ended says."""
    return Parts(run.get("parts", 0), run.get("failed_parts", 0))
