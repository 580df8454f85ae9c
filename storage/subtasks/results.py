"""Read how subtasks ended: results, failures, and batches that have settled."""

from __future__ import annotations

from collections.abc import Sequence

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import NotFoundError
from storage.subtasks import documents
from storage.subtasks.deadline_errors import TOO_LATE
from storage.subtasks.models import (
    Batch,
    StoredCall,
    Subtask,
    SubtaskStatus,
)

_ENDED_BADLY = {"$in": [SubtaskStatus.FAILED, SubtaskStatus.DEAD]}


class ResultStore:
    """Reads `tasks`, `batches` and `logs`; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._logs = database["logs"]

    async def settled(self, batch_ids: Sequence[str]) -> list[Batch]:
        """Return those of `batch_ids` of which every subtask has ended."""
        with unavailable_is_ours():
            found = self._batches.find({"_id": {"$in": list(batch_ids)}, "settled": True})
            return [documents.batch(document) async for document in found]

    async def only_results(self, batches: Sequence[Batch]) -> dict[str, Subtask]:
        """Return, by batch, the subtasks of those batches that are made of one which completed."""
        ids = {
            documents.subtask_id(f"{batch.run_id}/{batch.task}", batch.first): batch.id
            for batch in batches
            if batch.total == batch.completed == 1
        }
        if not ids:
            return {}
        shown = {"details": 0, "details_blob": 0}
        with unavailable_is_ours():
            return {
                ids[item["_id"]]: documents.subtask(item)
                async for item in self._tasks.find({"_id": {"$in": list(ids)}}, shown)
            }

    async def calls(self, run_id: str, task: str, *, after: int, limit: int) -> list[StoredCall]:
        """Return the batches of a task with an index above `after`, in order, as far as it is known what is in them."""
        wanted = {"run_id": run_id, "task": task, "index": {"$gt": after}}
        shown = {"index": 1, "contents": 1, "tries": 1, "settled": 1, "failed": 1, "dead": 1}
        with unavailable_is_ours():
            return [
                documents.call(item) async for item in self._batches.find(wanted, shown).sort("index", 1).limit(limit)
            ]

    async def failures(self, batch_id: str, limit: int = 3) -> list[Subtask]:
        """Return the first failed or dead subtasks of a batch, those first that failed for want of time."""
        with unavailable_is_ours():
            batch = await self._batches.find_one({"_id": batch_id})
            if batch is None:
                return []
            badly = {**documents.of_batch(batch), "status": _ENDED_BADLY}
            for_want_of_time = {**badly, "error.type": {"$in": TOO_LATE}}
            limited = "schedule_to_start" in batch or "schedule_to_close" in batch
            found = await self._tasks.find(for_want_of_time).sort("index", 1).limit(limit).to_list() if limited else []
            others = {**badly, "error.type": {"$nin": TOO_LATE}}
            if len(found) < limit:
                found += await self._tasks.find(others).sort("index", 1).limit(limit - len(found)).to_list()
            return [documents.subtask(document) for document in found]

    async def failure_types(self, batch_id: str) -> dict[str, int]:
        """Return how many subtasks of a batch failed or are dead and may be tried again, by the type of their error."""
        with unavailable_is_ours():
            batch = await self._batches.find_one({"_id": batch_id})
            if batch is None:
                return {}
            badly: list[Document] = [
                {"$match": {**documents.of_batch(batch), "status": _ENDED_BADLY, "aside": {"$ne": True}}},
                {"$group": {"_id": "$error.type", "count": {"$sum": 1}}},
            ]
            return {row["_id"]: row["count"] async for row in await self._tasks.aggregate(badly)}

    async def get(self, subtask_id: str) -> Subtask:
        """Return one subtask, with all that is kept of what its attempts wrote. Raises NotFoundError."""
        query = {"_id": subtask_id, "is_subtask": True}
        with unavailable_is_ours():
            document = await self._tasks.find_one(query, {"details": 0, "details_blob": 0})
            if document is None:
                raise NotFoundError("subtask", subtask_id)
            logs: dict[str, Document] = {}
            if documents.has_logs(document):
                its = {"parent_task_id": document["parent_task_id"], "index": document["index"]}
                logs = {log["token"]: log async for log in self._logs.find(its)}
        return documents.subtask(document, logs)

    async def without_result(self, task_id: str) -> list[int]:
        """Return the indexes of the subtasks of a task that did not complete, in order."""
        query = {"parent_task_id": task_id, "status": {"$ne": SubtaskStatus.COMPLETED}}
        with unavailable_is_ours():
            return [item["index"] async for item in self._tasks.find(query, {"index": 1}).sort("index", 1)]

    async def page(self, task_id: str, *, after: int, limit: int, status: SubtaskStatus | None = None) -> list[Subtask]:
        """Return subtasks of a task with an index above `after`, in order."""
        shown = {"details": 0, "details_blob": 0}  # for the next attempt only, and large
        query: Document = {"parent_task_id": task_id, "index": {"$gt": after}}
        if status is not None:
            query["status"] = status
        with unavailable_is_ours():
            found = self._tasks.find(query, shown).sort("index", 1).limit(limit)
            return [documents.subtask(item) async for item in found]
