"""The main loop of the agent: sync with the service, keep the slots busy, stop cleanly."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Protocol, Sequence, Set, Union

from njangi_agent.decisions import Decision, Snapshot, SyncKind, backoff, next_turn
from njangi_agent.errors import (
    AccessRefusedError,
    AgentError,
    AttemptFailedError,
    RequestRejectedError,
    ServiceUnavailableError,
)
from njangi_agent.executors.details import Tell
from njangi_agent.executors.reports import failed, handed_back
from njangi_agent.logs import fields, logger
from njangi_agent.protocol import (
    MAX_REPORTS_PER_SYNC,
    REPORT_NOT_TAKEN,
    Held,
    Lease,
    Outcome,
    Report,
    SyncAnswer,
    SyncRequest,
    TaskDefinition,
    not_taken,
)
from njangi_agent.service.client import chance
from njangi_agent.service.spool import Spool
from njangi_agent.work_state import WorkState

log = logger(__name__)

LEAVE_SECONDS = 5.0
NOTES_SECONDS = 2.0
"""The least time between two heartbeats that are sent for what attempts tell."""
_LINGER = 0.2  # how long a report waits for the rest of its bundle
_KEEP_WARM = 60.0
_ABOUT_CONTENT = (400, 413, 422)
_TOO_SOON = 0.5  # between polls that the service answers at once with nothing


class Syncs(Protocol):
    async def sync(self, request: SyncRequest) -> SyncAnswer:
        """Raises ServiceUnavailableError, AccessRefusedError or RequestRejectedError."""


class Works(Protocol):
    async def run(self, task: TaskDefinition, leases: Sequence[Lease], tell: Tell) -> None: ...

    async def close(self) -> None: ...


@dataclass
class _Piece:
    """What one slot is running."""

    leases: Sequence[Lease]
    running: asyncio.Future[None]
    told: Set[str] = field(default_factory=set)

    def left(self) -> List[Lease]:
        return [lease for lease in self.leases if lease.token not in self.told]


class Agent:
    """Create it inside the running event loop."""

    def __init__(self, service: Syncs, slots: Sequence[Works], spool: Spool) -> None:
        self._service = service
        self._slots = slots
        self._spool = spool
        self._desk = WorkState()
        self._clock = asyncio.get_running_loop().time
        self._wake = asyncio.Event()
        self._work_is_there = asyncio.Event()
        self._stopping = False
        self._fatal: Optional[AgentError] = None
        self._pieces: Dict[int, _Piece] = {}
        self._under_way: Dict[SyncKind, asyncio.Task[None]] = {}
        self._spooled: Set[str] = set()
        self._news = False
        self._linger: Optional[asyncio.TimerHandle] = None
        self._last_sync = self._clock()
        self._notes_after = 0.0
        self._syncs = 0
        self._failures = 0
        self._quiet_until = 0.0
        self._poll_after = 0.0
        self._most_reports = MAX_REPORTS_PER_SYNC

    def stop(self) -> None:
        """Let `run` hand everything back and return."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until stopped. Raises AccessRefusedError when the service no longer knows this machine."""
        earlier = self._spool.load()
        self._spooled.update(report.token for report in earlier)
        self._desk.remember(earlier)
        self._news = self._desk.has_reports
        workers = [asyncio.ensure_future(self._work(number, slot)) for number, slot in enumerate(self._slots)]
        try:
            while not self._stopping:
                decision = next_turn(self._snapshot())
                if decision.turn is SyncKind.NONE:
                    await self._pause(decision.look_again)
                else:
                    self._begin(decision)
        finally:
            await _cancelled(workers)
            await _cancelled(list(self._under_way.values()))
        if self._fatal is not None:
            raise self._fatal
        await self._leave()

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            now=self._clock(),
            slots=len(self._slots),
            idle=len(self._slots) - len(self._pieces),
            queued=self._desk.queued,
            held=self._desk.held,
            attempt_seconds=self._desk.attempt_seconds,
            news=self._news,
            news_under_way=SyncKind.NEWS in self._under_way,
            poll_under_way=SyncKind.POLL in self._under_way,
            beat_due=min(
                self._last_sync + self._desk.beat_seconds(),
                self._notes_after if self._desk.has_notes else float("inf"),
            ),
            quiet_until=self._quiet_until,
            poll_after=self._poll_after,
        )

    async def _pause(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        alarm = loop.call_at(until, self._wake.set) if until != float("inf") else None
        await self._wake.wait()
        self._wake.clear()
        if alarm is not None:
            alarm.cancel()

    # Speaking with the service

    def _begin(self, decision: Decision) -> None:
        reports: List[Report] = []
        if decision.turn is SyncKind.NEWS:
            reports = self._desk.outgoing(self._most_reports)
            self._news = False
            self._notes_after = self._clock() + NOTES_SECONDS
        request = SyncRequest(
            slots=len(self._slots),
            wish=decision.wish,
            wait=decision.wait,
            held=self._desk.beats(reports, notes=decision.turn is SyncKind.NEWS),
            reports=reports,
        )
        self._under_way[decision.turn] = asyncio.ensure_future(self._exchange(decision.turn, request))

    async def _exchange(self, turn: SyncKind, request: SyncRequest) -> None:
        self._syncs += 1
        number, began = self._syncs, self._clock()
        try:
            answer = await self._service.sync(request)
        except ServiceUnavailableError as error:
            await self._unavailable(error, request.reports)
        except AccessRefusedError as error:
            self._fatal = error
            self.stop()
        except RequestRejectedError as error:
            self._rejected(error, request)
        else:
            self._failures, self._most_reports = 0, MAX_REPORTS_PER_SYNC
            self._last_sync = max(self._last_sync, began)
            self._settle(answer, request)
            if turn is SyncKind.POLL and not answer.leases:
                superseded = number != self._syncs
                at_once = self._clock() - began < min(_TOO_SOON, request.wait)
                self._poll_after = self._clock() + (0.0 if superseded else max(answer.wait, _TOO_SOON * at_once))
        finally:
            self._under_way.pop(turn, None)
            self._wake.set()

    def _settle(self, answer: SyncAnswer, request: SyncRequest) -> None:
        done = request.reports[: len(answer.verdicts)]
        self._desk.noted(request.held)
        self._desk.acknowledged(done)
        kept = [report for report in done if report.token in self._spooled]
        if kept:
            self._spool.forget(kept)
            self._spooled.difference_update(report.token for report in kept)
        if len(done) == len(request.reports) > 0 and self._desk.has_reports and self._linger is None:
            self._news = True
        if answer.cancelled:
            self._cancel(set(answer.cancelled))
        if answer.leases:
            self._desk.take(answer)
            self._work_is_there.set()

    def _cancel(self, subtask_ids: Set[str]) -> None:
        tokens = self._desk.cancel(subtask_ids)
        for piece in self._pieces.values():
            if any(lease.token in tokens for lease in piece.left()):
                piece.running.cancel()

    async def _unavailable(self, error: ServiceUnavailableError, reports: Sequence[Report]) -> None:
        pause = backoff(self._failures, chance(), error.retry_after)
        self._failures += 1
        self._quiet_until = self._clock() + pause
        self._news = self._desk.has_reports
        log.warning("the service is unavailable", extra=fields(reason=error.reason, seconds=round(pause, 1)))
        if reports:
            self._spooled.update(report.token for report in reports)
            await asyncio.get_running_loop().run_in_executor(None, self._spool.keep, reports)

    def _rejected(self, error: RequestRejectedError, request: SyncRequest) -> None:
        """Find the report that the service does not take by sending fewer at once, and let that attempt fail for it.

        Repeating the work would give the same report. What attempts told is given up at once: they will tell more.
        """
        log.error("the service rejected a sync", extra=fields(status=error.status, detail=error.detail))
        self._failures += 1
        self._quiet_until = self._clock() + backoff(self._failures, chance())
        reports = request.reports
        if error.status in _ABOUT_CONTENT:
            self._desk.noted(request.held)
        if len(reports) == 1 and error.status in _ABOUT_CONTENT:
            self._replace(reports[0], error.detail)
        self._most_reports = max(1, len(reports) // 2)
        self._news = self._desk.has_reports

    def _replace(self, report: Report, reason: str) -> None:
        """Report instead that the attempt failed; give up if the service does not take that either."""
        self._spool.forget([report])
        self._spooled.discard(report.token)
        if report.error is not None and report.error.type == REPORT_NOT_TAKEN:
            self._desk.acknowledged([report])
        else:
            self._desk.replace(not_taken(report, reason))

    async def _leave(self) -> None:
        """Tell the service in one last sync what was done and what goes back; that ends a parked wish, too."""
        reports = self._desk.outgoing(MAX_REPORTS_PER_SYNC)
        back = [handed_back(lease) for lease in self._desk.unreported()][: MAX_REPORTS_PER_SYNC - len(reports)]
        last = [held for held in self._desk.beats([*reports, *back], notes=True) if held.tells]
        request = SyncRequest(slots=len(self._slots), held=last, reports=[*reports, *back])
        try:
            await asyncio.wait_for(self._service.sync(request), LEAVE_SECONDS)
            self._spool.forget(reports)
            log.info("handed back", extra=fields(reports=len(reports), leases=len(back)))
        except (AgentError, asyncio.TimeoutError) as error:
            self._spool.keep(reports)
            log.warning("left without a word", extra=fields(reason=str(error), spooled=len(reports)))

    # Keeping the slots busy

    async def _work(self, number: int, slot: Works) -> None:
        try:
            while True:
                leases = self._desk.next_bundle(len(self._slots))
                if leases:
                    await self._run(number, slot, leases)
                else:
                    await self._wait_for_work(slot)
        finally:
            await slot.close()

    async def _wait_for_work(self, slot: Works) -> None:
        self._work_is_there.clear()
        try:
            await asyncio.wait_for(self._work_is_there.wait(), _KEEP_WARM)
        except asyncio.TimeoutError:
            await slot.close()

    async def _run(self, number: int, slot: Works, leases: Sequence[Lease]) -> None:
        task = self._desk.task(leases[0])
        if task is None:
            error = AttemptFailedError("NoDefinition", "the lease came without its task", outcome=Outcome.REFUSED)
            for lease in leases:
                self._desk.report(failed(lease, error, 0.0))
            self._flush()
            return
        told: Set[str] = set()
        running = asyncio.ensure_future(slot.run(task, leases, lambda said: self._hear(said, told)))
        piece = self._pieces[number] = _Piece(leases, running, told)
        try:
            await asyncio.wait({running})
            self._conclude(piece)
        finally:
            await _cancelled([running])
            del self._pieces[number]
            self._flush()

    def _conclude(self, piece: _Piece) -> None:
        """Account for the leases of a piece that ended without telling of all of them."""
        if piece.running.cancelled():
            self._desk.put_back(piece.left())
            self._work_is_there.set()
            return
        error = piece.running.exception()
        if isinstance(error, AccessRefusedError):
            self._fatal = error
            self.stop()
        elif error is not None:
            log.error("an attempt failed inside the agent", exc_info=error)
            for lease in piece.left():
                reason = AttemptFailedError("AgentError", f"{type(error).__name__}: {error}", outcome=Outcome.REFUSED)
                self._tell(failed(lease, reason, 0.0), piece.told)

    def _hear(self, said: Union[Held, Report], told: Set[str]) -> None:
        if isinstance(said, Report):
            self._tell(said, told)
        else:
            self._desk.note(said)
            self._wake.set()

    def _tell(self, report: Report, told: Set[str]) -> None:
        told.add(report.token)
        if not self._desk.report(report):
            return
        if report.error is not None:
            about = fields(subtask_id=report.subtask_id, type=report.error.type, message=report.error.message[:200])
            log.warning("an attempt failed", extra=about)
        if self._linger is None:
            self._linger = asyncio.get_running_loop().call_later(_LINGER, self._flush)

    def _flush(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        self._news = self._desk.has_reports
        self._wake.set()


async def _cancelled(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel the tasks and wait until they are gone."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
