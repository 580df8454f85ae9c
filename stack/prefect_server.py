"""Serve Prefect on SQLite such that concurrent writers wait for each other: `python -m stack.prefect_server`.

Prefect opens most transactions DEFERRED. Two that read first and write later then collide, which
SQLite answers at once with "busy", whatever the timeout, and the server with 503: of 20 flow runs
created together 19 failed. A transaction that is IMMEDIATE from its start waits for its turn instead.
On PostgreSQL the server is started as it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import uvicorn
from docket import Docket, Worker
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from stack.settings import INSTANCE, INSTANCE_HEADER


class ImmediateSqlite(AioSqliteConfiguration):
    """SQLite whose transactions all take the write lock when they begin."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


class PatientWorker(Worker):
    """Looks for background work once a second instead of four times: idling should cost little."""

    def __init__(self, docket: Docket) -> None:
        second = timedelta(seconds=1)
        super().__init__(docket, minimum_check_interval=second, scheduling_resolution=second)


def main() -> int:
    settings = get_current_settings()
    connection_url = settings.server.database.connection_url
    if connection_url is not None and connection_url.get_secret_value().startswith("sqlite"):
        set_database_config(ImmediateSqlite(connection_url=connection_url.get_secret_value()))

    # The application asks for its database while it is imported.
    from prefect.server.api import background_workers
    from prefect.server.api.server import create_app

    background_workers.Worker = PatientWorker  # type: ignore[assignment, attr-defined]

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(final=True),
            host=settings.server.api.host,
            port=settings.server.api.port,
            timeout_keep_alive=settings.server.api.keepalive_timeout,
            log_level=settings.server.logging_level.lower(),
            access_log=False,
            timeout_graceful_shutdown=3,
            headers=[(INSTANCE_HEADER, os.environ[INSTANCE])] if INSTANCE in os.environ else [],
        )
    )
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
