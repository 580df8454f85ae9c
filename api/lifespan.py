"""Start the parts of the service together, and stop them in order."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from api.access.first_tokens import write_first_tokens
from api.change_listener import ChangeListener
from api.clock import utc_now
from api.http.metrics import Requests
from api.runs.scheduling import ScheduledRuns
from api.services import Services
from api.settings import Settings
from coordinator.background import running
from coordinator.prefect.client import Prefect
from coordinator.scheduler import Scheduler
from storage.errors import StorageUnavailableError
from storage.stores import open_stores


@asynccontextmanager
async def open_services(settings: Settings, requests: Requests) -> AsyncIterator[tuple[Services, Scheduler]]:
    """Connect, prepare and start the loops. Raises StorageUnavailableError when MongoDB does not answer."""
    async with (
        open_stores(settings.mongodb_uri, settings.database) as stores,
        Prefect(settings.prefect_api_url) as prefect,
    ):
        await stores.audit.keep_for(timedelta(days=settings.audit_days))
        await write_first_tokens(settings.home, stores, now=utc_now())
        services = Services(settings, stores, prefect, requests)
        scheduled_runs = ScheduledRuns(services)
        scheduler = Scheduler(stores.schedules, stores.runs, scheduled_runs, utc_now)
        changes = ChangeListener(services, scheduler.run_ended)
        try:
            async with running([*services.components, changes, scheduler, scheduled_runs]):
                yield services, scheduler
        finally:
            await services.event_readers.close()
            with contextlib.suppress(StorageUnavailableError):
                await services.dispatcher.keep_books()
