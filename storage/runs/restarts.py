"""Restart ended runs: reopen the run, then set its tasks back one after the other, in several transactions.

A run may have a hundred thousand subtasks, and a transaction holds up the other writers of its process. So each piece
is a transaction of bounded size that notes how far it came; whoever finds the run with something left goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from storage.database import Database, Document
from storage.errors import NotFoundError, RunUnderWayError
from storage.ledger import Ledger, Transaction
from storage.runs.children import ChildStore
from storage.runs.models import ENDED, RunStatus, Tell
from storage.runs.signals import SignalStore
from storage.runs.store import RunStore
from storage.runs.tasks import TaskStatus
from storage.subtasks.batch_lending import LendingStore
from storage.subtasks.queue import lends
from storage.subtasks.stopping import StoppingStore

Again = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Says of tasks by their statuses how each is set back to try again what failed (see `coordinator.decisions`)."""

GroupOf = Callable[[str, str], str]
"""Says which error group a failure belongs to, by the type and the message of its error."""


class ReopeningStore:
    """The `reopening` of the documents in `runs`: tasks that are to be set back before a flow may hold the run."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        runs: RunStore,
        stopping: StoppingStore,
        children: ChildStore,
        signals: SignalStore,
    ) -> None:
        self._runs = database["runs"]
        self._tasks = database["tasks"]
        self._ledger = ledger
        self._run_store = runs
        self._stopping = stopping
        self._children = children
        self._signals = signals
        self._lending = LendingStore(database)

    async def reopen(
        self,
        tx: Transaction,
        run_id: str,
        steps: Mapping[str, str],
        *,
        error_group: str | None = None,
        by: str,
        now: datetime,
    ) -> None:
        """Begin a new attempt of a run that has ended: its tasks are set back one by one after this.

        `steps` says for each task how: "retry" keeps what was accepted, "reset" nothing. With an `error_group`, a retry
        keeps also what failed for another cause. A clean-up is reset, since another cancellation runs it again.
        Raises RunUnderWayError.
        """
        run = await self._runs.find_one({"_id": run_id}, session=tx.session)
        if run is None:
            raise NotFoundError("run", run_id)
        if run["status"] not in ENDED:
            raise RunUnderWayError(run_id)
        seconds = run.get("deadline_seconds")
        if run.get("clean_up"):
            steps = {**steps, run["clean_up"]["task"]: "reset"}
        change: Document = {
            "status": RunStatus.SUBMITTED,
            "error": None,
            "parts": 0,
            "failed_parts": 0,
            "ended_at": None,
            "cancel_requested": False,
            "hold": None,
            "paused": False,
            "paused_tasks": [],
            "to_tell": Tell.REOPEN,
            "prepares": run["spec"] == "{}",
            "told_held": None,
            "recoveries": 0,
            "recovered": None,
            "deadline": now + timedelta(seconds=seconds) if seconds else None,
            "reopening": [{"task": task, "how": how, "error_group": error_group} for task, how in steps.items()],
            "generation": run.get("generation", 0) + ("reset" in steps.values()),
        }
        if run.get("clean_up"):
            change["clean_up"] = {"task": run["clean_up"]["task"], "done": False, "skipped": False}
        await self._runs.update_one(
            {"_id": run_id}, {"$set": {**change, "updated_at": now}, "$inc": {"change": 1}}, session=tx.session
        )
        await self._run_store.show(tx, {**run, **change}, now=now)
        narrowed = {"error_group": error_group} if error_group is not None else {}
        tx.emit("run.reopened", now, run_id=run_id, by=by, tasks=sorted(steps), **narrowed)

    async def set_back(self, run_id: str, again: Again, group_of: GroupOf, *, now: datetime) -> None:
        """Set the tasks of a reopened run back, in transactions of bounded size; what was cut off goes on where it was.

        The children of tasks that are tried again are begun again too, as `again` says; those of tasks that are reset
        are let go. Returns early while a child that is to begin again has still to end: call it again later.
        """

        async def next_piece(tx: Transaction) -> bool:
            run = await self._runs.find_one({"_id": run_id}, session=tx.session)
            if run is None or not run.get("reopening"):
                return False
            step = run["reopening"][0]
            if step["how"] == "reset":
                return await self._reset_piece(tx, run, step["task"], now)
            return await self._retry_piece(tx, run, step, again, group_of, now)

        while await self._ledger.write(next_piece):
            pass

    async def _reset_piece(self, tx: Transaction, run: Document, task: str, now: datetime) -> bool:
        if not await self._lending.forget(tx, run["_id"], task, now=now):
            await self._let_child_go(tx, run["_id"], task, now)
            await self._signals.spend(tx, run["_id"], task)
            await self._end_step(tx, run["_id"], task, "task.reset", ("definition", "plan"), now)
        return True

    async def _retry_piece(
        self, tx: Transaction, run: Document, step: Document, again: Again, group_of: GroupOf, now: datetime
    ) -> bool:
        """Return whether there may be more to do now."""
        run_id, task, wanted = run["_id"], step["task"], step.get("error_group")
        engineers = run["spec"] == "{}"
        through = await self._lending.retry(
            tx,
            run_id,
            task,
            after=step.get("after", -1),
            only=None if wanted is None else lambda type_, message: group_of(type_, message) == wanted,
            lending=lends(run, task) and not engineers,
            unasked=engineers,
            now=now,
        )
        if through is not None:
            await self._runs.update_one({"_id": run_id}, {"$set": {"reopening.0.after": through}}, session=tx.session)
            return True
        if not await self._begin_child_again(tx, run_id, task, again, now):
            return False
        await self._end_step(tx, run_id, task, "task.retried", (), now)
        return True

    async def _end_step(
        self, tx: Transaction, run_id: str, task: str, event: str, forgotten: tuple[str, ...], now: datetime
    ) -> None:
        await self._tasks.update_one(
            {"_id": f"{run_id}/{task}", "is_subtask": False},
            {
                "$set": {"status": TaskStatus.PENDING, "progress": 0.0, "updated_at": now},
                "$unset": dict.fromkeys(("results", "blob", "raw", "error", *forgotten), ""),
            },
            session=tx.session,
        )
        await self._runs.update_one({"_id": run_id}, {"$pull": {"reopening": {"task": task}}}, session=tx.session)
        tx.emit(event, now, run_id=run_id, task=task)

    async def _let_child_go(self, tx: Transaction, run_id: str, task: str, now: datetime) -> None:
        """Let a task have another child. One that goes on although it was to end with its parent still ends."""
        child = await self._children.under(tx, run_id, task)
        if child is None:
            return
        ends_along = child.parent is not None and child.parent.on_parent_cancel == "cancel"
        if ends_along and await self._run_store.is_open(tx, child.id):
            await self._run_store.request_cancel(tx, child.id, by="its parent run", now=now)
            await self._stopping.cancel(tx, child.id, now=now)
        await self._children.detach(tx, child.id, run_id, task, now=now)

    async def _begin_child_again(self, tx: Transaction, run_id: str, task: str, again: Again, now: datetime) -> bool:
        """Reopen the child of a task unless it completed or goes on; False while it is about to end."""
        child = await self._children.under(tx, run_id, task)
        if child is None or child.status is RunStatus.COMPLETED:
            return True
        if child.status not in ENDED:
            return not child.cancel_requested
        clean_up = child.clean_up.task if child.clean_up is not None else None
        wanted = {"run_id": child.id, "is_subtask": False, "name": {"$ne": clean_up}}
        tasks = self._tasks.find(wanted, {"name": 1, "status": 1}, session=tx.session)
        steps = again({item["name"]: item["status"] async for item in tasks})
        await self.reopen(tx, child.id, steps, by="its parent run", now=now)
        return True
