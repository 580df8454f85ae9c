"""Webhooks: create and change them, and look at their deliveries."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access.event_access import types_of
from api.access.rights import AccessDecision, Action, acting_role, decide
from api.clock import utc_now
from api.dependencies import App, Named, Reader, Submitter
from api.integrations.signed_posts import check_url
from api.services import Services
from storage.errors import NotFoundError
from storage.people.idempotency import made_id
from storage.people.users import Role, User
from storage.sharing import Owned
from storage.webhooks.deliveries import Delivery, trial
from storage.webhooks.store import NewWebhook, Webhook, WebhookStatus

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

DISABLED_BY_HAND = "its owner disabled it"


class WebhookRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    types: Annotated[list[str], Field(min_length=1)]
    run_id: str | None = None
    workflow_id: str | None = None
    description: Annotated[str, Field(max_length=500)] = ""


class WebhookView(BaseModel):
    id: str
    owner: str
    url: str
    types: list[str]
    run_id: str | None
    workflow_id: str | None
    description: str
    status: WebhookStatus
    reason: str | None
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime


class NewWebhookView(WebhookView):
    secret: str


class TryView(BaseModel):
    at: datetime
    status: int | None
    error: str | None
    seconds: float


class DeliveryView(BaseModel):
    id: str
    type: str
    state: str
    tried: int
    due_at: datetime | None
    created_at: datetime
    tries: list[TryView]
    body: Any


class Redelivery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    delivery: str


def _view(webhook: Webhook) -> WebhookView:
    return WebhookView(
        **{name: value for name, value in asdict(webhook).items() if name not in ("since", "everything")}
    )


def _delivery(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        id=delivery.id,
        type=delivery.type,
        state=delivery.state,
        tried=delivery.tried,
        due_at=delivery.due_at,
        created_at=delivery.created_at,
        tries=[TryView(**asdict(item)) for item in delivery.tries],
        body=orjson.loads(delivery.body),
    )


def _content(request: WebhookRequest, app: Services) -> NewWebhook:
    types = types_of(request.types) or ("*",)
    check_url(request.url, private=app.settings.webhooks_private)
    return NewWebhook(request.url, types, request.run_id, request.workflow_id, request.description)


async def _own(app: Services, webhook_id: str, caller: User) -> Webhook:
    """Return a webhook of the caller's; those of others do not exist for it, unless it is an admin."""
    webhook = await app.stores.webhooks.get(webhook_id)
    if decide(caller, Action.READ, Owned(webhook.owner)) is not AccessDecision.ALLOWED:
        raise NotFoundError("webhook", webhook_id)
    return webhook


@router.post("", status_code=201)
async def create(
    request: Annotated[WebhookRequest, Body()], app: App, caller: Submitter, named: Named
) -> NewWebhookView:
    """Tell the address of events from now on. The secret that messages are signed with is shown this once."""
    id_ = made_id("h", named) if named is not None else None
    everything = acting_role(caller) is Role.ADMIN
    content = _content(request, app)
    webhook, secret = await app.stores.webhooks.add(
        content, owner=caller.name, everything=everything, id_=id_, now=utc_now()
    )
    return NewWebhookView(**_view(webhook).model_dump(), secret=secret)


@router.get("")
async def page(
    app: App, caller: Reader, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, list[WebhookView]]:
    """Return the caller's webhooks, an admin's are all, the newest first."""
    owner = None if acting_role(caller) is Role.ADMIN else caller.name
    return {"webhooks": [_view(item) for item in await app.stores.webhooks.page(owner=owner, limit=limit)]}


@router.get("/{webhook_id}")
async def get(webhook_id: str, app: App, caller: Reader) -> WebhookView:
    return _view(await _own(app, webhook_id, caller))


@router.put("/{webhook_id}")
async def edit(webhook_id: str, request: Annotated[WebhookRequest, Body()], app: App, caller: Submitter) -> WebhookView:
    await _own(app, webhook_id, caller)
    content = _content(request, app)
    return _view(await app.stores.webhooks.edit(webhook_id, content, by=caller.name, now=utc_now()))


@router.delete("/{webhook_id}", status_code=204)
async def delete(webhook_id: str, app: App, caller: Submitter) -> None:
    """Delete it; what waits for it is not delivered."""
    await _own(app, webhook_id, caller)
    await app.stores.webhooks.delete(webhook_id, by=caller.name, now=utc_now())


@router.post("/{webhook_id}:enable")
async def enable(webhook_id: str, app: App, caller: Submitter) -> WebhookView:
    """Tell it of events again, from now on."""
    await _own(app, webhook_id, caller)
    return _view(await app.stores.webhooks.enable(webhook_id, by=caller.name, now=utc_now()))


@router.post("/{webhook_id}:disable")
async def disable(webhook_id: str, app: App, caller: Submitter) -> WebhookView:
    """Tell it of nothing more; what waits for it is not delivered."""
    await _own(app, webhook_id, caller)
    webhook = await app.stores.webhooks.disable(webhook_id, DISABLED_BY_HAND, by=caller.name, now=utc_now())
    await app.stores.deliveries.give_up(webhook_id, now=utc_now())
    return _view(webhook)


@router.get("/{webhook_id}/deliveries")
async def deliveries(
    webhook_id: str,
    app: App,
    caller: Reader,
    state: Literal["WAITING", "DELIVERED", "FAILED"] | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, list[DeliveryView]]:
    """Return what was sent and is to be, the newest first, with its tries. What has ended is kept for a week."""
    await _own(app, webhook_id, caller)
    found = await app.stores.deliveries.page(webhook_id, state=state, limit=limit)
    return {"deliveries": [_delivery(item) for item in found]}


@router.post("/{webhook_id}:test", status_code=202)
async def test(webhook_id: str, app: App, caller: Submitter) -> dict[str, str]:
    """Send a message of type `webhook.test`; the log of deliveries tells what became of it."""
    webhook, now = await _own(app, webhook_id, caller), utc_now()
    data = {"webhook": webhook.id, "by": caller.name}
    body = orjson.dumps({"type": "webhook.test", "timestamp": now, "data": data}).decode()
    new = trial(webhook.id, body)
    await app.stores.deliveries.add([new], now=now)
    app.event_readers.courier.wake()
    return {"delivery": new.id}


@router.post("/{webhook_id}:redeliver", status_code=202)
async def redeliver(
    webhook_id: str, request: Annotated[Redelivery, Body()], app: App, caller: Submitter
) -> DeliveryView:
    """Send a message again, under the same id, whatever became of it."""
    await _own(app, webhook_id, caller)
    delivery = await app.stores.deliveries.again(webhook_id, request.delivery, now=utc_now())
    app.event_readers.courier.wake()
    return _delivery(delivery)
