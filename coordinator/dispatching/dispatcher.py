"""Answer agents' syncs: reports in, leases out, many agents in one transaction.

While one transaction is under way the syncs that arrive gather for the next, so the cost of a
round trip is shared by all who wait and writers of one process never conflict. An agent with a
wish and no work for it is parked; parked agents cost nothing until a batch opens.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from njangi_agent.protocol import Outcome, Report, SyncRequest, Verdict

from coordinator.background import Loop
from coordinator.decisions.matching import Match, Wish, match
from coordinator.decisions.silence import due_busy, due_hung_up, due_idle
from coordinator.dispatching.allowances import Allowances
from coordinator.dispatching.definitions import Definitions, PackedDefinition
from coordinator.dispatching.open_batches import MeanDurations, OpenBatches
from coordinator.dispatching.refusal_backoff import Rests
from storage.errors import StorageUnavailableError
from storage.ledger import Ledger, Transaction
from storage.subtasks.models import Assignment, Leased, VolunteerReport
from storage.subtasks.store import SubtaskStore
from storage.volunteers.store import Seen, Volunteer, VolunteerStatus, VolunteerStore, together

log = logging.getLogger(__name__)

LONGEST_WAIT = 55.0
"""Seconds an idle agent's sync may be parked: below the idle timeouts of common proxies, above the
59 s at which 5,000 idle agents would cost more than 90 syncs a second."""
RESTART_SECONDS = 0.5
BOOKS_SECONDS = 5.0
MOST_WISHES_AT_ONCE = 256
MOST_TEXT_AT_ONCE = 16 * 1024 * 1024
"""Characters of results and logs that one transaction writes, and those of one more sync: the database holds it all in
memory until it is committed."""


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What a sync came to."""

    verdicts: Sequence[Verdict] = ()
    leases: Sequence[Leased] = ()
    cancelled: Sequence[str] = ()
    wait: float = 0.0  # seconds until the agent should ask again
    definitions: Mapping[str, PackedDefinition] = field(default_factory=dict)  # of the leases' tasks, by task id


@dataclass(slots=True, eq=False)
class _PendingSync:
    """One agent's sync on its way through."""

    volunteer: Volunteer
    request: SyncRequest
    at: datetime  # when it came
    done: asyncio.Future[SyncOutcome]
    wish: Wish | None
    until: float  # loop time at which it stops waiting for work
    verdicts: list[Verdict] = field(default_factory=list)
    leases: list[Leased] = field(default_factory=list)
    definitions: Mapping[str, PackedDefinition] = field(default_factory=dict)

    def answer(self) -> SyncOutcome:
        return SyncOutcome(self.verdicts, self.leases, definitions=self.definitions)


