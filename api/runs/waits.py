"""Wait until something ends a wait of a run: a signal, time, the end of a child run, a settled batch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime

from njangi_flows.protocol import EndedWait, Wait, WaitEnding

from api.clock import utc_now
from api.services import Services
from storage.runs.models import RunOrders
from storage.runs.signals import SignalWait
from storage.subtasks.models import Batch


async def ended_waits(
    app: Services, run_id: str, token: str, waits: Sequence[Wait], seconds: float
) -> tuple[RunOrders, list[EndedWait]]:
    """Wait until some of a run's waits have ended or it shall be cancelled, at most `seconds`.

    Return what the flow must know, and the waits that have ended. Repeating the call after a lost reply gives the same
    signals again. Raises RunLeaseLostError as soon as `token` no longer holds the run.
    """
    loop = asyncio.get_running_loop()
    last = loop.time() + seconds
    children = await app.stores.children.of(run_id, [wait.task for wait in waits if wait.child])
    with app.run_changes.waiting_for([run_id, *(child.id for child in children.values())]) as news:
        while True:
            news.clear()
            orders = await app.stores.run_leases.check_hold(run_id, token)
            now = utc_now()
            waits = await _as_kept(app, run_id, waits)
            ended = [] if orders.cancel else await _ended(app, run_id, token, waits, now)
            patience = last - loop.time()
            if orders.cancel or ended or patience <= 0 or app.leaving:
                return orders, ended
            moments = [(wait.until - now).total_seconds() for wait in waits if wait.until is not None]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), min(patience, *moments) if moments else patience)


async def settled_batches(app: Services, batch_ids: Sequence[str], seconds: float) -> list[Batch]:
    """Wait until some of the batches have settled, at most `seconds`, and return those."""
    with app.batches_settled.waiting_for(batch_ids) as settled:
        found = await app.stores.results.settled(batch_ids)
        if not found and not app.leaving:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(settled.wait(), seconds)
            found = await app.stores.results.settled(batch_ids)
    return found


async def _ended(app: Services, run_id: str, token: str, waits: Sequence[Wait], now: datetime) -> list[EndedWait]:
    wanted = [SignalWait(wait.task, wait.signal, wait.until) for wait in waits if wait.signal is not None]
    signals = await app.stores.signals.take(run_id, token, wanted, now=now)
    children = await app.stores.children.of(run_id, [wait.task for wait in waits if wait.child])
    found = [
        EndedWait(task=signal.taken_by or "", ending=WaitEnding.SIGNAL, payload=signal.payload) for signal in signals
    ]
    found += [EndedWait(task=child.task, ending=WaitEnding.CHILD) for child in children.values() if child.ended]
    ended = {wait.task for wait in found}
    passed = [wait for wait in waits if wait.until is not None and wait.until <= now and wait.task not in ended]
    return found + [EndedWait(task=wait.task, ending=WaitEnding.PASSED, until=wait.until) for wait in passed]


async def _as_kept(app: Services, run_id: str, waits: Sequence[Wait]) -> list[Wait]:
    """Return the waits with their ends as they are now: pauses move them, and while one lasts there is none."""
    ends = await app.stores.waits.ends(run_id, [wait.task for wait in waits if not wait.child])
    return [
        wait.model_copy(update={"until": None if end.held else end.until})
        if (end := ends.get(wait.task)) is not None
        else wait
        for wait in waits
    ]
