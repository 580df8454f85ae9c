"""Pause, resume and end runs: each is one transaction over the run and its batches.

Our record is written first and says in `to_tell` what Prefect must hear; who tells it says so with `told`. Between
the two anything may die: whoever looks for `untold` runs next finishes it.
"""

from __future__ import annotations

from datetime import datetime

from storage.database import Database, Document, unavailable_is_ours
from storage.errors import NotFoundError, RunCancelledError, RunEndedError
from storage.ledger import Ledger, Transaction
from storage.runs.models import ENDED, OWN_FLOW, FlowRunState, Run, RunStatus, Tell, as_run, told_of
from storage.runs.parts import Parts, PartStore
from storage.runs.store import RunStore
from storage.runs.task_ends import last_status
from storage.runs.tasks import ENDED as TASK_ENDED
from storage.runs.tasks import TaskStore
from storage.runs.waits import WaitStore
from storage.subtasks.batch_lending import LendingStore
from storage.subtasks.stopping import StoppingStore

_GOES_ON: Document = {"status": {"$nin": list(ENDED)}}
DEADLINE_MISSED = "the run did not end before its deadline, {deadline}"
UNKNOWN_TO_PREFECT = (
    "the Prefect server of this service does not know flow run {flow_run}, so nobody can carry the run on; start the"
    " flow anew, with PREFECT_API_URL set to that server"
)
_LATE: Document = {**_GOES_ON, "ending": None, "cancel_requested": False, "reopening": {"$in": [None, []]}}
"""What a deadline ends, with its time. One that is cancelled ends by that; what is set back is finished first."""


