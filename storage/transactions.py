"""Run work in a transaction until it is committed, but not beyond the moment when MongoDB has no primary.

pymongo's own `with_transaction` does the same and goes on for two minutes while no primary is there; by then whoever
asked has hung up, and those behind him have waited in vain.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pymongo import WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern

T = TypeVar("T")

LONGEST_SECONDS = 120.0
"""How long a transaction is tried that others get in the way of."""
FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.5
_INTERRUPTED = {11601, 237, 43}  # Interrupted, CursorKilled, CursorNotFound


async def in_transaction(session: AsyncClientSession, work: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
    """Return what `work` returns, committed to a majority; it runs again from its start after a transient error.

    Raises PyMongoError: at once when no primary was found in the client's time for it, after LONGEST_SECONDS of other
    transient errors. What was being committed then may have been: work that is called again has to find that.
    """
    clock = asyncio.get_running_loop().time
    last, tries = clock() + LONGEST_SECONDS, 0
    while True:
        await session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
        try:
            result = await work(session)
            await _commit(session, last)
            return result
        except PyMongoError as error:
            again = _is_worth_another_try(error, "TransientTransactionError") or was_interrupted(error)
            if not again or clock() > last:
                raise
        finally:
            if session.in_transaction:
                await session.abort_transaction()
        tries += 1
        longest = min(FIRST_PAUSE_SECONDS * 1.5 ** min(tries, 20), LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(random.random() * longest)


def was_interrupted(error: PyMongoError) -> bool:
    """Whether the server ended an operation half-way, which says nothing against it.

    So does whoever takes our transaction for abandoned (see `Database.end_abandoned`) while one of its operations goes
    on. What had been done is undone then, but MongoDB gives this error no label.
    """
    return isinstance(error, OperationFailure) and error.code in _INTERRUPTED


async def _commit(session: AsyncClientSession, last: float) -> None:
    while True:
        try:
            await session.commit_transaction()
            return
        except PyMongoError as error:
            late = asyncio.get_running_loop().time() > last
            if late or not _is_worth_another_try(error, "UnknownTransactionCommitResult"):
                raise


def _is_worth_another_try(error: PyMongoError, label: str) -> bool:
    return error.has_error_label(label) and not isinstance(error, ServerSelectionTimeoutError)
