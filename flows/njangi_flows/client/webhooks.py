"""Webhooks, which send events to other systems."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from njangi_flows.client.models import DeliveryView, NewWebhookView, WebhookView
from njangi_flows.client.transport import Transport

_ONE = "/v1/webhooks/{webhook_id}"


class WebhookScope(TypedDict, total=False):
    """The only run or workflow whose events are sent, and the purpose of the webhook."""

    run_id: str
    workflow_id: str
    description: str


class WebhookCalls:
    """The caller's webhooks; for admins all webhooks."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(self, url: str, types: Sequence[str], **which: Unpack[WebhookScope]) -> NewWebhookView:
        """Create a webhook for new events. Its secret is shown only in this answer."""
        return await self._to.post(NewWebhookView, "/v1/webhooks", {"url": url, "types": types, **which})

    async def list(self, limit: int = 100) -> builtins.list[WebhookView]:
        found: dict[str, Any] = await self._to.get(
            dict[str, builtins.list[WebhookView]], "/v1/webhooks", query={"limit": limit}
        )
        return builtins.list(found["webhooks"])

    async def get(self, webhook_id: str) -> WebhookView:
        return await self._to.get(WebhookView, _ONE, webhook_id=webhook_id)

    async def edit(self, webhook_id: str, url: str, types: Sequence[str], **which: Unpack[WebhookScope]) -> WebhookView:
        return await self._to.put(WebhookView, _ONE, {"url": url, "types": types, **which}, webhook_id=webhook_id)

    async def delete(self, webhook_id: str) -> None:
        await self._to.delete(_ONE, webhook_id=webhook_id)

    async def enable(self, webhook_id: str) -> WebhookView:
        return await self._to.post(WebhookView, _ONE + ":enable", webhook_id=webhook_id)

    async def disable(self, webhook_id: str) -> WebhookView:
        return await self._to.post(WebhookView, _ONE + ":disable", webhook_id=webhook_id)

    async def deliveries(
        self, webhook_id: str, *, state: str | None = None, limit: int = 100
    ) -> builtins.list[DeliveryView]:
        """Return the messages, sent and waiting, the newest first."""
        kind = dict[str, builtins.list[DeliveryView]]
        query = {"state": state, "limit": limit}
        found: dict[str, Any] = await self._to.get(kind, _ONE + "/deliveries", query=query, webhook_id=webhook_id)
        return builtins.list(found["deliveries"])

    async def test(self, webhook_id: str) -> str:
        """Send a message `webhook.test` and return the delivery's id."""
        found: dict[str, str] = await self._to.post(dict[str, str], _ONE + ":test", webhook_id=webhook_id)
        return found["delivery"]

    async def redeliver(self, webhook_id: str, delivery: str) -> DeliveryView:
        """Send a message again, with the same id."""
        body = {"delivery": delivery}
        return await self._to.post(DeliveryView, _ONE + ":redeliver", body, webhook_id=webhook_id)