class ControlStore:
    """Methods that take `tx` are part of the caller's transaction."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        runs: RunStore,
        tasks: TaskStore,
        stopping: StoppingStore,
        parts: PartStore,
        waits: WaitStore,
    ) -> None:
        self._runs = database["runs"]
        self._tasks = database["tasks"]
        self._ledger = ledger
        self._run_store = runs
        self._task_store = tasks
        self._stopping = stopping
        self._parts = parts
        self._waits = waits
        self._lending = LendingStore(database)

    async def prepare(self) -> None:
        await self._runs.create_index("to_tell", partialFilterExpression={"to_tell": {"$type": "string"}})
        await self._runs.create_index("deadline", partialFilterExpression={"deadline": {"$type": "date"}})
        await self._runs.create_index("paused", partialFilterExpression={"paused": True})
        await self._runs.create_index([("owner", 1), ("status", 1)])

    async def check_open(self, tx: Transaction, run_id: str) -> None:
        """Raise RunEndedError when all tasks of a workflow's run have ended: nothing can be held back or cancelled.

        A run that was cancelled may still clean up. What an engineer's flow has left to do, only the flow knows.
        """
        run = await self._runs.find_one({"_id": run_id}, {"files": 0}, session=tx.session)
        if run is None:
            raise NotFoundError("run", run_id)
        if run["cancel_requested"] or run["spec"] == OWN_FLOW:
            return
        clean_up = (run.get("clean_up") or {}).get("task")
        ended = {"$in": list(TASK_ENDED)}
        tasks = {"run_id": run_id, "is_subtask": False, "name": {"$ne": clean_up}}
        some = await self._tasks.find_one({**tasks, "status": ended}, {"_id": 1}, session=tx.session)
        left = await self._tasks.find_one({**tasks, "status": {"$not": ended}}, {"_id": 1}, session=tx.session)
        if some is not None and left is None and not run.get("reopening"):
            raise RunEndedError(run_id)

    # Pause and resume

    async def pause(self, tx: Transaction, run_id: str, *, call_back: bool = False, by: str, now: datetime) -> None:
        """Lend nothing of the run; repeating is harmless. With `call_back` attempts under way are given up.

        Raises NotFoundError, RunEndedError, RunCancelledError.
        """
        run = await self._going_on(tx, run_id)
        if not run.get("paused"):
            change = {"paused": True, "status": RunStatus.PAUSED, "to_tell": _after(run, Tell.PAUSE), "told_held": None}
            await self._change(tx, run, change, now)
            await self._lending.stop(tx, run_id, now=now)
            await self._waits.hold(tx, run_id, now=now)
            tx.emit("run.paused", now, run_id=run_id, by=by, **told_of(run))
        if call_back:
            await self._stopping.call_back(tx, run_id, now=now)

    async def resume(self, tx: Transaction, run_id: str, *, by: str, now: datetime) -> None:
        """Lend the run's subtasks again, but for its paused tasks; repeating is harmless. Raises as `pause`."""
        run = await self._going_on(tx, run_id)
        if not run.get("paused"):
            return
        status = RunStatus.RUNNING if as_run(run).held(now) else RunStatus.SUBMITTED
        change = {"paused": False, "status": status, "to_tell": _after(run, Tell.RESUME), "told_held": None}
        await self._change(tx, run, change, now)
        await self._lending.start(tx, run_id, but=run.get("paused_tasks", ()), now=now)
        await self._waits.go_on(tx, run_id, but=run.get("paused_tasks", ()), now=now)
        tx.emit("run.resumed", now, run_id=run_id, by=by, status=status)

    async def pause_task(
        self, tx: Transaction, run_id: str, task: str, *, call_back: bool = False, by: str, now: datetime
    ) -> None:
        """Lend nothing of one task of the run; repeating is harmless. Raises as `pause`."""
        run = await self._going_on(tx, run_id, task)
        if task not in run.get("paused_tasks", ()):
            await self._change(tx, run, {"paused_tasks": [*run.get("paused_tasks", ()), task]}, now)
            await self._lending.stop(tx, run_id, task, now=now)
            await self._waits.hold(tx, run_id, task, now=now)
            tx.emit("task.paused", now, run_id=run_id, task=task, by=by)
        if call_back:
            await self._stopping.call_back(tx, run_id, task, now=now)

    async def resume_task(self, tx: Transaction, run_id: str, task: str, *, by: str, now: datetime) -> None:
        """Lend one task again, unless its run is paused; repeating is harmless. Raises as `pause`."""
        run = await self._going_on(tx, run_id, task)
        if task not in run.get("paused_tasks", ()):
            return
        await self._change(tx, run, {"paused_tasks": [name for name in run["paused_tasks"] if name != task]}, now)
        if not run.get("paused"):
            await self._lending.start(tx, run_id, task, now=now)
            await self._waits.go_on(tx, run_id, task, now=now)
        tx.emit("task.resumed", now, run_id=run_id, task=task, by=by)

    async def _going_on(self, tx: Transaction, run_id: str, task: str | None = None) -> Document:
        """Return a run that may be held back. What follows must write to it, or have nothing to do."""
        run = await self._runs.find_one({"_id": run_id}, session=tx.session)
        if run is None:
            raise NotFoundError("run", run_id)
        if run["status"] in ENDED or run.get("ending"):
            raise RunEndedError(run_id)
        if run["cancel_requested"]:
            raise RunCancelledError(run_id)
        if task is not None:
            known = {"_id": f"{run_id}/{task}", "is_subtask": False}
            if await self._tasks.find_one(known, {"_id": 1}, session=tx.session) is None:
                raise NotFoundError("task", f"{run_id}/{task}")
        return run

    async def _change(self, tx: Transaction, run: Document, change: Document, now: datetime) -> None:
        await self._runs.update_one(
            {"_id": run["_id"]}, {"$set": {**change, "updated_at": now}, "$inc": {"change": 1}}, session=tx.session
        )
        if "status" in change:
            await self._run_store.show(tx, {**run, **change}, now=now)

    # What Prefect must hear

    async def untold(self, *, now: datetime, limit: int = 100) -> list[Run]:
        """Return runs that Prefect must be told of, or whose tasks wait to be set back.

        Also those paused runs whose flow is gone since: resuming them is another state of Prefect's.
        """
        gone = [{"hold": None}, {"hold.until": {"$lt": now}}]
        query: Document = {
            "prefect_flow_run_id": {"$exists": True},
            "ending": None,
            "$or": [
                {"to_tell": {"$type": "string"}},
                {"paused": True, "told_held": True, "$or": gone},
            ],
        }
        with unavailable_is_ours():
            return [as_run(run) async for run in self._runs.find(query).limit(limit)]

    async def tell_again(
        self, tx: Transaction, run_id: str, tell: Tell, *, clean_up: bool = False, now: datetime
    ) -> None:
        """Have Prefect told: its state is not what the run's is. With `clean_up` the flow begins again to clean up."""
        change: Document = {"to_tell": tell, "told_held": None, "updated_at": now}
        if clean_up:
            change["clean_up.begun_again"] = True
        await self._runs.update_one({"_id": run_id}, {"$set": change, "$inc": {"change": 1}}, session=tx.session)

    async def insist(self, tx: Transaction, state: FlowRunState, *, now: datetime) -> None:
        """Have Prefect told how a run has ended whose flow was started again after that, and came to `state`.

        Its worker may take a flow that goes on for crashed, and start a second copy, which finds nothing to carry.
        """
        for status, tell in ((RunStatus.COMPLETED, Tell.COMPLETE), (RunStatus.CANCELLED, Tell.CANCEL)):
            ended = {
                "prefect_flow_run_id": state.flow_run_id,
                "status": status,
                "to_tell": None,
                "prefect_state.at": {"$lt": state.at},
            }
            change = {"$set": {"to_tell": tell, "updated_at": now}, "$inc": {"change": 1}}
            await self._runs.update_one(ended, change, session=tx.session)

    async def told(self, run: Run, state: FlowRunState, *, held: bool, now: datetime) -> None:
        """Note that Prefect is in `state` as told, unless the run has changed since it was read.

        `held` says whether a flow held the run then. Prefect's earlier states are none of the run's any more.
        """
        pausing = run.to_tell is Tell.REOPEN and run.paused
        change: Document = {
            "to_tell": Tell.PAUSE if pausing else None,
            "told_held": held if run.paused and not pausing else None,
            "prefect_state": {"type": state.type, "at": state.at},
            "updated_at": now,
        }
        with unavailable_is_ours():
            await self._runs.update_one({"_id": run.id, "change": run.change}, {"$set": change})

    # Ends

    async def close(self, tx: Transaction, run: Run, *, now: datetime) -> None:
        """Leave no task open in a run that has ended."""
        open_ = await self._task_store.open(tx, run.id)
        if not open_:
            return
        parts = await self._parts.of_tasks(tx, run.id)
        ends = {
            name: last_status(status, parts.get(name, Parts()), run.status, own_flow=not run.spec)
            for name, status in open_.items()
        }
        await self._task_store.end(tx, run.id, ends, parts, now=now)

    async def overdue(self, *, now: datetime, limit: int = 100) -> list[str]:
        """Return runs that go on past their deadline."""
        query = {**_LATE, "deadline": {"$lt": now}}
        with unavailable_is_ours():
            return [run["_id"] async for run in self._runs.find(query, {"_id": 1}).limit(limit)]

    async def miss_deadline(self, run_id: str, *, now: datetime) -> None:
        """End a run that goes on past its deadline; its flow is fenced off. Otherwise nothing changes."""

        async def end(tx: Transaction) -> None:
            late = {"_id": run_id, **_LATE, "deadline": {"$lt": now}}
            run = await self._runs.find_one(late, session=tx.session)
            if run is None:
                return
            error = DEADLINE_MISSED.format(deadline=run["deadline"].isoformat(timespec="seconds"))
            change = {"status": RunStatus.FAILED, "error": error, "ended_at": now, "to_tell": Tell.FAIL}
            await self._end(tx, run, change, now)

        await self._ledger.write(end)

    async def end_unknown(self, run_id: str, flow_run_id: str, *, now: datetime) -> None:
        """End the run of an engineer's flow run that Prefect does not know: there is nothing to start it from."""

        async def end(tx: Transaction) -> None:
            unknown = {"_id": run_id, "prefect_flow_run_id": flow_run_id, **_GOES_ON, "ending": None}
            run = await self._runs.find_one(unknown, session=tx.session)
            if run is None:
                return
            error = UNKNOWN_TO_PREFECT.format(flow_run=flow_run_id)
            change = {"status": RunStatus.FAILED, "error": error, "ended_at": now, "to_tell": None}
            await self._end(tx, run, change, now)

        await self._ledger.write(end)

    async def stopping(self) -> list[str]:
        """Return the ids of runs with subtasks that are still to be stopped, or that end after that."""
        with unavailable_is_ours():
            ending = self._runs.find({"ending.status": {"$type": "string"}}, {"_id": 1})
            ids = [run["_id"] async for run in ending]
        return list(dict.fromkeys([*ids, *await self._stopping.unfinished()]))

    async def stop_on(self, run_id: str, *, now: datetime) -> bool:
        """Stop some more of a run's subtasks in one transaction; one that is ending ends by the last of them.

        Tell whether there may be more to do. Repeating is harmless.
        """

        async def one_piece(tx: Transaction) -> bool:
            if await self._stopping.next_piece(tx, run_id, now=now):
                return True
            run = await self._runs.find_one({"_id": run_id, "ending": {"$type": "object"}}, session=tx.session)
            if run is not None:
                await self._end(tx, run, run["ending"], now)
            return False

        return await self._ledger.write(one_piece)

    async def _end(self, tx: Transaction, run: Document, change: Document, now: datetime) -> None:
        ended = as_run(await self._run_store.end(tx, run, change, now=now))
        if ended.status in ENDED:
            await self.close(tx, ended, now=now)


def _after(run: Document, tell: Tell) -> Tell:
    """Return what Prefect must be told after a change; that the run begins again stays the first thing to tell."""
    return Tell.REOPEN if run.get("to_tell") == Tell.REOPEN else tell
