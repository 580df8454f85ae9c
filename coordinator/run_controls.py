"""Control runs: pause, resume, retry, reset, deadlines; and tell Prefect, again until it has heard.

A change is written first, in one transaction. What follows, telling Prefect and setting tasks back, is done at once
if all goes well and otherwise by `catch_up`, whoever runs that next.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from coordinator.active_runs import ActiveRuns
from coordinator.background import Loop
from coordinator.decisions.controls import LATER, telling
from coordinator.decisions.failures import group_id
from coordinator.decisions.reopening import RestartStep, group_steps, reset_steps, retry_steps, unfinished_steps
from coordinator.dispatching.dispatcher import Dispatcher
from coordinator.leadership import Leadership
from coordinator.prefect.client import Prefect, PrefectUnavailableError
from coordinator.prefect.engineers_flows import startable
from coordinator.prefect.mirror import OURS, Mirror
from storage.errors import (
    FailuresToleratedError,
    NjangiError,
    NoSpecError,
    NotFoundError,
    NothingToRetryError,
    RunUnderWayError,
    StorageUnavailableError,
)
from storage.ledger import Transaction
from storage.runs.models import ENDED, Run, RunStatus, Tell
from storage.runs.tasks import Task
from storage.stores import Stores

log = logging.getLogger(__name__)

CATCH_UP_SECONDS = 2.0
STOP_SECONDS = 0.5
DEADLINE_SECONDS = 1.0
_MESSAGES = {
    Tell.PAUSE: "paused",
    Tell.RESUME: "resumed",
    Tell.REOPEN: "begun again",
    Tell.CANCEL: "cancelled",
    Tell.COMPLETE: "completed before it was started again",
}


class Controls:
    """Makes changes on behalf of `by`, a user's name."""

    def __init__(
        self,
        stores: Stores,
        prefect: Prefect,
        mirror: Mirror,
        dispatcher: Dispatcher,
        leadership: Leadership,
        active: ActiveRuns,
        scheduled: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        """`scheduled` is called when Prefect has a flow run for the workers. The leader goes on with large stops."""
        self._stores = stores
        self._prefect = prefect
        self._mirror = mirror
        self._dispatcher = dispatcher
        self._leadership = leadership
        self._active = active
        self._scheduled = scheduled
        self._clock = clock

    def loops(self) -> Iterable[Loop]:
        during_runs = self._active.only_then
        yield Loop("telling Prefect of changes", during_runs(self.catch_up), CATCH_UP_SECONDS)
        yield Loop("stopping subtasks in pieces", during_runs(self.stop_on), STOP_SECONDS)
        yield Loop("looking for missed deadlines", during_runs(self.miss_deadlines), DEADLINE_SECONDS)

    async def pause(self, run_id: str, *, call_back: bool, by: str) -> Run:
        """Stop lending the run's subtasks. Repeating is harmless."""
        now = self._clock()
        controls = self._stores.controls

        async def pause(tx: Transaction) -> None:
            await controls.check_open(tx, run_id)
            await controls.pause(tx, run_id, call_back=call_back, by=by, now=now)

        await self._write(pause)
        if call_back:
            self._dispatcher.run_cancelled(run_id)
        return await self._told(run_id)

    async def resume(self, run_id: str, *, by: str) -> Run:
        """Lend the run's subtasks again. Repeating is harmless."""
        now = self._clock()
        await self._write(lambda tx: self._stores.controls.resume(tx, run_id, by=by, now=now))
        self._dispatcher.work_opened()
        return await self._told(run_id)

    async def pause_task(self, run_id: str, task: str, *, call_back: bool, by: str) -> Run:
        """Stop lending one task's subtasks. Repeating is harmless."""
        now = self._clock()
        controls = self._stores.controls
        await self._write(lambda tx: controls.pause_task(tx, run_id, task, call_back=call_back, by=by, now=now))
        if call_back:
            self._dispatcher.run_cancelled(run_id)
        return await self._stores.runs.get(run_id)

    async def resume_task(self, run_id: str, task: str, *, by: str) -> Run:
        """Lend one task's subtasks again. Repeating is harmless."""
        now = self._clock()
        await self._write(lambda tx: self._stores.controls.resume_task(tx, run_id, task, by=by, now=now))
        self._dispatcher.work_opened()
        return await self._stores.runs.get(run_id)

    async def retry_failed(self, run_id: str, tasks: Sequence[str], error_group: str | None, *, by: str) -> Run:
        """Try again what failed in a run that has ended; keep what was accepted.

        In `tasks` alone if it names any; with an `error_group`, of what failed, only that.
        """
        run = await self._stores.runs.get(run_id)
        if not run.spec:
            return await self._retry_own_flow(run, tasks, error_group, by)
        statuses = {task.name: task.status for task in await self._ended(run_id)}
        if unknown := set(tasks) - set(statuses):
            raise NotFoundError("task", f"{run_id}/{min(unknown)}")
        if error_group is None:
            steps = retry_steps(statuses, tasks)
        else:
            steps = group_steps(statuses, await self._tasks_of(run_id, error_group), tasks)
        if not steps:
            raise await self._nothing_to_retry(run_id, tasks)
        return await self._reopen(run_id, steps, by, error_group)

    async def _nothing_to_retry(self, run_id: str, tasks: Sequence[str]) -> NjangiError:
        timings = await self._stores.timings.of_run(run_id)
        failed = sum(timing.failed for name, timing in timings.items() if not tasks or name in tasks)
        return FailuresToleratedError(run_id, failed) if failed else NothingToRetryError(run_id, tasks)

    async def _tasks_of(self, run_id: str, error_group: str) -> set[str]:
        causes = await self._stores.failures.causes(run_id)
        found = {cause.task for cause in causes if group_id(cause.type, cause.message) == error_group}
        if not found:
            raise NotFoundError("error group", f"{run_id}/{error_group}")
        return found

    async def _retry_own_flow(self, run: Run, tasks: Sequence[str], error_group: str | None, by: str) -> Run:
        """Have Prefect start an engineer's flow run again, which finds what was finished and tries again the rest."""
        if run.status not in ENDED:
            raise RunUnderWayError(run.id)
        if tasks or error_group is not None:
            named = "tasks" if tasks else "error_group"
            raise NoSpecError(run.id, f"all that failed is tried again, or nothing; leave out '{named}'")
        if run.status is RunStatus.COMPLETED:
            raise await self._nothing_to_retry(run.id, tasks)
        await startable(self._prefect, run)
        known = await self._stores.tasks.of_run(run.id)
        return await self._reopen(run.id, unfinished_steps({task.name: task.status for task in known}), by)

    async def reset(self, run_id: str, task: str, *, by: str) -> Run:
        """Do a task of a run that has ended, and all downstream of it, again from nothing."""
        known = await self._ended(run_id)
        if task not in {item.name for item in known}:
            raise NotFoundError("task", f"{run_id}/{task}")
        dependencies = {item.name: item.dependencies for item in known}
        return await self._reopen(run_id, reset_steps(task, dependencies, {t.name: t.status for t in known}), by)

    async def _ended(self, run_id: str) -> list[Task]:
        """Return the tasks of a run that may be begun again, without its clean-up. Raises RunUnderWayError."""
        run = await self._stores.runs.get(run_id)
        if run.status not in ENDED:
            raise RunUnderWayError(run_id)
        if not run.spec:
            raise NoSpecError(run_id, "what follows what, only the flow knows; :retry-failed or :rerun begin it again")
        clean_up = run.clean_up.task if run.clean_up else None
        return [task for task in await self._stores.tasks.of_run(run_id) if task.name != clean_up]

    async def _reopen(self, run_id: str, steps: dict[str, RestartStep], by: str, error_group: str | None = None) -> Run:
        now = self._clock()
        reopen = self._stores.reopening.reopen
        await self._write(lambda tx: reopen(tx, run_id, steps, error_group=error_group, by=by, now=now))
        return await self._told(run_id)

    async def _write(self, work: Callable[[Transaction], Awaitable[None]]) -> None:
        await self._stores.ledger.write(work)

    # What follows a change

    async def catch_up(self) -> None:
        """Finish what changes have left to do. Raises PrefectUnavailableError while Prefect is away."""
        for run in await self._stores.controls.untold(now=self._clock()):
            await self._follow_up(run)

    async def stop_on(self) -> None:
        """Go on with cancelling and calling back, piece by piece, where a run has more than one transaction takes."""
        for run_id in await self._stores.controls.stopping():
            more = True
            while more and await self._leadership.held(now=self._clock()):
                more = await self._stores.controls.stop_on(run_id, now=self._clock())
            self._dispatcher.run_cancelled(run_id)

    async def miss_deadlines(self) -> None:
        """End the runs whose deadline has passed."""
        now = self._clock()
        for run_id in await self._stores.controls.overdue(now=now):
            log.warning("run %s has missed its deadline", run_id)
            await self._stores.controls.miss_deadline(run_id, now=now)
            self._dispatcher.run_cancelled(run_id)

    async def _told(self, run_id: str) -> Run:
        """Follow up a change at once if that can be done now, and return the run."""
        run = await self._stores.runs.get(run_id)
        try:
            await self._follow_up(run)
        except (PrefectUnavailableError, StorageUnavailableError) as error:
            log.warning("run %s waits for Prefect to hear of a change: %s", run_id, error)
        return await self._stores.runs.get(run_id)

    async def _follow_up(self, run: Run) -> None:
        if run.reopening:
            await self._stores.reopening.set_back(run.id, retry_steps, group_id, now=self._clock())
            self._dispatcher.work_opened()
            if (await self._stores.runs.get(run.id)).reopening:
                return
        if run.prefect_flow_run_id is None:
            return
        states = await self._prefect.flow_run_states([run.prefect_flow_run_id])
        if not states:
            return
        state = states[0]
        await self._mirror.take(state)  # what it asks for comes first
        run = await self._stores.runs.get(run.id)
        now = self._clock()
        held = run.held(now)
        tell = run.to_tell or (Tell.PAUSE if run.paused and run.told_held and not held else None)
        if tell is None:
            return
        move = telling(tell, state.type, held)
        if move is LATER:
            return
        if move is not None:
            message = OURS + (_MESSAGES.get(tell) or run.error or "failed")
            set_ = await self._prefect.set_state(
                state.flow_run_id,
                move.type,
                message,
                name=move.name,
                force=move.force,
                reschedule=move.type == "PAUSED" and not held,
            )
            if set_ is None:
                return  # it has moved on meanwhile: look again
            state = set_
            if state.type == "SCHEDULED":
                self._scheduled()
        await self._stores.controls.told(run, state, held=held, now=now)
