"""Child runs: those that a task of another run started, found by their parent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Transaction
from storage.runs.models import ENDED, Run, RunStatus, as_run
from storage.runs.parts import Parts, parts_of


@dataclass(frozen=True, slots=True)
class Child:
    """A run that `task` of the parent started; `name` is its workflow's."""

    id: str
    task: str
    name: str
    status: RunStatus
    error: str | None
    parts: Parts

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class ChildStore:
    """The documents of `runs` that have a parent. `RunStore` writes them."""

    def __init__(self, database: Database) -> None:
        self._runs = database["runs"]

    async def prepare(self) -> None:
        await self._runs.create_index([("parent.run_id", 1), ("parent.task", 1)], unique=True, sparse=True)
        await self._runs.create_index(
            [("parent.on_parent_cancel", 1), ("status", 1)],
            partialFilterExpression={"parent.on_parent_cancel": "cancel"},
        )

    async def of(self, run_id: str, tasks: Collection[str] | None = None) -> dict[str, Child]:
        """Return a run's children by the tasks that started them; only those of `tasks` if given."""
        query: Document = {"parent.run_id": run_id}
        if tasks is not None:
            query["parent.task"] = {"$in": list(tasks)}
        fields = {"parent.task": 1, "name": 1, "status": 1, "error": 1, "parts": 1, "failed_parts": 1}
        with unavailable_is_ours():
            children = [_child(item) async for item in self._runs.find(query, fields)]
        return {child.task: child for child in children}

    async def under(self, tx: Transaction, run_id: str, task: str) -> Run | None:
        """Return the child of a task as the transaction sees it."""
        query = {"parent.run_id": run_id, "parent.task": task}
        document = await self._runs.find_one(query, session=tx.session)
        return as_run(document) if document is not None else None

    async def detach(self, tx: Transaction, child_id: str, run_id: str, task: str, *, now: datetime) -> None:
        """Let a task have another child than the one it has, which keeps its record."""
        change = {"$rename": {"parent": "former_parent"}, "$set": {"updated_at": now}}
        await self._runs.update_one({"_id": child_id}, change, session=tx.session)
        tx.emit("run.detached", now, run_id=child_id, parent_run_id=run_id, task=task)

    async def left_behind(self, *, limit: int) -> list[str]:
        """Return runs that shall not outlive their parent, though it has ended or is being cancelled."""
        going_on = {"parent.on_parent_cancel": "cancel", "status": {"$nin": list(ENDED)}, "cancel_requested": False}
        gone = {"$or": [{"above.status": {"$in": list(ENDED)}}, {"above.cancel_requested": True}]}
        parent = {"from": "runs", "localField": "parent.run_id", "foreignField": "_id", "as": "above"}
        with unavailable_is_ours():
            found = await self._runs.aggregate(
                [
                    {"$match": going_on},
                    {"$lookup": parent},
                    {"$match": gone},
                    {"$project": {"_id": 1}},
                    {"$limit": limit},
                ]
            )
            return [item["_id"] async for item in found]

    async def to_cancel(self, run_id: str) -> list[str]:
        """Return the children of a run that shall end with it and of which nobody has asked for that yet.

        None while the run goes on: the news of its end may be older than its new beginning.
        """
        gone = {"_id": run_id, "$or": [{"status": {"$in": list(ENDED)}}, {"cancel_requested": True}]}
        query = {
            "parent.run_id": run_id,
            "parent.on_parent_cancel": "cancel",
            "status": {"$nin": list(ENDED)},
            "cancel_requested": False,
        }
        with unavailable_is_ours():
            if await self._runs.find_one(gone, {"_id": 1}) is None:
                return []
            return [item["_id"] async for item in self._runs.find(query, {"_id": 1})]


def _child(document: Document) -> Child:
    return Child(
        id=document["_id"],
        task=document["parent"]["task"],
        name=document["name"],
        status=RunStatus(document["status"]),
        error=document["error"],
        parts=parts_of(document),
    )