class Dispatcher:
    """Serves the syncs of this process; `run` must be going on beside it."""

    def __init__(
        self,
        ledger: Ledger,
        subtasks: SubtaskStore,
        volunteers: VolunteerStore,
        definitions: Definitions,
        allowances: Allowances,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._subtasks = subtasks
        self._volunteers = volunteers
        self._definitions = definitions
        self._allowances = allowances
        self._clock = clock
        self._arrived: list[_PendingSync] = []
        self._parked: OrderedDict[str, _PendingSync] = OrderedDict()
        self._wake = asyncio.Event()
        self._open = OpenBatches(subtasks, definitions, allowances)
        self._rests = Rests()
        self._retry_parked = False
        self._durations = MeanDurations()
        self._slots: dict[str, int] = {}  # by volunteer, of those heard of lately
        self._seen: dict[str, Seen] = {}
        self._extended: dict[str, datetime] = {}
        self._leaving = False
        self.leases = 0
        self.reports = 0

    def loops(self) -> Iterable[Loop]:
        yield Loop("answering agents", self.run, RESTART_SECONDS)
        yield Loop("writing down who was seen", self.keep_books, BOOKS_SECONDS)

    def work_opened(self) -> None:
        """Tell that some batch has subtasks to lend."""
        self._open.stale = True
        self._retry_parked = True
        self._wake.set()

    def leave(self) -> None:
        """Answer all who wait for work, now and from now on."""
        self._leaving = True
        for sync in list(self._parked.values()):
            self._unpark(sync)

    def run_cancelled(self, run_id: str) -> None:
        """Let the parked agents who hold subtasks of the run hear of it now."""
        for sync in list(self._parked.values()):
            if any(item.subtask_id.startswith(f"{run_id}/") for item in sync.request.held):
                self._unpark(sync)

    def volunteer_changed(self, volunteer_id: str) -> None:
        """Lend nothing more on the ground of what was known of the volunteer: it is suspended, retired or resumed."""
        for sync in self._arrived:
            if sync.volunteer.id == volunteer_id:
                sync.wish = None
        if (parked := self._parked.get(volunteer_id)) is not None:
            self._unpark(parked)

    async def sync(self, volunteer: Volunteer, request: SyncRequest) -> SyncOutcome:
        """Take an agent's reports and heartbeats, and lend it work, waiting for some as long as it likes.

        A suspended one has nothing any more: what it reports and holds was called back, or ends with its lease.
        """
        now = self._clock()
        if volunteer.status is VolunteerStatus.SUSPENDED:
            self._note(volunteer, request, now, due_idle(now, LONGEST_WAIT))
            stale = [Verdict.STALE] * len(request.reports)
            return SyncOutcome(stale, cancelled=[held.subtask_id for held in request.held], wait=LONGEST_WAIT)
        held = [item.subtask_id.rpartition("/")[0] for item in request.held]
        try:
            cancelled = await self._beat(volunteer, request, now)
        finally:  # it was heard of, whether or not the database was there
            self._note(volunteer, request, now, self._due(held))
            self._slots[volunteer.id] = request.slots
        older = self._parked.get(volunteer.id)
        if older is not None:
            self._unpark(older)
        loop = asyncio.get_running_loop()
        may_wait = not request.reports and not cancelled and not self._leaving
        seconds = min(request.wait, LONGEST_WAIT) if may_wait else 0.0
        sync = _PendingSync(
            volunteer, request, now, loop.create_future(), _wish(volunteer, request), loop.time() + seconds
        )
        parks = sync.wish is not None and seconds > 0
        if parks:
            self._note(volunteer, request, now, due_idle(now, seconds))
        if request.reports or (sync.wish is not None and self._open.may_have_work(self._rested(sync.wish))):
            self._arrived.append(sync)
            self._wake.set()
        elif parks:
            self._parked[volunteer.id] = sync
        else:
            return SyncOutcome(cancelled=cancelled)
        answer = await self._wait(sync, seconds)
        if answer.leases:
            self._note(volunteer, request, now, self._due([*held, *(lease.task_id for lease in answer.leases)]))
        return replace(answer, cancelled=cancelled)

    async def _wait(self, sync: _PendingSync, seconds: float) -> SyncOutcome:
        """Wait for the sync to be done; when only parked, no longer than `seconds`, nor past a cancellation."""
        try:
            await asyncio.wait({sync.done}, timeout=seconds)
            if not sync.done.done() and sync.volunteer.id in self._parked:
                self._unpark(sync)
            return await asyncio.shield(sync.done)
        except asyncio.CancelledError:
            self._hung_up(sync)
            raise

    def _hung_up(self, sync: _PendingSync) -> None:
        """Lend nothing to an agent that is no longer there, and expect it back soon."""
        self._unpark(sync)
        if sync in self._arrived:
            sync.wish = None
        sync.done.cancel()  # so it is not parked after the transaction that it may be part of
        if not self._leaving:
            self._note(sync.volunteer, sync.request, sync.at, due_hung_up(self._clock()))

    def _unpark(self, sync: _PendingSync) -> None:
        if self._parked.get(sync.volunteer.id) is sync:
            del self._parked[sync.volunteer.id]
            sync.done.set_result(sync.answer())

    def _rested(self, wish: Wish) -> Wish:
        rests_from = self._rests.of(wish.volunteer_id, now=self._clock())
        return replace(wish, rests_from=rests_from) if rests_from or wish.rests_from else wish

    async def run(self) -> None:
        """Serve syncs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            count = fitting([sync.request.reports for sync in self._arrived[:MOST_WISHES_AT_ONCE]])
            syncs, self._arrived = self._arrived[:count], self._arrived[count:]
            if self._retry_parked:
                self._retry_parked = False
                for id_ in list(self._parked)[: MOST_WISHES_AT_ONCE - len(syncs)]:
                    syncs.append(self._parked.pop(id_))
            if self._arrived:
                self._wake.set()
            if syncs:
                await self._serve(syncs)

    async def _serve(self, syncs: Sequence[_PendingSync]) -> None:
        try:
            leased = await self._write(syncs)
        except Exception as error:
            if not isinstance(error, StorageUnavailableError):
                log.exception("answering a group of syncs failed")
            self._open.stale = True
            for sync in syncs:
                if not sync.done.done():
                    sync.done.set_exception(error)
            return
        now = asyncio.get_running_loop().time()
        for sync in syncs:
            if sync.done.done():
                continue
            nothing = sync.wish is not None and not sync.leases and not sync.request.reports
            if nothing and sync.until > now and not self._leaving and sync.volunteer.id not in self._parked:
                self._parked[sync.volunteer.id] = sync
            else:
                sync.done.set_result(sync.answer())
        if leased and self._parked and self._open.offers:
            self._retry_parked = True
            self._wake.set()

    async def _write(self, syncs: Sequence[_PendingSync]) -> bool:
        """Carry out the syncs in one transaction, filling their verdicts and leases; tell if anything was lent."""
        wishing = [sync for sync in syncs if sync.wish is not None]
        # Kept from here on: a task may be set back before this is answered.
        definitions: Mapping[str, PackedDefinition] = {}
        wishes = [self._rested(sync.wish) for sync in wishing if sync.wish is not None]
        if wishes:
            await self._open.read(wishes)
            definitions = await self._open.known_definitions()
        reports = [VolunteerReport(sync.volunteer.id, report) for sync in syncs for report in sync.request.reports]
        self._durations.learn(reports)
        matches = self._match(wishes)
        if not matches and not reports:
            return False
        now = self._clock()
        assignments = self._assignments(wishing, matches, now)

        async def once(tx: Transaction) -> tuple[list[Verdict], list[Leased]]:
            verdicts = await self._subtasks.report(tx, reports, now=now) if reports else []
            leases = await self._subtasks.lease(tx, assignments, now=now) if assignments else []
            return verdicts, leases

        verdicts, leases = await self._ledger.write(once)
        self.leases += len(leases)
        self.reports += len(reports)
        self._hand_out(syncs, verdicts, leases, definitions)
        self._credit(reports, verdicts, {sync.volunteer.id: sync.at for sync in syncs})
        self._open.account(assignments, leases)
        await self._rest(assignments, leases)
        self._keep_within_quotas(reports, verdicts, leases)
        return bool(leases)

    def _match(self, wishes: Sequence[Wish]) -> list[Match]:
        if not self._open.offers or not wishes:
            return []
        return match(wishes, self._open.offers, self._durations.get, sum(self._slots.values()), self._allowances.room)

    def _assignments(
        self, wishing: Sequence[_PendingSync], matches: Sequence[Match], now: datetime
    ) -> list[Assignment]:
        lent = Counter[int]()
        for item in matches:
            lent[item.wish] += item.count
        made = []
        for item in matches:
            sync, task_id = wishing[item.wish], item.offer.task_id
            longest = self._definitions.longest_lease(task_id, lent[item.wish], sync.request.wish)
            latest = now + timedelta(seconds=longest)
            until = min(latest, now + timedelta(seconds=self._definitions.heartbeat(task_id)))
            made.append(
                Assignment(item.offer.batch_id, task_id, sync.volunteer.id, item.count, until=until, latest=latest)
            )
        return made

    def _hand_out(
        self,
        syncs: Sequence[_PendingSync],
        verdicts: Sequence[Verdict],
        leases: Sequence[Leased],
        definitions: Mapping[str, PackedDefinition],
    ) -> None:
        said = iter(verdicts)
        by_volunteer: dict[str, list[Leased]] = {}
        for lease in leases:
            by_volunteer.setdefault(lease.volunteer_id, []).append(lease)
        for sync in syncs:
            sync.verdicts = [next(said) for _ in sync.request.reports]
            if sync.wish is not None:
                sync.leases = by_volunteer.pop(sync.volunteer.id, [])
                sync.definitions = {lease.task_id: definitions[lease.task_id] for lease in sync.leases}

    async def _rest(self, assignments: Sequence[Assignment], leases: Sequence[Leased]) -> None:
        """Let volunteers rest from tasks of which they got nothing, since they have refused what waits of them."""
        got = {(lease.volunteer_id, lease.task_id) for lease in leases}
        missed = [item for item in assignments if (item.volunteer_id, item.task_id) not in got]
        for item in await self._subtasks.refused(missed) if missed else ():
            self._rests.refused(item.volunteer_id, item.task_id, now=self._clock())

    def _keep_within_quotas(
        self, reports: Sequence[VolunteerReport], verdicts: Sequence[Verdict], leases: Sequence[Leased]
    ) -> None:
        """Count what was lent of owners with a limit; look for more of one who has room again."""
        for lease in leases:
            self._allowances.lent(self._open.owner(lease.task_id), 1)
        for item, verdict in zip(reports, verdicts, strict=True):
            owner = self._open.owner(item.report.subtask_id.rpartition("/")[0])
            if verdict is Verdict.ACCEPTED and self._allowances.returned(owner, 1):
                self.work_opened()

    def _credit(
        self, reports: Sequence[VolunteerReport], verdicts: Sequence[Verdict], came: Mapping[str, datetime]
    ) -> None:
        """Count what each volunteer did, and look again for work when some was given back."""
        now = self._clock()
        for item, verdict in zip(reports, verdicts, strict=True):
            outcome = item.report.outcome
            if verdict is not Verdict.ACCEPTED:
                continue
            task_id = item.report.subtask_id.rpartition("/")[0]
            if outcome is Outcome.REFUSED:
                self._rests.refused(item.volunteer_id, task_id, now=now)
            else:
                self._rests.returned(item.volunteer_id, task_id)
            if outcome in (Outcome.HANDED_BACK, Outcome.REFUSED):
                self.work_opened()
                continue
            returned = outcome is Outcome.RETURNED
            id_ = item.volunteer_id
            seen = self._seen.get(id_) or Seen(self._slots.get(id_, 0), came[id_])
            self._seen[id_] = replace(seen, completed=seen.completed + returned, failed=seen.failed + (not returned))

    def _note(self, volunteer: Volunteer, request: SyncRequest, at: datetime, due_at: datetime) -> None:
        """Note that a sync came `at` then, and when the next one is due, unless a later one has been noted."""
        seen = self._seen.get(volunteer.id)
        if seen is None or seen.at <= at:
            counts = (seen.completed, seen.failed) if seen else (0, 0)
            self._seen[volunteer.id] = Seen(request.slots, at, *counts, due_at)

    def _due(self, tasks: Sequence[str]) -> datetime:
        """Return when the next sync is due of an agent that is answered now and holds leases of these tasks."""
        now = self._clock()
        return due_busy(now, min(map(self._definitions.heartbeat, tasks))) if tasks else due_idle(now, 0.0)

    async def _beat(self, volunteer: Volunteer, request: SyncRequest, now: datetime) -> Sequence[str]:
        """Extend the leases named; return the ids of those that are no longer the volunteer's.

        Skipped when it was done a moment ago and no attempt tells anything: a lease lasts several times longer.
        """
        if not request.held:
            return ()
        tasks = {item.subtask_id.rpartition("/")[0] for item in request.held}
        await self._definitions.load(tasks)
        heartbeat = min(self._definitions.heartbeat(id_) for id_ in tasks)
        last = self._extended.get(volunteer.id)
        recent = last is not None and now - last < timedelta(seconds=heartbeat / 6)
        if recent and not any(item.tells for item in request.held):
            return ()
        lost = await self._subtasks.extend(volunteer.id, request.held, until=now + timedelta(seconds=heartbeat))
        self._extended[volunteer.id] = now
        return sorted(lost)

    async def keep_books(self) -> None:
        """Once in a while: write down who was heard of, forget who was not, look again for work."""
        seen, self._seen = self._seen, {}
        quiet = [id_ for id_ in self._slots if id_ not in seen and id_ not in self._parked]
        for id_ in quiet:
            self._slots.pop(id_, None)
            self._extended.pop(id_, None)
        try:
            await self._volunteers.seen(seen)  # those who wait will be heard of again before they count as OFFLINE
        except BaseException:  # cut short too: what was not written for certain is written the next time
            self._seen = together(seen, self._seen)
            raise
        if self._parked:
            self.work_opened()

    @property
    def parked(self) -> int:
        """How many agents wait for work."""
        return len(self._parked)


def fitting(syncs: Sequence[Sequence[Report]]) -> int:
    """Return how many of the syncs, from the first on, one transaction writes; at least one, if there is any."""
    size = 0
    for count, reports in enumerate(syncs):
        size += sum(len(report.result or "") + len(report.stdout) + len(report.stderr) for report in reports)
        if count and size > MOST_TEXT_AT_ONCE:
            return count
    return len(syncs)


def _wish(volunteer: Volunteer, request: SyncRequest) -> Wish | None:
    if request.wish <= 0:
        return None
    machine = volunteer.machine
    return Wish(volunteer.id, request.wish, float(machine.cpu), machine.memory, machine.storage)
