"""Give the scheduler what it starts: runs, written here and handed to Prefect apart from its turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from njangi_flows.workflow.spec import InvalidSpecError

from api.runs.submission import write_run
from api.services import Services, utc_now
from coordinator.scheduler import Scheduler, StartRefusedError
from storage.errors import NotFoundError, QuotaExceededError, StorageUnavailableError, WorkflowArchivedError
from storage.runs.models import OfSchedule, Run
from storage.workflows.schedules import Schedule, ScheduleAction


class ScheduledRuns:
    """Starts and cancels runs for the scheduler, which must not wait for Prefect: other schedules would be late."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._written: asyncio.Queue[Run] = asyncio.Queue()

    async def start(self, schedule: Schedule, action: ScheduleAction) -> None:
        """Write the run of an action.

        Raises IdTakenError if it is there, StartRefusedError if the workflow does not allow it.
        """
        try:
            workflow = await self._services.stores.workflows.get(schedule.rule.workflow_id)
            run = await write_run(
                self._services,
                workflow,
                schedule.rule.parameters,
                owner=schedule.owner,
                id_=action.run_id,
                schedule=OfSchedule(schedule.id, action.at, action.beside),
            )
        except (NotFoundError, QuotaExceededError, WorkflowArchivedError) as error:
            raise StartRefusedError(str(error)) from error
        except InvalidSpecError as error:
            raise StartRefusedError("; ".join(str(problem) for problem in error.problems)) from error
        self._written.put_nowait(run)

    async def cancel(self, run_id: str, schedule: Schedule) -> None:
        """Have a run end, unless it has or somebody has asked for it."""
        by = f"schedule {schedule.id}"
        await self._services.stores.ledger.write(lambda tx: self._services.cancel_if_open(tx, run_id, by))
        self._services.dispatcher.run_cancelled(run_id)

    async def hand_over(self) -> None:
        """Hand written runs to Prefect, until cancelled. What is lost here the reconciler hands over."""
        while True:
            run = await self._written.get()
            try:
                await self._services.start_run(run)
            except StorageUnavailableError:
                continue


@asynccontextmanager
async def open_scheduler(services: Services) -> AsyncIterator[Scheduler]:
    """Let schedules start runs for the length of the block."""
    runs = ScheduledRuns(services)
    scheduler = Scheduler(services.stores.schedules, services.stores.runs, runs, utc_now)
    services.when_a_run_ends.append(scheduler.run_ended)
    tasks = [asyncio.create_task(scheduler.run()), asyncio.create_task(runs.hand_over())]
    try:
        yield scheduler
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
