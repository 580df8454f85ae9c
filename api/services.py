"""The composition root: the parts that live as long as the application, and how they are connected."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from api.access.callers import USER_SECONDS, VOLUNTEER_SECONDS, Callers
from api.access.passwords import Passwords
from api.clock import utc_now
from api.http.metrics import Counts, Requests, Tables
from api.integrations.event_readers import EventReaders
from api.live.feed import Feed
from api.settings import Settings
from coordinator.active_runs import ActiveRuns
from coordinator.background import Component
from coordinator.cached import Cached
from coordinator.cancellation import Cancellation
from coordinator.decisions.quotas import Quota
from coordinator.dispatching.allowances import Allowances
from coordinator.dispatching.definitions import Definitions
from coordinator.dispatching.dispatcher import Dispatcher
from coordinator.dispatching.lease_expiry import LeaseExpiry
from coordinator.estimates import Estimates
from coordinator.housekeeping import Housekeeping
from coordinator.leadership import Leadership
from coordinator.notifiers import KeyedNotifier, Notifier
from coordinator.prefect.client import Prefect
from coordinator.prefect.mirror import Mirror
from coordinator.quotas import Quotas
from coordinator.reconciler import Reconciler
from coordinator.run_controls import Controls
from storage.figures import Figures
from storage.people.users import Role, User
from storage.stores import Stores
from storage.volunteers.store import Volunteer

FIGURES_SECONDS = 10.0
SURROUNDINGS_SECONDS = 5.0
MACHINES_SECONDS = 5.0
"""How old the figures may be that the service tells of itself."""


class Services:
    """The parts of the service, each with what it needs of the others."""

    def __init__(self, settings: Settings, stores: Stores, prefect: Prefect, requests: Requests) -> None:
        replica = f"{socket.gethostname()}:{settings.port}"  # two that live cannot share it
        self.settings = settings
        self.stores = stores
        self.prefect = prefect
        self.requests = requests
        self.leaving = False

        self.batches_settled = KeyedNotifier()
        self.run_changes = KeyedNotifier()
        self.flow_runs = Notifier()
        """Notified when Prefect has a flow run for the flow workers."""
        self.log_grew = Notifier()

        self.passwords = Passwords()
        self.users = Callers[User](USER_SECONDS)
        self.volunteers = Callers[Volunteer](VOLUNTEER_SECONDS)
        self.quotas = Quotas(stores, {Role.SUBMITTER: Quota(**settings.submitter_quota.model_dump())})

        self.active_runs = ActiveRuns(stores.runs)
        self.definitions = Definitions(stores.tasks)
        self.dispatcher = Dispatcher(
            stores.ledger,
            stores.subtasks,
            stores.volunteers,
            self.definitions,
            Allowances(stores.usage, self.quotas.leased, utc_now),
            utc_now,
        )
        self.lease_expiry = LeaseExpiry(stores, self.dispatcher, self.active_runs, utc_now)
        self.cancellation = Cancellation(stores, self.dispatcher, self.active_runs, utc_now)
        self.mirror = Mirror(prefect, stores, self.dispatcher.run_cancelled, utc_now)
        self.controls = Controls(
            stores,
            prefect,
            self.mirror,
            self.dispatcher,
            Leadership(stores.leaders, "stopping", replica),
            self.active_runs,
            self.flow_runs.notify,
            utc_now,
        )
        self.reconciler = Reconciler(stores, prefect, utc_now, replica, self.flow_runs.notify)
        self.housekeeping = Housekeeping(stores, settings.blob_grace, utc_now)

        self.feed = Feed(stores.ledger, stores.audiences)
        self.event_readers = EventReaders(settings, stores, prefect, replica, self.log_grew.wait, utc_now)
        self.estimates = Estimates(stores, utc_now)
        self.figures = Cached(lambda: stores.figures.now(now=utc_now()), FIGURES_SECONDS)
        self.surroundings = Cached(self._surroundings, SURROUNDINGS_SECONDS)
        self.machines = Cached(lambda: stores.waiting.machines(now=utc_now()), MACHINES_SECONDS)

    @property
    def components(self) -> Iterable[Component]:
        """The parts that have loops."""
        return (
            self.dispatcher,
            self.mirror,
            self.feed,
            self.event_readers,
            self.active_runs,
            self.cancellation,
            self.housekeeping,
            self.lease_expiry,
            self.reconciler,
            self.controls,
        )

    def tables(self, figures: Figures | None) -> Tables:
        """Return what Prometheus is told besides the requests."""
        counts = Counts(
            leases=self.dispatcher.leases,
            reports=self.dispatcher.reports,
            expiries=self.lease_expiry.expired,
            conflicts=self.stores.ledger.conflicts,
            waiting_agents=self.dispatcher.parked,
            listeners=self.feed.listeners,
            deliveries=self.event_readers.courier.outcomes,
        )
        return Tables(lambda: counts, lambda: figures)

    async def _surroundings(self) -> tuple[bool, dict[str, str]]:
        """Return whether Prefect answers, and which replica leads in what."""
        return await self.prefect.answers(), await self.stores.leaders.holders(now=utc_now())

    def leave(self) -> None:
        """Answer all who wait with what there is: this process ends."""
        self.leaving = True
        self.dispatcher.leave()
        self.batches_settled.notify_all()
        self.feed.leave()
        self.run_changes.notify_all()
        self.flow_runs.notify()

    def forget(self, *, user: str | None = None, volunteer: str | None = None) -> None:
        """Look the user or the volunteer up again at their next call: their rights have changed."""
        if user is not None:
            self.users.forget(lambda known: known.name == user)
            self.feed.user_changed(user)
        if volunteer is not None:
            self.volunteers.forget(lambda known: known.id == volunteer)
            self.dispatcher.volunteer_changed(volunteer)
