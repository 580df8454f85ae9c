"""Deliveries: one message to one webhook, tried until it arrives or is given up."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import ReturnDocument, UpdateOne

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import NotFoundError

SENDING = timedelta(seconds=60)
"""How long a replica may take over one try before another may make it again."""
REMEMBERED = timedelta(days=7)
"""How long a delivery that has ended stays in the log."""
REMEMBERED_TRIES = 20


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """`id` follows from webhook and event, so that writing it again changes nothing."""

    id: str
    webhook_id: str
    type: str
    body: str


@dataclass(frozen=True, slots=True)
class Try:
    """`status` is that of the HTTP answer; without one `error` says why."""

    at: datetime
    status: int | None
    error: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """`state` is WAITING, DELIVERED or FAILED; `tried` counts the tries, of which the last are in `tries`."""

    id: str
    webhook_id: str
    type: str
    body: str
    state: str
    tried: int
    tries: Sequence[Try]
    due_at: datetime | None
    created_at: datetime


class DeliveryStore:
    """One document a delivery. Who claims one holds it for SENDING."""

    def __init__(self, database: Database) -> None:
        self._deliveries = database["deliveries"]

    async def prepare(self) -> None:
        waiting = {"state": "WAITING"}
        await self._deliveries.create_index([("due_at", 1)], partialFilterExpression=waiting)
        await self._deliveries.create_index([("webhook", 1), ("created_at", -1)])
        await self._deliveries.create_index("expires_at", expireAfterSeconds=0)

    async def add(self, new: Sequence[NewDelivery], *, now: datetime) -> None:
        """Let them be delivered. Repeating is harmless."""
        first = {"state": "WAITING", "tried": 0, "tries": [], "due_at": now, "created_at": now}
        if new:
            with unavailable_is_ours():
                await self._deliveries.bulk_write(
                    [
                        UpdateOne(
                            {"_id": item.id},
                            {
                                "$setOnInsert": {
                                    "webhook": item.webhook_id,
                                    "type": item.type,
                                    "body": item.body,
                                    **first,
                                }
                            },
                            upsert=True,
                        )
                        for item in new
                    ],
                    ordered=False,
                )

    async def claim(self, *, busy: Sequence[str], limit: int, now: datetime) -> list[Delivery]:
        """Take over up to `limit` deliveries that are due, but none to the webhooks that are `busy`."""
        due: Document = {"state": "WAITING", "due_at": {"$lte": now}, "webhook": {"$nin": list(busy)}}
        token = secrets.token_hex(8)
        with unavailable_is_ours():
            ids = [item["_id"] async for item in self._deliveries.find(due, {"_id": 1}).sort("due_at", 1).limit(limit)]
            if not ids:
                return []
            mine = {"claim": token, "due_at": now + SENDING}
            await self._deliveries.update_many({"_id": {"$in": ids}, **due}, {"$set": mine})
            return [_delivery(item) async for item in self._deliveries.find({"_id": {"$in": ids}, "claim": token})]

    async def tried(self, delivery_id: str, try_: Try, *, state: str, due_at: datetime | None, now: datetime) -> None:
        """Write down a try and what the delivery has come to: due again, or at its end. What arrived, has arrived."""
        row = {"at": try_.at, "status": try_.status, "error": try_.error, "seconds": try_.seconds}
        ended = {"expires_at": now + REMEMBERED} if due_at is None else {}
        with unavailable_is_ours():
            await self._deliveries.update_one(
                {"_id": delivery_id, "state": "WAITING"},
                {
                    "$set": {"state": state, "due_at": due_at, **ended},
                    "$inc": {"tried": 1},
                    "$push": {"tries": {"$each": [row], "$slice": -REMEMBERED_TRIES}},
                },
            )

    async def again(self, webhook_id: str, delivery_id: str, *, now: datetime) -> Delivery:
        """Let a delivery be tried at once, under the same id, as often as a new one. Raises NotFoundError."""
        with unavailable_is_ours():
            document = await self._deliveries.find_one_and_update(
                {"_id": delivery_id, "webhook": webhook_id},
                {"$set": {"state": "WAITING", "due_at": now, "tried": 0}, "$unset": {"expires_at": ""}},
                return_document=ReturnDocument.AFTER,
            )
        if document is None:
            raise NotFoundError("delivery", delivery_id)
        return _delivery(document)

    async def give_up(self, webhook_id: str, *, now: datetime) -> None:
        """End what waits for a webhook that gets nothing more."""
        ended = {"state": "FAILED", "due_at": None, "expires_at": now + REMEMBERED}
        with unavailable_is_ours():
            await self._deliveries.update_many({"webhook": webhook_id, "state": "WAITING"}, {"$set": ended})

    async def waiting(self, webhook_id: str, *, limit: int) -> int:
        """Return how many wait, at most `limit`."""
        with unavailable_is_ours():
            return await self._deliveries.count_documents({"webhook": webhook_id, "state": "WAITING"}, limit=limit)

    async def page(self, webhook_id: str, *, state: str | None, limit: int) -> list[Delivery]:
        """Return a webhook's deliveries, the newest first."""
        query: Document = {"webhook": webhook_id} | ({"state": state} if state is not None else {})
        with unavailable_is_ours():
            found = self._deliveries.find(query).sort([("created_at", -1), ("_id", -1)]).limit(limit)
            return [_delivery(item) async for item in found]


def trial(webhook_id: str, body: str) -> NewDelivery:
    """Return a message that somebody asked for to see whether it arrives."""
    return NewDelivery(new_id(f"msg_{webhook_id}_test_"), webhook_id, "webhook.test", body)


def _delivery(document: Mapping[str, object]) -> Delivery:
    fields: Document = dict(document)
    return Delivery(
        id=fields["_id"],
        webhook_id=fields["webhook"],
        type=fields["type"],
        body=fields["body"],
        state=fields["state"],
        tried=fields["tried"],
        tries=[Try(**item) for item in fields["tries"]],
        due_at=fields["due_at"],
        created_at=fields["created_at"],
    )
