"""How much an owner uses: workflows, active runs, queued and leased subtasks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from storage.database import Database, Session, unavailable_is_ours
from storage.ledger import Transaction
from storage.runs.models import ENDED


@dataclass(frozen=True, slots=True)
class Subtasks:
    queued: int
    leased: int


class UsageStore:
    """Counts anew each time; what grows is batches that are not settled, never subtasks."""

    def __init__(self, database: Database) -> None:
        self._workflows = database["workflows"]
        self._runs = database["runs"]
        self._batches = database["batches"]
        self._users = database["users"]

    async def prepare(self) -> None:
        await self._batches.create_index("owner", partialFilterExpression={"settled": False})

    async def hold(self, tx: Transaction, owner: str) -> None:
        """Let whoever else counts and adds to what the owner has, in a transaction, wait for this one to end."""
        await self._users.update_one({"_id": owner}, {"$inc": {"counted": 1}}, session=tx.session)

    async def workflows(self, owner: str, session: Session | None = None) -> int:
        with unavailable_is_ours():
            return await self._workflows.count_documents({"owner": owner}, session=session)

    async def runs(self, owner: str, session: Session | None = None) -> int:
        """Return how many runs of the owner have not ended, without those that other runs started."""
        query = {"owner": owner, "status": {"$nin": list(ENDED)}, "parent": {"$exists": False}}
        with unavailable_is_ours():
            return await self._runs.count_documents(query, session=session)

    async def subtasks(self, owners: Collection[str]) -> dict[str, Subtasks]:
        """Return how many subtasks of each owner wait and are lent."""
        match = {"owner": {"$in": list(owners)}, "settled": False}
        group = {"_id": "$owner", "queued": {"$sum": "$queued"}, "leased": {"$sum": "$leased"}}
        with unavailable_is_ours():
            rows = await (await self._batches.aggregate([{"$match": match}, {"$group": group}])).to_list()
        found = {row["_id"]: Subtasks(row["queued"], row["leased"]) for row in rows}
        return {owner: found.get(owner, Subtasks(0, 0)) for owner in owners}
