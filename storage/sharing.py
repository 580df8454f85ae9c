"""Who owns a workflow, a run or a schedule, and who else may read it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import ReturnDocument

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import NotFoundError, UnknownUsersError
from storage.ledger import Ledger, Transaction

EVERYBODY = "*"
"""Among readers: whoever is signed in."""


class Noun(enum.StrEnum):
    """What has an owner."""

    WORKFLOW = "workflow"
    RUN = "run"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Owned:
    owner: str
    readers: Sequence[str] = ()


class SharingStore:
    """`readers` of workflows and their runs: the owner first. A run begins with those of its workflow."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._things = {noun: database[f"{noun}s"] for noun in Noun}
        self._users = database["users"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._things[Noun.RUN].create_index("workflow_id")

    async def owned(self, noun: Noun, id_: str) -> Owned:
        """Return whose it is. Raises NotFoundError."""
        with unavailable_is_ours():
            found = await self._things[noun].find_one({"_id": id_}, {"owner": 1, "readers": 1})
        if found is None:
            raise NotFoundError(noun, id_)
        return Owned(found["owner"], tuple(found.get("readers", ())))

    async def share(self, workflow_id: str, names: Sequence[str], *, by: str, now: datetime) -> Sequence[str]:
        """Let `names` read a workflow and its runs, those to come too; return its readers. Repeating is harmless.

        Raises NotFoundError, UnknownUsersError.
        """
        people = sorted({*names} - {EVERYBODY})
        with unavailable_is_ours():
            known = {item["_id"] async for item in self._users.find({"_id": {"$in": people}}, {"_id": 1})}
        if unknown := [name for name in people if name not in known]:
            raise UnknownUsersError(unknown)
        change = {"$addToSet": {"readers": {"$each": list(dict.fromkeys(names))}}}
        return await self._change(workflow_id, change, "workflow.shared", names, by, now)

    async def unshare(self, workflow_id: str, names: Sequence[str], *, by: str, now: datetime) -> Sequence[str]:
        """Let `names` no longer read a workflow and its runs, but for their owners; return who still may."""
        return await self._change(
            workflow_id, {"$pullAll": {"readers": list(names)}}, "workflow.unshared", names, by, now
        )

    async def _change(
        self, workflow_id: str, change: Document, event: str, names: Sequence[str], by: str, now: datetime
    ) -> Sequence[str]:
        """A run that is written meanwhile writes to the workflow too, so one of the two starts again."""

        async def write(tx: Transaction) -> Sequence[str]:
            workflows, runs = self._things[Noun.WORKFLOW], self._things[Noun.RUN]
            workflow = await workflows.find_one_and_update(
                {"_id": workflow_id}, change, return_document=ReturnDocument.AFTER, session=tx.session
            )
            if workflow is None:
                raise NotFoundError(Noun.WORKFLOW, workflow_id)
            readers = list(dict.fromkeys((workflow["owner"], *workflow["readers"])))
            await workflows.update_one({"_id": workflow_id}, {"$set": {"readers": readers}}, session=tx.session)
            kept = [{"$set": {"readers": {"$concatArrays": [["$owner"], {"$filter": _others(readers)}]}}}]
            await runs.update_many({"workflow_id": workflow_id}, kept, session=tx.session)
            tx.emit(event, now, workflow=workflow_id, names=list(names), by=by)
            return tuple(readers)

        return await self._ledger.write(write)


def _others(readers: Sequence[str]) -> Document:
    return {"input": {"$literal": list(readers)}, "cond": {"$ne": ["$$this", "$owner"]}}
