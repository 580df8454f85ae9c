"""Open MongoDB once, for the life of the application.

Everything acknowledged is on a majority of the replica set and in its journal: with w:1 a kill -9
loses acknowledged writes (docs/decisions/0002-majority-writes.md).
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, ConnectionFailure, ExecutionTimeout, PyMongoError, WriteConcernError
from pymongo.read_concern import ReadConcern

from storage.errors import StorageUnavailableError
from storage.transactions import in_transaction, was_interrupted

Document = dict[str, Any]
Collection = AsyncCollection[Document]
Session = AsyncClientSession
T = TypeVar("T")

APPLICATION = "njangi"
SERVER_SELECTION_SECONDS = 5.0
_NOT_THE_CALLERS_FAULT = ("TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult")
"""Labels of errors that say nothing against what was asked; it may or may not have been done."""


def new_id(prefix: str) -> str:
    """Return a short id that sorts by the time of its making, e.g. `r0195f3a1c2e-9f04b1c2`."""
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    return f"{prefix}{milliseconds:011x}-{secrets.token_hex(4)}"


class Database:
    """The collections of one database, and transactions over them."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        self._client = client
        self.mongo: AsyncDatabase[Document] = client.get_database(
            name,
            codec_options=CodecOptions(tz_aware=True, tzinfo=UTC),
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
        )

    def __getitem__(self, name: str) -> Collection:
        return self.mongo[name]

    async def transaction(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run `work` in one transaction, again from its start when another writer got in between.

        Raises StorageUnavailableError; what was being committed then may have been.
        """
        with unavailable_is_ours():
            async with self._client.start_session() as session:
                return await in_transaction(session, work)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """Reads under this session all see one moment, however long they take (at most five minutes)."""
        async with self._client.start_session(snapshot=True) as session:
            yield session

    async def end_abandoned(self, *, idle: timedelta) -> int:
        """Abort transactions of ours that nobody went on with for `idle`; return how many.

        A process killed within a transaction leaves it open, and MongoDB keeps what it wrote from all others for a
        minute. One that is ended although its writer lives, only slowly, is run again by `transaction`.
        """
        mine = {
            "type": "idleSession",
            "appName": APPLICATION,
            "transaction.timeInactiveMicros": {"$gte": int(idle.total_seconds() * 1_000_000)},
        }
        look: list[Document] = [
            {"$currentOp": {"idleSessions": True, "allUsers": False}},
            {"$match": mine},
            {"$project": {"lsid": 1}},
        ]
        with unavailable_is_ours():
            found = await (await self._client.admin.aggregate(look)).to_list()
            if found:
                await self._client.admin.command({"killSessions": [{"id": item["lsid"]["id"]} for item in found]})
        return len(found)

    async def ping(self) -> None:
        """Raise StorageUnavailableError unless a primary answers."""
        with unavailable_is_ours():
            await self.mongo.command("ping")


@asynccontextmanager
async def open_database(uri: str, name: str = "njangi") -> AsyncIterator[Database]:
    """Connect to `uri` for the length of the block; times out after SERVER_SELECTION_SECONDS a call."""
    client: AsyncMongoClient[Mapping[str, Any]] = AsyncMongoClient(
        uri,
        appname=APPLICATION,
        serverSelectionTimeoutMS=int(SERVER_SELECTION_SECONDS * 1000),
        retryWrites=True,
    )
    try:
        yield Database(client, name)  # type: ignore[arg-type]
    finally:
        await client.close()


@contextmanager
def unavailable_is_ours() -> Iterator[None]:
    """Turn pymongo's ways of saying "no server now" and "not on a majority" into StorageUnavailableError."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WriteConcernError) as error:
        raise StorageUnavailableError(str(error)[:300]) from error
    except BulkWriteError as error:
        if error.details.get("writeConcernErrors"):  # done on one member, and perhaps not kept
            raise StorageUnavailableError(str(error.details["writeConcernErrors"])[:300]) from error
        raise
    except PyMongoError as error:
        if any(map(error.has_error_label, _NOT_THE_CALLERS_FAULT)) or was_interrupted(error):
            raise StorageUnavailableError(str(error)[:300]) from error
        raise
