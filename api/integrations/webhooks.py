"""Turn events into deliveries to webhooks, and send them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import orjson

from api.access.event_access import EventFilter, may_hear
from api.access.rights import without_admin
from api.integrations.signed_posts import Poster, PostingError
from api.live.event_json import event_json
from coordinator.decisions.deliveries import MOST_WAITING, Fate, fate, pause_after, reason_to_disable
from coordinator.leadership import Leadership
from storage.audiences import Audience
from storage.ledger import Event
from storage.people.users import User
from storage.stores import Stores
from storage.webhooks.deliveries import Delivery, NewDelivery, Try
from storage.webhooks.store import Webhook

log = logging.getLogger(__name__)

AT_ONCE = 32
AT_ONCE_EACH = 4
"""How many messages are on their way at once, in all and to one webhook: one that hangs holds up no other."""
LOOK_SECONDS = 2.0
"""How often to look for what is due, and for what another replica was asked to send again."""


class WebhookOutlet:
    """Writes a delivery for each event and webhook that belong together."""

    name = "webhooks"

    def __init__(self, stores: Stores, written: Callable[[], None], clock: Callable[[], datetime]) -> None:
        """`written` is called when there is something to deliver."""
        self._stores = stores
        self._written = written
        self._clock = clock

    async def take(self, events: Sequence[Event]) -> None:
        webhooks = await self._stores.webhooks.active()  # after the events: one made meanwhile begins behind them
        if not webhooks:
            return
        owners = await self._stores.users.by_names({webhook.owner for webhook in webhooks})
        audiences = await self._stores.audiences.of(events)
        new = [
            NewDelivery(f"msg_{webhook.id}_{event.seq}", webhook.id, event.type, message(event))
            for event, audience in zip(events, audiences, strict=True)
            for webhook in webhooks
            if _concerns(webhook, owners.get(webhook.owner), event, audience)
        ]
        await self._stores.deliveries.add(new, now=self._clock())
        if new:
            self._written()


def message(event: Event) -> str:
    """Return what is sent of an event, in the form of Standard Webhooks: type, timestamp, data."""
    data = orjson.Fragment(event_json(event))
    return orjson.dumps({"type": event.type, "timestamp": event.at, "data": data}).decode()


def _concerns(webhook: Webhook, owner: User | None, event: Event, audience: Audience) -> bool:
    wanted = EventFilter(tuple(webhook.types), webhook.run_id, webhook.workflow_id)
    return (
        event.seq > webhook.since
        and wanted.covers(event.type, event.run_id, audience)
        and owner is not None
        and may_hear(owner if webhook.everything else without_admin(owner), audience)
    )


class Courier:
    """Makes deliveries while its replica leads. `wake` says that some may be due."""

    def __init__(self, stores: Stores, poster: Poster, leadership: Leadership, clock: Callable[[], datetime]) -> None:
        self._stores = stores
        self._poster = poster
        self._leadership = leadership
        self._clock = clock
        self._woken = asyncio.Event()
        self._under_way = Counter[str]()
        self._tasks: set[asyncio.Task[None]] = set()
        self.outcomes = Counter[str]()
        """How many tries of this process came to what."""

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is on its way then is made again when its claim has run out."""
        try:
            while True:
                self._woken.clear()
                if await self._leadership.held(now=self._clock()):
                    for delivery, url, secret in await self._next():
                        self._under_way[delivery.webhook_id] += 1
                        task = asyncio.create_task(self._deliver(delivery, url, secret))
                        self._tasks.add(task)
                        task.add_done_callback(self._tasks.discard)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)
        finally:
            for task in self._tasks:
                task.cancel()

    async def _next(self) -> list[tuple[Delivery, str, str]]:
        free = AT_ONCE - self._under_way.total()
        if free <= 0:
            return []
        busy = [id_ for id_, count in self._under_way.items() if count >= AT_ONCE_EACH]
        limit = min(free, AT_ONCE_EACH)
        claimed = await self._stores.deliveries.claim(busy=busy, limit=limit, now=self._clock())
        addresses = await self._stores.webhooks.addresses([item.webhook_id for item in claimed])
        if len(claimed) == limit:
            self.wake()
        for id_ in {item.webhook_id for item in claimed} - addresses.keys():
            await self._stores.deliveries.give_up(id_, now=self._clock())
        return [(item, *addresses[item.webhook_id]) for item in claimed if item.webhook_id in addresses]

    async def _deliver(self, delivery: Delivery, url: str, secret: str) -> None:
        try:
            await self.deliver(delivery, url, secret)
        except Exception as error:  # it is made again when the claim has run out
            log.warning("a delivery could not be written down", extra={"delivery": delivery.id, "reason": str(error)})
        finally:
            self._under_way[delivery.webhook_id] -= 1
            self._under_way += Counter()  # drops zeros
            self.wake()

    async def deliver(self, delivery: Delivery, url: str, secret: str) -> None:
        """Try once, and write down what it came to."""
        began, at = asyncio.get_running_loop().time(), self._clock()
        status, problem = None, None
        try:
            status = await self._poster.post(url, secret, delivery.id, delivery.body, now=at)
        except PostingError as error:
            problem = str(error)
        seconds = asyncio.get_running_loop().time() - began
        now, tries = self._clock(), delivery.tried + 1
        outcome = fate(status, tries)
        due_at = now + pause_after(tries) if outcome is Fate.WAITING else None
        try_ = Try(at, status, problem, round(seconds, 3))
        await self._stores.deliveries.tried(delivery.id, try_, state=outcome, due_at=due_at, now=now)
        self.outcomes["delivered" if outcome is Fate.DELIVERED else "failed"] += 1
        if outcome is Fate.DELIVERED:
            await self._stores.webhooks.arrived(delivery.webhook_id)
        else:
            await self._failed(delivery.webhook_id, status, outcome, now)

    async def _failed(self, webhook_id: str, status: int | None, outcome: Fate, now: datetime) -> None:
        since = await self._stores.webhooks.failing(webhook_id, now=now)
        waiting = await self._stores.deliveries.waiting(webhook_id, limit=MOST_WAITING + 1)
        reason = reason_to_disable(status, outcome, since or now, waiting, now)
        if since is not None and reason is not None:
            log.warning("a webhook is disabled", extra={"webhook": webhook_id, "reason": reason})
            await self._stores.webhooks.disable(webhook_id, reason, by="njangi", now=now)
            await self._stores.deliveries.give_up(webhook_id, now=now)
