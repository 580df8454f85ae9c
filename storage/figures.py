"""Count what is stored, for metrics and operators: a few cheap queries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.runs.models import RunStatus
from storage.subtasks.models import SubtaskStatus
from storage.volunteers.store import VolunteerStatus


@dataclass(frozen=True, slots=True)
class Figures:
    queued: int  # subtasks that may be lent now
    leased: int
    runs: Mapping[RunStatus, int]
    volunteers: Mapping[VolunteerStatus, int]
    last_seq: int
    cursors: Mapping[str, int]  # by who reads the log, the number that it has come to


class FigureStore:
    """Reads several collections; none of it grows with the subtasks that are queued."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self, *, now: datetime) -> Figures:
        with unavailable_is_ours():
            queued, leased, runs, volunteers, counter, cursors = await asyncio.gather(
                self._queued(),
                self._database["tasks"].count_documents(
                    {"status": SubtaskStatus.LEASED, "lease.until": {"$exists": True}},
                    hint=[("lease.until", 1)],
                ),
                self._runs(),
                self._volunteers(now),
                self._database["counters"].find_one({"_id": "events"}),
                self._database["cursors"].find().to_list(),
            )
        seqs = {cursor["_id"]: cursor["seq"] for cursor in cursors}
        return Figures(queued, leased, runs, volunteers, counter["seq"] if counter else 0, seqs)

    async def _queued(self) -> int:
        to_lend: list[Document] = [
            {"$match": {"queued": {"$gt": 0}, "lending": True}},
            {"$group": {"_id": None, "queued": {"$sum": "$queued"}}},
        ]
        rows = await (await self._database["batches"].aggregate(to_lend, hint="to_lend")).to_list()
        return int(rows[0]["queued"]) if rows else 0

    async def _runs(self) -> Mapping[RunStatus, int]:
        counts = await asyncio.gather(
            *(self._database["runs"].count_documents({"status": status}) for status in RunStatus)
        )
        return dict(zip(RunStatus, counts, strict=True))

    async def _volunteers(self, now: datetime) -> Mapping[VolunteerStatus, int]:
        heard = {"$gt": ["$due_at", now]}
        by_status: list[Document] = [
            {"$group": {"_id": {"status": "$status", "heard": heard}, "count": {"$sum": 1}}},
        ]
        counts = Counter[VolunteerStatus]()
        async for row in await self._database["volunteers"].aggregate(by_status):
            status = VolunteerStatus(row["_id"]["status"])
            silent = status is VolunteerStatus.ONLINE and not row["_id"]["heard"]
            counts[VolunteerStatus.OFFLINE if silent else status] += row["count"]
        return {status: counts[status] for status in VolunteerStatus}
