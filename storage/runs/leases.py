"""The run lease: the token under which one flow executes a run, for as long as its heartbeats come."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from pymongo import ReturnDocument

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import NotFoundError, RunEndedError, RunHeldError, RunLeaseLostError
from storage.ledger import Ledger, Transaction
from storage.runs.models import ENDED, RUN_LEASE, Run, RunOrders, Tell, as_run, clean_up_of


class RunLeaseStore:
    """The `hold` of the documents in `runs`."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._runs = database["runs"]
        self._ledger = ledger

    async def hold(self, run_id: str, holder: str, *, now: datetime) -> tuple[Run, str]:
        """Lend the run to a flow for RUN_LEASE; return it and the token that its writes must carry.

        The same holder may take it again at any time, another one after the lease has ended.
        """
        token = secrets.token_urlsafe(16)
        free = {"_id": run_id, "$or": [{"hold": None}, {"hold.until": {"$lt": now}}, {"hold.holder": holder}]}
        change = {
            "$set": {
                "hold": {"token": token, "holder": holder, "until": now + RUN_LEASE},
                "updated_at": now,
                "prepares": False,
            },
            "$inc": {"attempt": 1},
        }

        async def take(tx: Transaction) -> Document:
            document = await self._runs.find_one_and_update(
                {**free, "status": {"$nin": list(ENDED)}, "ending": None, "reopening": {"$in": [None, []]}},
                change,
                return_document=ReturnDocument.AFTER,
                session=tx.session,
            )
            if document is None:
                current = await self._runs.find_one({"_id": run_id}, session=tx.session)
                if current is None:
                    raise NotFoundError("run", run_id)
                ended = current["status"] in ENDED
                raise RunEndedError(run_id, current["status"]) if ended else RunHeldError(run_id)
            if document.get("paused"):  # Prefect shows it as running since it was taken up
                await self._runs.update_one(
                    {"_id": run_id},
                    {"$set": {"to_tell": Tell.PAUSE, "told_held": None}, "$inc": {"change": 1}},
                    session=tx.session,
                )
            tx.emit("run.held", now, run_id=run_id, holder=holder, attempt=document["attempt"])
            return document

        return as_run(await self._ledger.write(take)), token

    async def beat(self, leases: Sequence[tuple[str, str]], *, now: datetime) -> list[RunOrders | None]:
        """Extend run leases, given as run and token; return what the flow of each must know, None if it is lost."""
        # A token is of one run alone, so each of these matches with its own only.
        held = {"_id": {"$in": [run_id for run_id, _ in leases]}, "hold.token": {"$in": [token for _, token in leases]}}
        shown = {"hold.token": 1, "cancel_requested": 1, "clean_up": 1}
        with unavailable_is_ours():
            await self._runs.update_many(held, {"$set": {"hold.until": now + RUN_LEASE}})
            found = {document["hold"]["token"]: document async for document in self._runs.find(held, shown)}
        return [
            RunOrders(document["cancel_requested"], clean_up_of(document)) if (document := found.get(token)) else None
            for _, token in leases
        ]

    async def check_hold(self, run_id: str, token: str) -> RunOrders:
        """Raise RunLeaseLostError unless `token` holds the run; return what its flow must know."""
        with unavailable_is_ours():
            document = await self._runs.find_one(
                {"_id": run_id, "hold.token": token}, {"cancel_requested": 1, "clean_up": 1}
            )
        if document is None:
            raise RunLeaseLostError(run_id)
        return RunOrders(document["cancel_requested"], clean_up_of(document))

    async def release(self, run_id: str, token: str, error: str | None, *, now: datetime) -> None:
        """Give the run lease back, with the reason if the run fails."""
        change: Document = {"hold": None, "updated_at": now}
        if error is not None:
            change["error"] = error

        async def give_back(tx: Transaction) -> None:
            outcome = await self._runs.update_one(
                {"_id": run_id, "hold.token": token}, {"$set": change}, session=tx.session
            )
            if outcome.matched_count == 0:
                raise RunLeaseLostError(run_id)
            tx.emit("run.released", now, run_id=run_id, error=error)

        await self._ledger.write(give_back)

    async def is_held(self, flow_run_id: str, *, now: datetime) -> bool:
        """Whether the run of a flow run has not ended and its run lease lasts."""
        held = {"prefect_flow_run_id": flow_run_id, "status": {"$nin": list(ENDED)}, "hold.until": {"$gte": now}}
        with unavailable_is_ours():
            return await self._runs.find_one(held, {"_id": 1}) is not None
