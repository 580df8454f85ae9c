"""The readers of the event log: webhooks, Prefect's events, Redis, hourly sums. One replica runs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial

from api.integrations.outlets import PrefectOutlet, RedisOutlet
from api.integrations.publishing import ROLE, Outlet, Publisher
from api.integrations.signed_posts import Poster
from api.integrations.webhooks import Courier, WebhookOutlet
from api.settings import Settings
from coordinator.background import Loop
from coordinator.leadership import Leadership
from coordinator.prefect.client import Prefect
from coordinator.presence import Presence
from coordinator.throughput import Throughput
from storage.stores import Stores

AGAIN_SECONDS = 2.0
PRESENCE_SECONDS = 2.0
THROUGHPUT_SECONDS = 10.0


class EventReaders:
    """Run its `loops`, then close it. Every replica has them; the one that leads does the work."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        prefect: Prefect,
        holder: str,
        wait: Callable[[int, float], Awaitable[int]],
        clock: Callable[[], datetime],
    ) -> None:
        """`holder` names this replica; `wait` waits for the log to grow (see `Publisher`)."""
        leadership = Leadership(stores.leaders, ROLE, holder)
        self._poster = Poster(private=settings.webhooks_private)
        self._publisher = Publisher(stores.ledger, stores.cursors, leadership, wait, clock)
        self._presence = Presence(stores.presence, leadership, clock)
        self._throughput = Throughput(stores.throughput, leadership, clock)
        self.courier = Courier(stores, self._poster, leadership, clock)
        self._redis = RedisOutlet(settings.pubsub_url, settings.pubsub_stream) if settings.pubsub_url else None
        self._outlets: list[Outlet] = [
            WebhookOutlet(stores, self.courier.wake, clock),
            PrefectOutlet(prefect, stores.runs),
        ]
        if self._redis is not None:
            self._outlets.append(self._redis)

    def loops(self) -> Iterable[Loop]:
        yield Loop("delivering to webhooks", self.courier.run, AGAIN_SECONDS)
        yield Loop("looking for silent volunteers", self._presence.tick, PRESENCE_SECONDS)
        yield Loop("summing up what volunteers did", self._throughput.tick, THROUGHPUT_SECONDS)
        for outlet in self._outlets:
            yield Loop(f"telling {outlet.name}", partial(self._publisher.feed, outlet), AGAIN_SECONDS)

    async def close(self) -> None:
        """Close connections, after the loops have ended."""
        await self._poster.close()
        if self._redis is not None:
            await self._redis.close()
