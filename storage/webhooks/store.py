"""Webhooks: addresses of other systems that receive events."""

from __future__ import annotations

import base64
import enum
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import ReturnDocument

from storage.database import Database, Document, new_id, unavailable_is_ours
from storage.errors import NotFoundError
from storage.ledger import Ledger, Transaction


class WebhookStatus(enum.StrEnum):
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """What its owner decides: where to, and which events."""

    url: str
    types: Sequence[str]
    run_id: str | None
    workflow_id: str | None
    description: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """`since` is the number of the last event before it was made; `reason` says why it is disabled.

    `everything`: it was made with the rights of an admin, and is told what its owner may read with these.
    """

    id: str
    owner: str
    url: str
    types: Sequence[str]
    run_id: str | None
    workflow_id: str | None
    description: str
    status: WebhookStatus
    reason: str | None
    failing_since: datetime | None
    since: int
    everything: bool
    created_at: datetime
    updated_at: datetime


def new_secret() -> str:
    """Return a fresh key to sign with, as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class WebhookStore:
    """One document a webhook. Its secret must sign, so it is stored as it is; no call returns it a second time."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._webhooks = database["webhooks"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._webhooks.create_index([("owner", 1), ("created_at", -1)])

    async def add(
        self, new: NewWebhook, *, owner: str, everything: bool, id_: str | None, now: datetime
    ) -> tuple[Webhook, str]:
        """Write a webhook that is told of what happens from now on; return it and its secret."""
        since = await self._ledger.last_seq()
        document: Document = {
            "_id": id_ or new_id("h"),
            "owner": owner,
            "everything": everything,
            **_content(new),
            "status": WebhookStatus.ACTIVE,
            "reason": None,
            "failing_since": None,
            "since": since,
            "secret": new_secret(),
            "created_at": now,
            "updated_at": now,
        }

        async def insert(tx: Transaction) -> Document:
            written = await self._webhooks.find_one({"_id": document["_id"]}, session=tx.session)
            if written is not None:  # the same request, repeated after its answer was lost
                return written
            await self._webhooks.insert_one(dict(document), session=tx.session)
            tx.emit("webhook.created", now, webhook=document["_id"], owner=owner, types=list(new.types))
            return document

        written = await self._ledger.write(insert)
        return _webhook(written), written["secret"]

    async def edit(self, webhook_id: str, new: NewWebhook, *, by: str, now: datetime) -> Webhook:
        return await self._change(webhook_id, _content(new), "webhook.edited", by, now)

    async def enable(self, webhook_id: str, *, by: str, now: datetime) -> Webhook:
        """Tell it of events again, from now on; what had to wait meanwhile was not kept."""
        change = {"status": WebhookStatus.ACTIVE, "reason": None, "failing_since": None}
        return await self._change(webhook_id, {**change, "since": await self._ledger.last_seq()}, "enabled", by, now)

    async def disable(self, webhook_id: str, reason: str, *, by: str, now: datetime) -> Webhook:
        change = {"status": WebhookStatus.DISABLED, "reason": reason}
        return await self._change(webhook_id, change, "disabled", by, now)

    async def _change(self, webhook_id: str, change: Document, event: str, by: str, now: datetime) -> Webhook:
        """Change the webhook. A change of status happens once: repeated, it changes and tells nothing."""
        query: Document = {"_id": webhook_id}
        if "status" in change:
            query["status"] = {"$ne": change["status"]}

        async def write(tx: Transaction) -> Document:
            document = await self._webhooks.find_one_and_update(
                query,
                {"$set": {**change, "updated_at": now}},
                return_document=ReturnDocument.AFTER,
                session=tx.session,
            )
            if document is None:
                written = await self._webhooks.find_one({"_id": webhook_id}, session=tx.session)
                if written is None:
                    raise NotFoundError("webhook", webhook_id)
                return written
            told = {"reason": document["reason"]} if document["reason"] else {}
            type_ = event if "." in event else f"webhook.{event}"
            tx.emit(type_, now, webhook=webhook_id, owner=document["owner"], by=by, **told)
            return document

        return _webhook(await self._ledger.write(write))

    async def delete(self, webhook_id: str, *, by: str, now: datetime) -> None:
        """Delete the webhook; what waits for it is not delivered. Deleting again changes nothing."""

        async def remove(tx: Transaction) -> None:
            document = await self._webhooks.find_one_and_delete({"_id": webhook_id}, session=tx.session)
            if document is not None:
                tx.emit("webhook.deleted", now, webhook=webhook_id, owner=document["owner"], by=by)

        await self._ledger.write(remove)

    async def get(self, webhook_id: str) -> Webhook:
        with unavailable_is_ours():
            document = await self._webhooks.find_one({"_id": webhook_id})
        if document is None:
            raise NotFoundError("webhook", webhook_id)
        return _webhook(document)

    async def page(self, *, owner: str | None, limit: int) -> list[Webhook]:
        """Return webhooks, the newest first; of one owner if that is given."""
        query = {"owner": owner} if owner is not None else {}
        with unavailable_is_ours():
            found = self._webhooks.find(query).sort("created_at", -1).limit(limit)
            return [_webhook(item) async for item in found]

    async def active(self) -> list[Webhook]:
        with unavailable_is_ours():
            return [_webhook(item) async for item in self._webhooks.find({"status": WebhookStatus.ACTIVE})]

    async def addresses(self, ids: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """Return (url, secret) by id, of those that are there and active."""
        query = {"_id": {"$in": list(ids)}, "status": WebhookStatus.ACTIVE}
        with unavailable_is_ours():
            found = self._webhooks.find(query, {"url": 1, "secret": 1})
            return {item["_id"]: (item["url"], item["secret"]) async for item in found}

    async def arrived(self, webhook_id: str) -> None:
        """Note that its receiver accepts what it is sent."""
        with unavailable_is_ours():
            await self._webhooks.update_one(
                {"_id": webhook_id, "failing_since": {"$ne": None}}, {"$set": {"failing_since": None}}
            )

    async def failing(self, webhook_id: str, *, now: datetime) -> datetime | None:
        """Note that its receiver did not accept something; return since when it has accepted nothing."""
        since = {"$ifNull": ["$failing_since", now]}
        with unavailable_is_ours():
            document = await self._webhooks.find_one_and_update(
                {"_id": webhook_id}, [{"$set": {"failing_since": since}}], return_document=ReturnDocument.AFTER
            )
        found: datetime | None = document["failing_since"] if document else None
        return found


def _content(new: NewWebhook) -> Document:
    return {
        "url": new.url,
        "types": list(new.types),
        "run_id": new.run_id,
        "workflow_id": new.workflow_id,
        "description": new.description,
    }


def _webhook(document: Document) -> Webhook:
    return Webhook(
        id=document["_id"],
        owner=document["owner"],
        url=document["url"],
        types=tuple(document["types"]),
        run_id=document["run_id"],
        workflow_id=document["workflow_id"],
        description=document["description"],
        status=WebhookStatus(document["status"]),
        reason=document["reason"],
        failing_since=document["failing_since"],
        since=document["since"],
        everything=document["everything"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
    )
