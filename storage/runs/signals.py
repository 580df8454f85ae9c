"""Signals: named messages to a run, kept until one of its waits takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import ReturnDocument

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import NotFoundError, RunEndedError, RunLeaseLostError, TooLargeError, TooManySignalsError
from storage.ledger import Ledger, Transaction
from storage.runs.models import ENDED

MAX_PAYLOAD_BYTES = 64 * 1024
MAX_SIGNALS = 10_000
"""How many signals a run may be sent in all."""


@dataclass(frozen=True, slots=True)
class Signal:
    """`number` counts a run's signals from 1 in the order in which they came; `payload` is JSON text."""

    run_id: str
    number: int
    name: str
    payload: str
    by: str
    at: datetime
    taken_by: str | None  # the name of the task that waited for it


@dataclass(frozen=True, slots=True)
class SignalWait:
    """A task waits for a signal of this name that came before `until`, if that is given."""

    task: str
    name: str
    until: datetime | None = None


class SignalStore:
    """One document a signal, `{run}/s{number}`. A signal is taken once, and by the same task every time it asks."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._signals = database["signals"]
        self._runs = database["runs"]
        self._ledger = ledger

    async def prepare(self) -> None:
        await self._signals.create_index([("run_id", 1), ("name", 1), ("taken_by", -1), ("number", 1)])
        await self._signals.create_index("request", sparse=True)

    async def send(
        self, run_id: str, name: str, payload: str, *, by: str, now: datetime, request: str | None = None
    ) -> Signal:
        """Keep a signal for the run. Repeating the call sends another one, unless both name the same `request`.

        Raises RunEndedError, NotFoundError, TooManySignalsError, and TooLargeError above MAX_PAYLOAD_BYTES.
        """
        if len(payload.encode()) > MAX_PAYLOAD_BYTES:
            raise TooLargeError("the payload", MAX_PAYLOAD_BYTES)
        open_ = {"_id": run_id, "status": {"$nin": list(ENDED)}, "signals": {"$not": {"$gte": MAX_SIGNALS}}}

        async def keep(tx: Transaction) -> Signal:
            if request is not None:
                sent = await self._signals.find_one({"request": request}, session=tx.session)
                if sent is not None:
                    return _signal(sent)
            run = await self._runs.find_one_and_update(
                open_, {"$inc": {"signals": 1}}, return_document=ReturnDocument.AFTER, session=tx.session
            )
            if run is None:
                raise await self._refusal(tx, run_id)
            signal = Signal(run_id, run["signals"], name, payload, by, now, None)
            named = {"request": request} if request is not None else {}
            await self._signals.insert_one({**_document(signal), **named}, session=tx.session)
            tx.emit("signal.sent", now, run_id=run_id, name=name, number=signal.number, by=by)
            return signal

        return await self._ledger.write(keep)

    async def _refusal(self, tx: Transaction, run_id: str) -> Exception:
        run = await self._runs.find_one({"_id": run_id}, {"status": 1}, session=tx.session)
        if run is None:
            return NotFoundError("run", run_id)
        return RunEndedError(run_id) if run["status"] in ENDED else TooManySignalsError(run_id, MAX_SIGNALS)

    async def take(self, run_id: str, token: str, wanted: Sequence[SignalWait], *, now: datetime) -> list[Signal]:
        """Give each waiting task the oldest signal of its name that no other task took; tasks without one get none.

        A task that took one before gets the same one again. Raises RunLeaseLostError unless `token` holds the run.
        """
        if not wanted or not await self._any(run_id, wanted):
            return []

        async def take_all(tx: Transaction) -> list[Signal]:
            held = {"_id": run_id, "hold.token": token}
            if await self._runs.find_one(held, {"_id": 1}, session=tx.session) is None:
                raise RunLeaseLostError(run_id)
            return [signal for want in wanted if (signal := await self._take(tx, run_id, want, now)) is not None]

        return await self._ledger.write(take_all)

    async def spend(self, tx: Transaction, run_id: str, task: str) -> None:
        """Let a task that is set back get no more of the signals that it took before."""
        theirs = {"run_id": run_id, "taken_by": task}
        await self._signals.update_many(theirs, {"$set": {"spent": True}}, session=tx.session)

    async def _any(self, run_id: str, wanted: Sequence[SignalWait]) -> bool:
        """Whether there may be something to take: a look that costs no transaction."""
        theirs = [None, *(want.task for want in wanted)]
        query = {"run_id": run_id, "name": {"$in": [want.name for want in wanted]}, "taken_by": {"$in": theirs}}
        with unavailable_is_ours():
            return await self._signals.find_one(query, {"_id": 1}) is not None

    async def _take(self, tx: Transaction, run_id: str, want: SignalWait, now: datetime) -> Signal | None:
        mine_or_free: Document = {
            "run_id": run_id,
            "name": want.name,
            "taken_by": {"$in": [want.task, None]},
            "spent": {"$ne": True},
        }
        if want.until is not None:
            mine_or_free["at"] = {"$lte": want.until}
        before = await self._signals.find_one_and_update(
            mine_or_free,
            {"$set": {"taken_by": want.task}},
            sort=[("taken_by", -1), ("number", 1)],  # null sorts below every name, so the task's own comes first
            session=tx.session,
        )
        if before is None:
            return None
        if before["taken_by"] is None:
            tx.emit("signal.taken", now, run_id=run_id, name=want.name, number=before["number"], task=want.task)
        return _signal({**before, "taken_by": want.task})


def _document(signal: Signal) -> Document:
    return {
        "_id": f"{signal.run_id}/s{signal.number}",
        "run_id": signal.run_id,
        "number": signal.number,
        "name": signal.name,
        "payload": signal.payload,
        "by": signal.by,
        "at": signal.at,
        "taken_by": signal.taken_by,
    }


def _signal(document: Document) -> Signal:
    return Signal(
        run_id=document["run_id"],
        number=document["number"],
        name=document["name"],
        payload=document["payload"],
        by=document["by"],
        at=document["at"],
        taken_by=document["taken_by"],
    )
