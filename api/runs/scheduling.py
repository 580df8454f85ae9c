"""Write the runs that the scheduler starts, and hand them to Prefect without delaying other schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from njangi_flows.workflow.spec import InvalidSpecError

from api.runs.submission import write_run
from api.services import Services
from coordinator.background import Loop
from coordinator.scheduler import StartRefusedError
from storage.errors import NotFoundError, QuotaExceededError, WorkflowArchivedError
from storage.runs.models import OfSchedule, Run
from storage.workflows.schedules import Schedule, ScheduleAction


class ScheduledRuns:
    """Starts and cancels runs for the scheduler, which must not wait for Prefect: other schedules would be late."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._written: asyncio.Queue[Run] = asyncio.Queue()

    def loops(self) -> Iterable[Loop]:
        yield Loop("handing scheduled runs to Prefect", self.hand_over, 0.0)

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
        await self._services.cancellation.cancel_if_open(run_id, by)

    async def hand_over(self) -> None:
        """Hand written runs to Prefect, until cancelled. What is lost here the reconciler hands over."""
        while True:
            run = await self._written.get()
            await self._services.reconciler.start(run)
