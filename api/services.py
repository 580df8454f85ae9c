"""Everything that lives as long as the application, made once by its lifespan."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from api.access.callers import USER_SECONDS, VOLUNTEER_SECONDS, Callers
from api.access.passwords import Passwords
from api.http.metrics import Counts, Requests, Tables
from api.integrations.event_readers import Outward
from api.live.feed import Feed
from api.live.followers import Followers
from api.settings import Settings
from coordinator.cached import Cached
from coordinator.decisions.quotas import Quota
from coordinator.decisions.refusals import all_refuse_all, refused_by_all
from coordinator.dispatching.allowances import Allowances
from coordinator.dispatching.definitions import Definitions
from coordinator.dispatching.dispatcher import Dispatcher
from coordinator.estimates import Estimates
from coordinator.leadership import Leadership
from coordinator.prefect.client import Prefect, PrefectUnavailableError
from coordinator.prefect.mirror import Mirror
from coordinator.quotas import Quotas
from coordinator.reconciler import Reconciler
from coordinator.run_controls import Controls
from storage.change_stream import BatchChanged, EventAdded, RightsChanged, WatchStarted, watch
from storage.errors import (
    FailuresToleratedError,
    NjangiError,
    NoSpecError,
    NotFoundError,
    NothingToRetryError,
    RunCancelledError,
    RunEndedError,
    RunUnderWayError,
    StorageUnavailableError,
    WorkflowArchivedError,
)
from storage.figures import Figures
from storage.ledger import Transaction
from storage.people.users import Role, User, new_token
from storage.runs.models import ENDED, Run
from storage.stores import Stores, open_stores
from storage.subtasks.deadlines import Overdue
from storage.subtasks.models import Batch
from storage.volunteers.store import Volunteer

log = logging.getLogger(__name__)

ABANDONED_AFTER = timedelta(seconds=2)
ABANDONED_SECONDS = 1.0
EXPIRY_SECONDS = 1.0
BOOKS_SECONDS = 5.0
REPAIR_SECONDS = 1.0
LOOK_SECONDS = 1.0
CATCH_UP_SECONDS = 2.0
DEADLINE_SECONDS = 1.0
STOP_SECONDS = 0.5
COLLECT_SECONDS = 300.0
COLLECTED_AT_ONCE = 500
FIGURES_SECONDS = 10.0
SURROUNDINGS_SECONDS = 5.0
MACHINES_SECONDS = 5.0
"""How old what the service tells of itself may be."""

_NOT_FOR_THIS_RUN = (
    FailuresToleratedError,
    NoSpecError,
    NotFoundError,
    NothingToRetryError,
    RunCancelledError,
    RunEndedError,
    RunUnderWayError,
    WorkflowArchivedError,
)
"""Why a control that many runs get does not fit one of them."""

_RUN_ENDED = tuple(f"run.{status.lower()}" for status in ENDED)
_RUN_ENDS = ("run.cancel_requested", *_RUN_ENDED)
"""The events after which a run has ended or is about to."""
_ENDS_WAITS = ("signal.sent", "run.resumed", "task.resumed")
"""The events that end what a flow waits for, or say when it ends."""


def utc_now() -> datetime:
    """The service's clock. Decisions never read it: they are told."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Settlements:
    """Lets flows wait for batches to settle, or for news of runs, by their ids."""

    waiting: defaultdict[str, set[asyncio.Event]] = field(default_factory=lambda: defaultdict(set))

    def happened(self, batch_id: str) -> None:
        for event in self.waiting.get(batch_id, ()):
            event.set()

    def everything_may_have(self) -> None:
        """After a gap in the news: let all who wait look for themselves."""
        for events in self.waiting.values():
            for event in events:
                event.set()

    @contextlib.contextmanager
    def of(self, batch_ids: Sequence[str]) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        for id_ in batch_ids:
            self.waiting[id_].add(event)
        try:
            yield event
        finally:
            for id_ in batch_ids:
                self.waiting[id_].discard(event)
                if not self.waiting[id_]:
                    del self.waiting[id_]


class Bell:
    """Lets callers wait for the next ring, and tells those that come late that it rang meanwhile."""

    def __init__(self) -> None:
        self.rings = 0
        self._next = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, heard: int, seconds: float) -> int:
        """Return how often it has rung: at once if that is not `heard`, else after a ring or `seconds`."""
        if heard == self.rings:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._next.wait(), seconds)
        return self.rings


