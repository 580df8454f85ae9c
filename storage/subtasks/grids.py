"""The states of all subtasks of a run, one byte each, at one moment of the event log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage.database import Database, Document, Session, unavailable_is_ours
from storage.subtasks.models import SubtaskStatus

STATUSES = tuple(SubtaskStatus)
"""A cell's lowest three bits are the place of its status here, counted from 1; 0: there is no such subtask."""
ATTEMPT_BUCKETS = (1, 2, 3, 4, 8, 16, 32)
"""The next three bits count how many of these the subtask's attempts have reached."""
_BLOCK = 4096
"""How many subtasks MongoDB packs into one document of the answer."""


def cell(status: SubtaskStatus, attempts: int) -> int:
    """Return the byte of a subtask."""
    bucket = sum(attempts >= least for least in ATTEMPT_BUCKETS)
    return STATUSES.index(status) + 1 | bucket << 3


@dataclass(frozen=True, slots=True)
class Grid:
    """`tasks` by name in the order of their names, one byte for each index from 0 on; `seq` is the last event in it."""

    seq: int
    tasks: Mapping[str, bytes]


class GridStore:
    """Reads `tasks` and `batches`. MongoDB packs the cells, by the index that pages use (docs/decisions/0044)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._counters = database["counters"]

    async def of_run(self, run_id: str) -> Grid:
        """Return the cells of a run's subtasks. Subtasks that are not yet published may show, before their event."""
        with unavailable_is_ours():
            async with self._database.snapshot() as session:
                counter = await self._counters.find_one({"_id": "events"}, session=session)
                last: list[Document] = [
                    {"$match": {"run_id": run_id}},
                    {"$group": {"_id": "$task", "last": {"$max": "$last"}}},
                    {"$sort": {"_id": 1}},
                ]
                sizes = await (await self._batches.aggregate(last, session=session)).to_list()
                tasks = {row["_id"]: await self._cells(run_id, row["_id"], row["last"] + 1, session) for row in sizes}
        return Grid(counter["seq"] if counter else 0, tasks)

    async def _cells(self, run_id: str, task: str, size: int, session: Session) -> bytes:
        status = {"$add": [1, {"$indexOfArray": [list(STATUSES), "$status"]}]}
        reached = [{"$cond": [{"$gte": ["$attempt", least]}, 8, 0]} for least in ATTEMPT_BUCKETS]
        place = {"$multiply": [{"$mod": ["$index", _BLOCK]}, 64]}
        packed: list[Document] = [
            {"$match": {"parent_task_id": f"{run_id}/{task}", "index": {"$lt": size}}},
            {
                "$group": {
                    "_id": {"$floor": {"$divide": ["$index", _BLOCK]}},
                    "cells": {"$push": {"$add": [place, status, *reached]}},
                }
            },
        ]
        cells = bytearray(size)
        async for row in await self._tasks.aggregate(packed, session=session):
            first = int(row["_id"]) * _BLOCK
            for item in row["cells"]:
                cells[first + (item >> 6)] = item & 63
        return bytes(cells)
