"""Webhooks, which tell other systems what happens."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from njangi_flows.client.models import DeliveryView, NewWebhookView, WebhookView
from njangi_flows.client.transport import Transport

_ONE = "/v1/webhooks/{webhook_id}"


class WebhookScope(TypedDict, total=False):
    """Of which run or workflow alone, and what for."""

    run_id: str
    workflow_id: str
    description: str


class WebhookCalls:
    """One's own; an admin's are all."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(self, url: str, types: Sequence[str], **which: Unpack[WebhookScope]) -> NewWebhookView:
        """Make a webhook, told of what happens from now on; its secret is shown this once."""
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
        """Return what was sent and is to be, the newest first."""
        kind = dict[str, builtins.list[DeliveryView]]
        query = {"state": state, "limit": limit}
        found: dict[str, Any] = await self._to.get(kind, _ONE + "/deliveries", query=query, webhook_id=webhook_id)
        return builtins.list(found["deliveries"])

    async def test(self, webhook_id: str) -> str:
        """Send a message `webhook.test` and return the delivery's id."""
        found: dict[str, str] = await self._to.post(dict[str, str], _ONE + ":test", webhook_id=webhook_id)
        return found["delivery"]

    async def redeliver(self, webhook_id: str, delivery: str) -> DeliveryView:
        """Send a message again under its own id."""
        body = {"delivery": delivery}
        return await self._to.post(DeliveryView, _ONE + ":redeliver", body, webhook_id=webhook_id)
