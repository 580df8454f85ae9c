"""Flow workers: which flow runs each living process has taken up, held or not.

A worker that takes up many flow runs at once comes to the last of them late. As long as it beats, that is a queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from storage.database import Database, unavailable_is_ours
from storage.runs.models import RUN_LEASE

_REMEMBERED = timedelta(hours=1)


class FlowWorkerStore:
    """One document a process, by the name of its holder; its last beat says what it has taken up."""

    def __init__(self, database: Database) -> None:
        self._workers = database["flow_workers"]

    async def prepare(self) -> None:
        await self._workers.create_index("until", expireAfterSeconds=int(_REMEMBERED.total_seconds()))

    async def beat(self, holder: str, flow_run_ids: Sequence[str], *, now: datetime) -> None:
        """Note that the process lives, for RUN_LEASE, and has taken up these flow runs and no others."""
        with unavailable_is_ours():
            await self._workers.update_one(
                {"_id": holder}, {"$set": {"flow_runs": list(flow_run_ids), "until": now + RUN_LEASE}}, upsert=True
            )

    async def taken_up(self, *, now: datetime) -> set[str]:
        """Return the ids of all flow runs that processes which live have taken up."""
        with unavailable_is_ours():
            found = self._workers.find({"until": {"$gte": now}}, {"flow_runs": 1})
            return {flow_run_id async for worker in found for flow_run_id in worker["flow_runs"]}
