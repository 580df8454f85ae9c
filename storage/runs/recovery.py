"""What the reconciler reads and writes: runs without a flow run, and runs that no flow executes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from pymongo import ReturnDocument

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Ledger, Transaction
from storage.runs.models import ENDED, OWN_FLOW, RUN_LEASE, Run, RunStatus, as_run, told_of
from storage.runs.tasks import TaskStatus


class RunRecoveryStore:
    """Looks at runs that have not ended, in `runs`."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._runs = database["runs"]
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._ledger = ledger

    async def unsubmitted(self, *, before: datetime, limit: int) -> list[Run]:
        """Return runs of workflows untouched since that time of which we do not know a flow run.

        A run may go on without: whoever made its flow run was killed before it could write that down.
        """
        query = {
            "status": {"$nin": list(ENDED)},  # a paused or cancelled one too: its flow run says so, or ends it
            "ending": None,
            "updated_at": {"$lt": before},
            "prefect_flow_run_id": None,
            "spec": {"$ne": OWN_FLOW},
        }
        with unavailable_is_ours():
            return [as_run(item) async for item in self._runs.find(query).limit(limit)]

    async def claim_orphans(self, *, now: datetime, limit: int, but: Collection[str] = ()) -> list[Run]:
        """Return runs that nobody has held or touched for RUN_LEASE; they count as touched then, so one caller wins.

        Without those whose flow run is one of `but`: a living flow worker has taken it up.
        """
        idle: Document = {
            "status": {"$nin": list(ENDED)},
            "ending": None,
            "paused": {"$ne": True},
            "to_tell": None,
            "updated_at": {"$lt": now - RUN_LEASE},
            "$or": [{"hold": None}, {"hold.until": {"$lt": now}}],
        }
        if but:
            idle["prefect_flow_run_id"] = {"$nin": list(but)}
        claimed: list[Run] = []
        with unavailable_is_ours():
            async for document in self._runs.find(idle).sort("updated_at", 1).limit(limit):
                mine = {**idle, "_id": document["_id"]}
                outcome = await self._runs.update_one(mine, {"$set": {"updated_at": now}})
                if outcome.modified_count:
                    claimed.append(as_run(document))
        return claimed

    async def carried_by(self, flow_run_ids: Sequence[str]) -> set[str]:
        """Return those of the flow runs that stand for a run."""
        with unavailable_is_ours():
            found = self._runs.find({"prefect_flow_run_id": {"$in": list(flow_run_ids)}}, {"prefect_flow_run_id": 1})
            return {document["prefect_flow_run_id"] async for document in found}

    async def progress(self, run_id: str) -> int:
        """Return how many subtasks of the run were accepted and how many tasks completed, together."""
        group = {"_id": None, "completed": {"$sum": "$completed"}}
        accepted: list[Document] = [{"$match": {"run_id": run_id}}, {"$group": group}]
        with unavailable_is_ours():
            rows = await (await self._batches.aggregate(accepted)).to_list()
            tasks = {"run_id": run_id, "is_subtask": False, "status": TaskStatus.COMPLETED}
            completed = await self._tasks.count_documents(tasks)
            return completed + sum(int(row["completed"]) for row in rows)

    async def count_recovery(
        self,
        run_id: str,
        state: str,
        recoveries: int,
        *,
        progress: int,
        holds: int,
        prepares: bool = False,
        now: datetime,
    ) -> None:
        """Log that a run is scheduled again after its flow, in Prefect's `state`, lost its worker.

        It has lost `recoveries` workers since it last had `progress`, and flows have held it `holds` times. `prepares`
        says that it is an engineer's flow, which may do other things before it asks for its run. Repeating is harmless.
        """
        standing = {"progress": progress, "at": now, "holds": holds}
        change = {"recoveries": recoveries, "recovered": standing, "prepares": prepares, "updated_at": now}

        async def count(tx: Transaction) -> None:
            outcome = await self._runs.update_one({"_id": run_id}, {"$set": change}, session=tx.session)
            if outcome.matched_count:
                tx.emit("run.recovered", now, run_id=run_id, state=state, recoveries=recoveries)

        await self._ledger.write(count)

    async def forget_flow_run(self, run_id: str, flow_run_id: str, *, now: datetime) -> None:
        """Let a run have a new flow run in place of one that Prefect does not know any more."""
        lost = {"_id": run_id, "prefect_flow_run_id": flow_run_id}
        change = {"$set": {"status": RunStatus.SUBMITTED, "updated_at": now}, "$unset": {"prefect_flow_run_id": ""}}

        async def forget(tx: Transaction) -> None:
            document = await self._runs.find_one_and_update(
                lost, change, return_document=ReturnDocument.AFTER, session=tx.session
            )
            if document is not None:
                tx.emit("run.submitted", now, run_id=run_id, lost_flow_run=flow_run_id, **told_of(document))

        await self._ledger.write(forget)

    async def set_flow_run(self, run_id: str, flow_run_id: str, *, now: datetime) -> None:
        """Note which Prefect flow run carries the run. Repeating is harmless."""

        async def note(tx: Transaction) -> None:
            outcome = await self._runs.update_one(
                {"_id": run_id, "prefect_flow_run_id": {"$ne": flow_run_id}},
                {"$set": {"prefect_flow_run_id": flow_run_id, "updated_at": now}},
                session=tx.session,
            )
            if outcome.modified_count:
                tx.emit("run.scheduled", now, run_id=run_id, prefect_flow_run_id=flow_run_id)

        await self._ledger.write(note)
