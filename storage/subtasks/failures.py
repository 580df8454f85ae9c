"""Which subtasks of a run are FAILED or DEAD, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from storage.database import Database, Document, unavailable_is_ours
from storage.subtasks.models import SubtaskStatus
from storage.values import Failure

UNKNOWN = "Unknown"
"""The type of an error that has none."""
LONGEST_MESSAGE = 1000
"""How many characters of a message are read."""
_BADLY: Document = {"status": {"$gte": SubtaskStatus.DEAD, "$lte": SubtaskStatus.FAILED}, "is_subtask": True}
"""DEAD and FAILED, and no other status lies between the two: so said, an index can hold just these."""


@dataclass(frozen=True, slots=True)
class FailureCause:
    """An error that subtasks of a task failed with."""

    task: str
    type: str
    message: str


class FailureStore:
    """Reads `tasks` by an index of what has ended badly."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]

    async def prepare(self) -> None:
        await self._tasks.create_index(
            [("run_id", 1), ("updated_at", -1)], name="ended_badly", partialFilterExpression=_BADLY
        )

    async def of_run(self, run_id: str, *, limit: int) -> Sequence[Failure]:
        """Return the newest failures of a run, without what they wrote."""
        with unavailable_is_ours():
            found = await self._tasks.aggregate(
                [
                    {"$match": {"run_id": run_id, **_BADLY}},
                    {"$sort": {"updated_at": -1}},
                    {"$limit": limit},
                    {
                        "$project": {
                            "name": 1,
                            "index": 1,
                            "updated_at": 1,
                            "type": "$error.type",
                            "message": {"$substrCP": [{"$ifNull": ["$error.message", ""]}, 0, LONGEST_MESSAGE]},
                            "by": {"$last": "$attempts.volunteer"},
                        }
                    },
                ],
                hint="ended_badly",
            )
            return [
                Failure(
                    task=item["name"],
                    index=item["index"],
                    type=item.get("type") or UNKNOWN,
                    message=item["message"],
                    volunteer_id=item.get("by"),
                    at=item["updated_at"],
                )
                async for item in found
            ]

    async def causes(self, run_id: str) -> Sequence[FailureCause]:
        """Return every error that subtasks of a run failed with, each once a task, its message shortened."""
        message = {"$substrCP": [{"$ifNull": ["$error.message", ""]}, 0, LONGEST_MESSAGE]}
        alike = {"$group": {"_id": {"task": "$name", "type": "$error.type", "message": message}}}
        with unavailable_is_ours():
            found = await self._tasks.aggregate([{"$match": {"run_id": run_id, **_BADLY}}, alike], hint="ended_badly")
            return [
                FailureCause(item["_id"]["task"], item["_id"].get("type") or UNKNOWN, item["_id"]["message"])
                async for item in found
            ]

    async def stderr(self, subtask_ids: Collection[str]) -> dict[str, str]:
        """Return the end of what the failing attempts at these subtasks wrote to standard error, by id."""
        wanted = {"_id": {"$in": list(subtask_ids)}}
        with unavailable_is_ours():
            return {
                item["_id"]: (item.get("error") or {}).get("stderr") or ""
                async for item in self._tasks.find(wanted, {"error.stderr": 1})
            }
