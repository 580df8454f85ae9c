"""Which volunteer ran which attempt when: the attempts of a run as spans of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.subtasks.models import SubtaskStatus


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt; `ended_at` is None while it is under way, its outcome is LEASED then."""

    volunteer_id: str
    task: str
    index: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest attempts, by when they began; `left_out` are older ones. `names` are the volunteers', by id."""

    spans: Sequence[Span]
    left_out: int
    names: dict[str, str]


class TimelineStore:
    """Reads the attempts that lie in subtasks, by the index that pages use; MongoDB keeps the newest alone.

    A subtask remembers the last 20 attempts at it.
    """

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._volunteers = database["volunteers"]

    async def of_run(
        self, run_id: str, *, since: datetime | None = None, until: datetime | None = None, limit: int
    ) -> Timeline:
        """Return the attempts of a run that were under way between `since` and `until`, at most `limit`."""
        with unavailable_is_ours():
            tasks = await self._batches.distinct("task", {"run_id": run_id})
            found = await self._tasks.aggregate(
                [
                    {"$match": _touched(run_id, tasks, since)},
                    {"$project": {"_id": 0, "name": 1, "index": 1, "attempt": _ATTEMPTS}},
                    {"$unwind": "$attempt"},
                    *({"$match": part} for part in _within(since, until)),
                    {"$facet": {"newest": _newest(limit), "count": [{"$count": "count"}]}},
                ]
            )
            [parts] = await found.to_list()
            spans = [
                Span(
                    volunteer_id=item["attempt"]["volunteer"],
                    task=item["name"],
                    index=item["index"],
                    started_at=item["attempt"]["from"],
                    ended_at=item["attempt"].get("to"),
                    outcome=item["attempt"]["outcome"],
                )
                for item in parts["newest"]
            ]
            names = await self._names({span.volunteer_id for span in spans})
        count = parts["count"][0]["count"] if parts["count"] else 0
        return Timeline(spans, count - len(spans), names)

    async def _names(self, ids: set[str]) -> dict[str, str]:
        found = self._volunteers.find({"_id": {"$in": sorted(ids)}}, {"name": 1})
        return {item["_id"]: item["name"] async for item in found}


_LEASE: Document = {"volunteer": "$lease.by", "from": "$lease.from", "outcome": SubtaskStatus.LEASED}
_ATTEMPTS: Document = {
    "$concatArrays": [
        {
            "$map": {
                "input": "$attempts",
                "as": "one",
                "in": {name: f"$$one.{name}" for name in ("volunteer", "from", "to", "outcome")},
            }
        },
        {"$cond": [{"$eq": ["$status", SubtaskStatus.LEASED]}, [_LEASE], []]},
    ]
}


def _touched(run_id: str, tasks: Sequence[str], since: datetime | None) -> Document:
    query: Document = {"parent_task_id": {"$in": [f"{run_id}/{task}" for task in tasks]}, "attempt": {"$gt": 0}}
    if since is not None:  # the end of an attempt changes its subtask; one under way may have begun before
        query["$or"] = [{"updated_at": {"$gte": since}}, {"status": SubtaskStatus.LEASED}]
    return query


def _within(since: datetime | None, until: datetime | None) -> list[Document]:
    parts: list[Document] = []
    if since is not None:
        parts.append({"$or": [{"attempt.to": {"$gte": since}}, {"attempt.to": {"$exists": False}}]})
    if until is not None:
        parts.append({"attempt.from": {"$lt": until}})
    return parts


def _newest(limit: int) -> list[Document]:
    return [{"$sort": {"attempt.from": -1, "name": 1, "index": 1}}, {"$limit": limit}]