class Services:
    """Stores, dispatcher, mirror and their loops."""

    def __init__(self, settings: Settings, stores: Stores, prefect: Prefect, requests: Requests) -> None:
        self.settings = settings
        self.stores = stores
        self.prefect = prefect
        self.passwords = Passwords()
        self.users = Callers[User](USER_SECONDS)
        self.volunteers = Callers[Volunteer](VOLUNTEER_SECONDS)
        self.definitions = Definitions(stores.tasks)
        self.quotas = Quotas(stores, {Role.SUBMITTER: Quota(**settings.submitter_quota.model_dump())})
        allowances = Allowances(stores.usage, self.quotas.leased, utc_now)
        self.dispatcher = Dispatcher(
            stores.ledger, stores.subtasks, stores.volunteers, self.definitions, allowances, utc_now
        )
        self.mirror = Mirror(prefect, stores, self.dispatcher.run_cancelled, utc_now)
        self.estimates = Estimates(stores, utc_now)
        self.settlements = Settlements()
        self.followers = Followers(stores.ledger, stores.runs)
        self.feed = Feed(stores.ledger, stores.audiences)
        self.run_news = Settlements()
        self.flow_runs = Bell()
        replica = f"{socket.gethostname()}:{settings.port}"  # two that live cannot share it
        stopping = Leadership(stores.leaders, "stopping", replica)
        self.controls = Controls(stores, prefect, self.mirror, self.dispatcher, stopping, self.flow_runs.ring, utc_now)
        self.reconciler = Reconciler(stores, prefect, utc_now, replica, self.flow_runs.ring)
        self.log_grew = Bell()
        self.outward = Outward(settings, stores, prefect, replica, self.log_grew.wait, utc_now)
        self.requests = requests
        self.expiries = 0
        """How many leases this process saw run out."""
        self.figures = Cached(lambda: stores.figures.now(now=utc_now()), FIGURES_SECONDS)
        self.surroundings = Cached(self._surroundings, SURROUNDINGS_SECONDS)
        self.machines = Cached(lambda: stores.waiting.machines(now=utc_now()), MACHINES_SECONDS)
        self.when_a_run_ends: list[Callable[[str], None]] = []
        """Called with the id of each run that ends, in whichever replica."""
        self.leaving = False
        self._under_way = True  # whether any run may be

    def tables(self, figures: Figures | None) -> Tables:
        """Return what is told to Prometheus beside the requests."""
        counts = Counts(
            leases=self.dispatcher.leases,
            reports=self.dispatcher.reports,
            expiries=self.expiries,
            conflicts=self.stores.ledger.conflicts,
            waiting_agents=self.dispatcher.parked,
            listeners=self.feed.listeners,
            deliveries=self.outward.courier.outcomes,
        )
        return Tables(lambda: counts, lambda: figures)

    async def _surroundings(self) -> tuple[bool, dict[str, str]]:
        """Return whether Prefect answers, and who leads in which office."""
        return await self.prefect.answers(), await self.stores.leaders.holders(now=utc_now())

    def leave(self) -> None:
        """Answer all who wait with what there is: this process ends."""
        self.leaving = True
        self.dispatcher.leave()
        self.settlements.everything_may_have()
        self.followers.leave()
        self.feed.leave()
        self.run_news.everything_may_have()
        self.flow_runs.ring()

    def forget(self, *, user: str | None = None, volunteer: str | None = None) -> None:
        """Look the user or the volunteer up anew when it calls next: what it may do has changed."""
        if user is not None:
            self.users.forget(lambda known: known.name == user)
            self.feed.user_changed(user)
            self.followers.everything_may_have()
        if volunteer is not None:
            self.volunteers.forget(lambda known: known.id == volunteer)
            self.dispatcher.volunteer_changed(volunteer)

    async def start_run(self, run: Run) -> Run:
        """Create the Prefect flow run of a run; if Prefect is away, the reconciler does it later."""
        try:
            await self.reconciler.submit(run)
        except PrefectUnavailableError as error:
            log.warning("a run waits for Prefect", extra={"run_id": run.id, "reason": str(error)})
            return run
        return await self.stores.runs.get(run.id)

    async def cancel_run(self, run_id: str, by: str) -> Run:
        """Ask for a run's end: nothing more is lent, attempts under way become stale, its flow hears of it.

        A run with a clean-up ends when that has ended; asked a second time, it leaves it out. Raises RunEndedError when
        it has ended, or has nothing left to do.
        """
        now = utc_now()

        async def request(tx: Transaction) -> None:
            await self.stores.controls.check_open(tx, run_id)
            await self.stores.runs.request_cancel(tx, run_id, by=by, now=now)
            await self.stores.stopping.cancel(tx, run_id, now=now)

        await self.stores.ledger.write(request)
        self.dispatcher.run_cancelled(run_id)
        return await self.stores.runs.get(run_id)

    async def cancel_if_open(self, tx: Transaction, run_id: str, by: str) -> None:
        """Within a transaction, ask for a run's end unless that was done before or it has ended.

        After it, tell the dispatcher (`run_cancelled`).
        """
        if await self.stores.runs.is_open(tx, run_id):
            await self.stores.runs.request_cancel(tx, run_id, by=by, now=utc_now())
            await self.stores.stopping.cancel(tx, run_id, now=utc_now())

    async def each(self, run_ids: Sequence[str], control: Callable[[str], Awaitable[Run]]) -> list[str]:
        """Control runs one by one; return the ids of those that it applied to, without those that it no longer fits."""
        done = []
        for run_id in run_ids:
            with contextlib.suppress(*_NOT_FOR_THIS_RUN):
                await control(run_id)
                done.append(run_id)
        return done

    async def settled(self, batch_ids: Sequence[str], seconds: float) -> list[Batch]:
        """Wait until some of the batches have settled, at most `seconds`, and return those."""
        with self.settlements.of(batch_ids) as news:
            found = await self.stores.subtasks.settled(batch_ids)
            if not found and not self.leaving:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), seconds)
                found = await self.stores.subtasks.settled(batch_ids)
        return found

    async def watch(self) -> None:
        """Wake agents, flows and followers as things change, whichever replica changed them."""
        async for news in watch(self.stores.database):
            match news:
                case WatchStarted():
                    self.users.forget()
                    self.volunteers.forget()
                    self.settlements.everything_may_have()
                    self.followers.everything_may_have()
                    self.feed.told()
                    self.log_grew.ring()
                    self.run_news.everything_may_have()
                    self.dispatcher.work_opened()
                case RightsChanged(user, volunteer):
                    self.forget(user=user, volunteer=volunteer)
                case BatchChanged(batch_id, settled=True):
                    self.settlements.happened(batch_id)
                case BatchChanged():
                    self.dispatcher.work_opened()
                case EventAdded(run_id, type_):
                    self.feed.told()
                    self.log_grew.ring()
                    if type_.startswith("volunteer."):  # whoever hears of it asks for what it changes
                        self.estimates.forget()
                        self.machines.forget()
                        self.figures.forget()
                    if run_id is not None:
                        self._under_way = True
                        self.followers.told(run_id)
                        await self._hear(run_id, type_)

    async def _hear(self, run_id: str, event: str) -> None:
        """Wake the flows that wait for what the event tells of a run, and let its children end with it."""
        if event in _ENDS_WAITS or event in _RUN_ENDS:
            self.run_news.happened(run_id)
        if event in _RUN_ENDED:
            for told in self.when_a_run_ends:
                told(run_id)
        if event in _RUN_ENDS:
            await self._cancel_all(await self.stores.children.to_cancel(run_id))

    async def look_for_runs(self) -> None:
        """Note whether any run is under way. While none is, nothing can be overdue, and nobody looks for it."""
        self._under_way = await self.stores.runs.any_under_way()

    def during_runs(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Return what does `work` only while a run may be under way."""

        async def during_runs() -> None:
            if self._under_way:
                await work()

        return during_runs

    async def cancel_left_behind(self) -> None:
        """Cancel the children of runs that ended while nobody heard of it."""
        await self._cancel_all(await self.stores.children.left_behind(limit=100))

    async def _cancel_all(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:  # a transaction each, since a run may have much to cancel
            await self.stores.ledger.write(functools.partial(self.cancel_if_open, run_id=run_id, by="its parent run"))
            self.dispatcher.run_cancelled(run_id)

    async def end_abandoned_transactions(self) -> None:
        """Let go of what a replica that was killed in mid-transaction keeps from the others."""
        if ended := await self.stores.database.end_abandoned(idle=ABANDONED_AFTER):
            log.warning("transactions that a killed process had left open were ended", extra={"count": ended})

    async def collect_blobs(self) -> None:
        """Let go of uploads that paused too long, and of blobs that nothing refers to any more."""
        stores, grace, most = self.stores, self.settings.blob_grace, COLLECTED_AT_ONCE
        while await stores.uploads.expire(now=utc_now(), limit=most) == most:
            pass
        while (found := await stores.blob_collection.collect(now=utc_now(), grace=grace, limit=most)).looked_at:
            if found.blobs:
                log.info("blobs were collected", extra={"count": found.blobs, "bytes": found.bytes})

    async def expire_leases(self) -> None:
        """Put subtasks back whose lease has run out, and fail those whose time is over."""
        now = utc_now()
        if expired := await self.stores.subtasks.expire(now=now):
            self.expiries += expired
            self.dispatcher.work_opened()
        while (overdue := await self.stores.deadlines.expire(now=now)) != Overdue():
            for run_id in overdue.called_back:
                self.dispatcher.run_cancelled(run_id)
            self.dispatcher.work_opened()
        await self._give_up_what_all_refuse(now)

    async def _give_up_what_all_refuse(self, now: datetime) -> None:
        for task in await self.stores.refusals.tasks(now=now):
            counts = {"total": task.total, "completed": task.completed}
            if all_refuse_all(task.refused, task.machines, **counts):
                while await self.stores.refusals.give_up(task.id, None, now=now):
                    pass
            elif subtasks := refused_by_all(task.refused, task.machines):
                await self.stores.refusals.give_up(task.id, subtasks, now=now)


async def _forever(work: Callable[[], Awaitable[None]], every: float, name: str) -> None:
    """Do `work` again and again; that it fails is logged when it begins to, and when it does no more."""
    failures = 0
    while True:
        try:
            await work()
        except Exception as error:  # a loop that ended would be missed by all and noticed by nobody
            failures += 1
            if failures == 1:
                unforeseen = not isinstance(error, NjangiError | OSError)
                log.warning("%s failed and is tried again: %s", name, error, exc_info=unforeseen)
        else:
            if failures:
                log.warning("%s works again after %d failures", name, failures)
            failures = 0
        await asyncio.sleep(every)


@asynccontextmanager
async def open_services(settings: Settings, requests: Requests) -> AsyncIterator[Services]:
    """Connect, prepare and start the loops. Raises StorageUnavailableError when MongoDB does not answer."""
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings.mongodb_uri, settings.database))
        await stores.audit.keep_for(timedelta(days=settings.audit_days))
        await _first_tokens(settings, stores)
        prefect = await stack.enter_async_context(Prefect(settings.prefect_api_url))
        services = Services(settings, stores, prefect, requests)
        loops = [
            _forever(services.dispatcher.run, 0.5, "answering agents"),
            _forever(services.mirror.follow, 0.5, "following Prefect"),
            _forever(services.mirror.sweep, 0.5, "sweeping runs"),
            _forever(services.watch, 0.5, "watching for changes"),
            _forever(services.feed.run, 0.5, "reading new events"),
            *(_forever(work, every, name) for work, every, name in services.outward.loops()),
            _forever(services.look_for_runs, LOOK_SECONDS, "looking for runs under way"),
            _forever(
                services.during_runs(services.cancel_left_behind), REPAIR_SECONDS, "cancelling children of ended runs"
            ),
            _forever(services.end_abandoned_transactions, ABANDONED_SECONDS, "ending abandoned transactions"),
            _forever(services.during_runs(services.expire_leases), EXPIRY_SECONDS, "expiring leases"),
            _forever(services.dispatcher.keep_books, BOOKS_SECONDS, "writing down who was seen"),
            _forever(services.reconciler.tick, REPAIR_SECONDS, "repairing runs"),
            _forever(services.collect_blobs, COLLECT_SECONDS, "collecting blobs"),
            _forever(services.during_runs(services.controls.catch_up), CATCH_UP_SECONDS, "telling Prefect of changes"),
            _forever(services.during_runs(services.controls.stop_on), STOP_SECONDS, "stopping subtasks in pieces"),
            _forever(
                services.during_runs(services.controls.miss_deadlines), DEADLINE_SECONDS, "looking for missed deadlines"
            ),
        ]
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            yield services
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await services.outward.close()
            with contextlib.suppress(StorageUnavailableError):
                await services.dispatcher.keep_books()


async def _first_tokens(settings: Settings, stores: Stores) -> None:
    """Make the tokens of the first day: files that only their owner can read, hashes in the database."""
    directory = settings.home / "tokens"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for role in (Role.ADMIN, Role.FLOW, Role.JOIN):
        file = directory / role.value
        token = file.read_text().strip() if file.exists() else new_token(role.value)
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(token + "\n")
        if not await stores.users.knows_token(token):
            await stores.users.add_token(role.value, role, token, now=utc_now())
