"""MongoDB as a replica set of several real mongods on this machine, so that one of them may be lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from stack.mongod import FLAGS, REPLICA_SET, find_mongod
from stack.process import ChildProcess
from stack.settings import CHECKOUT, HOST, free_port

CACHE_GB = 0.25  # the least that MongoDB takes
ELECTION_MILLISECONDS = 5000
"""How long a primary may be silent. Half of MongoDB's own, to have more failovers an hour."""
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.1


class ReplicaSet:
    """Members of one set; `async with` starts and stops them. Whoever kills one has it started again."""

    def __init__(self, directory: Path, members: int = 3) -> None:
        self._ports = [free_port() for _ in range(members)]
        self.members = [_member(directory / str(number), port) for number, port in enumerate(self._ports)]

    @property
    def uri(self) -> str:
        hosts = ",".join(f"{HOST}:{port}" for port in self._ports)
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    async def __aenter__(self) -> Self:
        try:
            for member in self.members:
                await member.start()
            await self._initiate()
            await self.primary()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def primary(self, *, other_than: ChildProcess | None = None) -> ChildProcess:
        """Wait until a member, not `other_than`, is primary and return it. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for member, port in zip(self.members, self._ports, strict=True):
                    if member.pid is not None and member is not other_than and await _is_primary(port):
                        return member
                await asyncio.sleep(LOOK_SECONDS)

    async def kill_primary(self) -> ChildProcess:
        """kill -9 the primary and return it, ended."""
        victim = await self.primary()
        if victim.pid is not None:
            os.kill(victim.pid, signal.SIGKILL)
        await victim.wait()
        return victim

    async def step_down(self) -> ChildProcess:
        """Have the primary hand over; return who it was."""
        before = await self.primary()
        async with _client(self._ports[self.members.index(before)]) as client:
            await client.admin.command({"replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 10})
        return before

    async def _initiate(self) -> None:
        members = [{"_id": number, "host": f"{HOST}:{port}"} for number, port in enumerate(self._ports)]
        settings = {"electionTimeoutMillis": ELECTION_MILLISECONDS}
        config = {"_id": REPLICA_SET, "members": members, "settings": settings}
        async with _client(self._ports[0]) as client:
            await client.admin.command({"replSetInitiate": config})

    async def _stop(self) -> None:
        await asyncio.gather(*(member.stop() for member in self.members))


def _member(directory: Path, port: int) -> ChildProcess:
    (directory / "db").mkdir(parents=True)

    def environment() -> Mapping[str, str]:
        return os.environ

    argv = [
        str(find_mongod()),
        *("--dbpath", str(directory / "db")),
        *("--bind_ip", HOST),
        *("--port", str(port)),
        "--nounixsocket",
        *("--wiredTigerCacheSizeGB", str(CACHE_GB)),
        *("--setParameter", "enableTestCommands=1"),  # to have one fail on demand
        *FLAGS,
    ]
    return ChildProcess(
        f"mongod-{port}",
        argv,
        environment,
        directory / "log",
        directory=CHECKOUT,
        ready=lambda instance: _answers(port),
    )


async def _answers(port: int) -> bool:
    return await _hello(port) is not None


async def _is_primary(port: int) -> bool:
    return bool((await _hello(port) or {}).get("isWritablePrimary"))


async def _hello(port: int) -> dict[str, Any] | None:
    try:
        async with _client(port) as client:
            return await client.admin.command({"hello": 1})
    except PyMongoError:
        return None


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    """A client of that member alone, whatever it is."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        HOST, port, directConnection=True, serverSelectionTimeoutMS=2000
    )
    try:
        yield client
    finally:
        await client.close()
