"""Subtasks and their batches: QUEUED -> LEASED -> COMPLETED, FAILED or DEAD; lost leases go back to QUEUED.

A batch holds the counters of its subtasks, so that nobody counts by scanning; both change in the
same transaction. A lease is a token written by one conditional update; a report under any other
token changes nothing.
"""

from __future__ import annotations

import functools
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from njangi_agent.protocol import Held, Outcome, Report, Verdict
from pymongo import ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from storage.database import Database, Document, Session, unavailable_is_ours
from storage.errors import NotFoundError, OtherContentsError, RunLeaseLostError
from storage.ledger import Ledger, Transaction
from storage.subtasks import documents
from storage.subtasks.deadline_errors import TOO_LATE, not_ended
from storage.subtasks.models import (
    BUCKETS,
    Assignment,
    Batch,
    Bounds,
    Leased,
    NewBatch,
    OpenBatch,
    StoredCall,
    Subtask,
    SubtaskStatus,
    TaskKey,
    VolunteerReport,
)

AT_ONCE = 50
"""How many subtasks are written in the transaction that makes them leasable; more of them would keep others waiting."""
Within = Callable[[Transaction, Document], Awaitable[None]]
"""Work of a transaction that has made sure of the run lease, given what it must heed of the run."""
_HEEDED = {
    "workflow_id": 1,
    "owner": 1,
    "status": 1,
    "paused": 1,
    "paused_tasks": 1,
    "cancel_requested": 1,
    "clean_up.task": 1,
    "generation": 1,
    "attempt": 1,
}
_OFFERED = dict.fromkeys(("task_id", "run_id", "priority", "queued", "required_resources", "owner", "generation"), 1)
_DUPLICATE = 11000
_ENDED_BADLY = {"$in": [SubtaskStatus.FAILED, SubtaskStatus.DEAD]}


class _LeftBehind(Exception):
    """Subtasks that an earlier holder of the run wrote and never published are in the way."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is there of batches that a flow puts: `fresh` are not; `unasked`, by id, no flow has asked for so far."""

    fresh: Sequence[NewBatch]
    unasked: Sequence[str]


_NOTHING = _Seen([], [])


class SubtaskStore:
    """Subtasks in `tasks` (is_subtask: true), their counters in `batches`."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._tasks = database["tasks"]
        self._batches = database["batches"]
        self._logs = database["logs"]
        self._runs = database["runs"]
        self._ledger = ledger

    async def prepare(self) -> None:
        """Create the indexes that the queries below use."""
        await self._tasks.create_index([("batch", 1), ("bucket", 1)], partialFilterExpression={"status": "QUEUED"})
        await self._tasks.create_index([("lease.until", 1)], partialFilterExpression={"status": "LEASED"})
        await self._tasks.create_index([("parent_task_id", 1), ("index", 1)])
        to_lend = {"queued": {"$gt": 0}, "lending": True}
        await self._batches.create_index(
            [("priority", -1), ("_id", 1)], name="to_lend", partialFilterExpression=to_lend
        )
        await self._batches.create_index([("run_id", 1), ("task", 1), ("index", 1)])

    async def put(
        self,
        task: TaskKey,
        batches: Sequence[NewBatch],
        *,
        token: str,
        now: datetime,
        first: Within | None = None,
        last: Within | None = None,
    ) -> None:
        """Queue subtasks under the run lease `token`. A batch that is there stays as it is: repeating is harmless.

        Unless they are few, subtasks are written first and become leasable with their batch, which is the last write.
        They are not while the run or the task is paused. `first` and `last` are done before and after that, in the same
        transaction. Raises RunLeaseLostError when the lease is another's, OtherContentsError when a batch is there with
        other parameters.
        """

        async def publish(tx: Transaction, written: _Seen | None) -> None:
            run = await self._written_by(tx, task.run_id, token)
            generation, hold = run.get("generation", 0), run.get("attempt", 0)
            if first is not None:
                await first(tx, run)
            seen = await self._seen(task, batches, tx.session) if written is None else written
            fresh, lending = seen.fresh, lends(run, task.name)
            if fresh and written is None:
                await self._tasks.insert_many(_rows(task, fresh, now, hold), session=tx.session)
            elif fresh and hold > 1:
                theirs = {**_rows_of(task, fresh), "hold": {"$ne": hold}}
                if await self._tasks.find_one(theirs, {"_id": 1}, session=tx.session) is not None:
                    raise _LeftBehind
            if seen.unasked:
                asked_for = documents.asked_for(now, lending)
                await self._batches.update_many({"_id": {"$in": seen.unasked}}, asked_for, session=tx.session)
            if fresh:
                opened = [
                    documents.opened(task, batch, now, owner=run["owner"], lending=lending, generation=generation)
                    for batch in fresh
                ]
                await self._batches.insert_many(opened, session=tx.session)
                told = [
                    {"batch": batch.index, "ranges": documents.ranges(subtask.index for subtask in batch.subtasks)}
                    for batch in fresh
                ]
                tx.emit("subtasks.queued", now, run_id=task.run_id, task=task.name, batches=told)
            if last is not None:
                await last(tx, run)

        at_once = sum(len(batch.subtasks) for batch in batches) <= AT_ONCE
        while True:
            written = None if at_once else await self._write(task, batches, token, now)
            if written == _NOTHING and first is None and last is None:
                return None
            try:
                return await self._ledger.write(functools.partial(publish, written=written))
            except (BulkWriteError, DuplicateKeyError, _LeftBehind):
                # Somebody published or left one of them in between: what is left to do is found by looking again.
                at_once = False

    async def _write(self, task: TaskKey, batches: Sequence[NewBatch], token: str, now: datetime) -> _Seen:
        """Write the subtasks of those batches that are not there yet, which nobody is lent; return what was there."""
        with unavailable_is_ours():
            run = await self._runs.find_one({"_id": task.run_id, "hold.token": token}, {"attempt": 1})
            if run is None:
                raise RunLeaseLostError(task.run_id)
            hold = run.get("attempt", 0)
            seen = await self._seen(task, batches)
            if seen.fresh and hold > 1:  # a flow that has lost the run may have left subtasks behind, unpublished
                await self._tasks.delete_many({**_rows_of(task, seen.fresh), "hold": {"$ne": hold}})
            try:
                if seen.fresh:
                    await self._tasks.insert_many(_rows(task, seen.fresh, now, hold), ordered=False)
            except BulkWriteError as error:
                others = any(problem["code"] != _DUPLICATE for problem in error.details["writeErrors"])
                if others or error.details["writeConcernErrors"]:  # a failover may take back what is on one member only
                    raise
        return seen

    async def _seen(self, task: TaskKey, batches: Sequence[NewBatch], session: Session | None = None) -> _Seen:
        """Return what is there of the batches. Raises OtherContentsError if one of them has other subtasks."""
        ids = {"$in": [documents.batch_id(task.task_id, batch.index) for batch in batches]}
        found = self._batches.find({"_id": ids}, {"contents": 1, "unasked": 1}, session=session)
        known = {batch["_id"]: batch async for batch in found}
        fresh: list[NewBatch] = []
        for batch in batches:
            there = known.get(documents.batch_id(task.task_id, batch.index))
            if there is None:
                fresh.append(batch)
            elif there.get("contents", documents.contents(batch)) != documents.contents(batch):
                raise OtherContentsError(there["_id"])
        return _Seen(fresh, [id_ for id_, batch in known.items() if batch.get("unasked")])

    async def _written_by(self, tx: Transaction, run_id: str, token: str) -> Document:
        """Return what a flow's write must heed of its run. Raises RunLeaseLostError unless `token` holds it.

        It writes to the run, so that a pause, a cancellation or the loss of the lease that commits meanwhile makes
        this transaction start again and see it.
        """
        run = await self._runs.find_one_and_update(
            {"_id": run_id, "hold.token": token},
            {"$inc": {"writes": 1}},
            projection=_HEEDED,
            session=tx.session,
        )
        if run is None:
            raise RunLeaseLostError(run_id)
        return run

    async def open_batches(
        self, limit: int, *, but: Collection[str] = (), within: Bounds | None = None
    ) -> list[OpenBatch]:
        """Return batches with queued subtasks, highest priority first, then oldest; none of the owners in `but`.

        Only what a machine `within` these bounds can run, if they are given.
        """
        with unavailable_is_ours():
            to_lend: Document = {"queued": {"$gt": 0}, "lending": True}
            if but:
                to_lend["owner"] = {"$nin": list(but)}
            if within is not None:
                to_lend |= {
                    "required_resources.cpu": {"$lte": within.cpu},
                    "required_resources.memory": {"$lte": within.memory},
                    "required_resources.storage": {"$lte": within.storage},
                }
                if within.but_tasks:
                    to_lend["task_id"] = {"$nin": list(within.but_tasks)}
            found = self._batches.find(to_lend, _OFFERED).sort([("priority", -1), ("_id", 1)]).limit(limit)
            return [
                OpenBatch(
                    id=batch["_id"],
                    task_id=batch["task_id"],
                    run_id=batch["run_id"],
                    priority=batch["priority"],
                    queued=batch["queued"],
                    cpu=batch["required_resources"]["cpu"],
                    memory=batch["required_resources"]["memory"],
                    storage=batch["required_resources"]["storage"],
                    owner=batch.get("owner", ""),
                    generation=batch["generation"],
                )
                async for batch in found
            ]

    async def report(self, tx: Transaction, reports: Sequence[VolunteerReport], *, now: datetime) -> list[Verdict]:
        """Record what attempts came to, in the order of `reports`. Repeating after a lost reply is harmless."""
        ids = list({item.report.subtask_id for item in reports})
        found = {
            subtask["_id"]: subtask
            async for subtask in self._tasks.find({"_id": {"$in": ids}}, documents.FOR_REPORT, session=tx.session)
        }
        verdicts: list[Verdict] = []
        accepted: dict[str, VolunteerReport] = {}
        for item in reports:
            subtask = found.get(item.report.subtask_id)
            holds = subtask is not None and documents.holds(subtask, item.volunteer_id, item.report.token)
            verdicts.append(Verdict.ACCEPTED if holds else Verdict.STALE)
            if subtask is not None and holds and subtask["status"] == SubtaskStatus.LEASED:
                accepted.setdefault(item.report.subtask_id, item)
        if accepted:
            await self._settle_reports(tx, accepted, found, now)
        return verdicts

    async def _settle_reports(
        self, tx: Transaction, accepted: Mapping[str, VolunteerReport], found: Mapping[str, Document], now: datetime
    ) -> None:
        moves: dict[str, SubtaskStatus] = {}
        returned: list[Report] = []
        seconds: defaultdict[str, list[float]] = defaultdict(list)
        others: list[UpdateOne] = []
        logs = [log for id_, item in accepted.items() if (log := documents.log(found[id_], item.report)) is not None]
        for subtask_id, item in accepted.items():
            subtask = found[subtask_id]
            if item.report.outcome is Outcome.RETURNED:
                moves[subtask_id] = SubtaskStatus.COMPLETED
                returned.append(item.report)
                seconds[subtask["batch"]].append(documents.took(subtask, item.report, now))
            else:
                status, change = documents.not_returned(subtask, item, now)
                moves[subtask_id] = status
                others.append(UpdateOne({"_id": subtask_id}, change))
        for part in documents.commands(returned) if returned else ():
            await self._tasks.update_many(
                {"_id": {"$in": [report.subtask_id for report in part]}, "status": SubtaskStatus.LEASED},
                documents.completed(part, now),
                session=tx.session,
            )
        if others:
            await self._tasks.bulk_write(others, ordered=False, session=tx.session)
        if logs:
            kept = [ReplaceOne({"_id": log["_id"]}, log, upsert=True) for log in logs]
            await self._logs.bulk_write(kept, ordered=False, session=tx.session)
        await self._count(tx, found, moves, now, seconds)
        _tell_ended(tx, documents.grouped(moves, found, lambda id_: accepted[id_].report.outcome), now)

    async def _count(
        self,
        tx: Transaction,
        found: Mapping[str, Document],
        moves: Mapping[str, SubtaskStatus],
        now: datetime,
        seconds: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        """Move the batches' counters as their subtasks moved from `found[id]["status"]` to `moves[id]`.

        `seconds` are, by batch, what those took that have completed.
        """
        changes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for subtask_id, status in moves.items():
            change = changes[found[subtask_id]["batch"]]
            change[found[subtask_id]["status"].lower()] -= 1
            change[status.lower()] += 1
        await self._batches.bulk_write(
            [
                UpdateOne({"_id": batch}, documents.counted(change, now, seconds.get(batch, ())))
                for batch, change in changes.items()
            ],
            ordered=False,
            session=tx.session,
        )

    async def lease(self, tx: Transaction, assignments: Sequence[Assignment], *, now: datetime) -> list[Leased]:
        """Lend queued subtasks as assigned; fewer where others were quicker or the batch is paused by now."""
        wanted = {"_id": {"$in": [assignment.batch_id for assignment in assignments]}, "lending": True}
        lending = {batch["_id"] async for batch in self._batches.find(wanted, {"_id": 1}, session=tx.session)}
        leased: list[Leased] = []
        updates: list[UpdateMany] = []
        counts: Counter[str] = Counter()
        taken: set[str] = set()
        for assignment in assignments:
            if assignment.batch_id not in lending:
                continue
            picked = await self._pick(tx, assignment, taken)
            if not picked:
                continue
            token = secrets.token_urlsafe(12)
            ids = [document["_id"] for document in picked]
            taken.update(ids)
            queued = {"_id": {"$in": ids}, "status": SubtaskStatus.QUEUED}
            updates.append(UpdateMany(queued, documents.lent(assignment, token, now)))
            counts[assignment.batch_id] += len(ids)
            leased += [documents.leased(document, assignment, token) for document in picked]
            run_id, task = assignment.task_id.split("/", 1)
            tx.emit(
                "subtasks.leased",
                now,
                run_id=run_id,
                task=task,
                volunteer=assignment.volunteer_id,
                indexes=sorted(document["index"] for document in picked),
            )
        if updates:
            await self._tasks.bulk_write(updates, ordered=False, session=tx.session)
            await self._batches.bulk_write(
                [
                    UpdateOne({"_id": batch}, {"$inc": {"queued": -count, "leased": count, "v": 1}})
                    for batch, count in counts.items()
                ],
                ordered=False,
                session=tx.session,
            )
        return leased

    async def _pick(self, tx: Transaction, assignment: Assignment, taken: set[str]) -> list[Document]:
        """Find queued subtasks from a random bucket on, round to the first: two replicas seldom meet."""
        start = random.randrange(BUCKETS)
        queued = {
            "batch": assignment.batch_id,
            "status": SubtaskStatus.QUEUED,
            "refused_by": {"$ne": assignment.volunteer_id},
        }
        picked: list[Document] = []
        for bucket in ({"$gte": start}, {"$lt": start}):
            wanted = assignment.count - len(picked)
            if wanted > 0:
                found = self._tasks.find({**queued, "bucket": bucket}, documents.FOR_LEASE, session=tx.session)
                found = found.sort("bucket", 1).limit(wanted + len(taken))
                picked += [item for item in await found.to_list() if item["_id"] not in taken][:wanted]
        return picked

    async def refused(self, assignments: Sequence[Assignment]) -> list[Assignment]:
        """Return those whose volunteer has refused some of the subtasks that wait in the batch."""
        theirs: Document = {
            "status": SubtaskStatus.QUEUED,
            "$or": [{"batch": item.batch_id, "refused_by": item.volunteer_id} for item in assignments],
        }
        with unavailable_is_ours():
            pair = {"batch": "$batch", "by": "$refused_by"}
            pairs: list[Document] = [{"$match": theirs}, {"$unwind": "$refused_by"}, {"$group": {"_id": pair}}]
            rows = await (await self._tasks.aggregate(pairs)).to_list()
        refused = {(row["_id"]["batch"], row["_id"]["by"]) for row in rows}
        return [item for item in assignments if (item.batch_id, item.volunteer_id) in refused]

    async def extend(self, volunteer_id: str, held: Sequence[Held], *, until: datetime) -> set[str]:
        """Extend the leases that `volunteer_id` still holds; return the ids of those it does not.

        No lease is extended past its latest end. What attempts tell is kept with their subtasks, for the next attempt.
        """
        ids = [item.subtask_id for item in held]
        tokens = list({item.token for item in held})
        mine = {
            "_id": {"$in": ids},
            "status": SubtaskStatus.LEASED,
            "lease.by": volunteer_id,
            "lease.token": {"$in": tokens},
        }
        telling = [item for item in held if item.tells]
        updates: list[UpdateMany | UpdateOne] = [UpdateMany(mine, documents.extended(until))]
        for item in telling:
            own = {**mine, "_id": item.subtask_id, "lease.token": item.token}
            updates.append(UpdateOne(own, documents.told(item)))
        with unavailable_is_ours():
            outcome = await self._tasks.bulk_write(updates, ordered=False)
            if outcome.matched_count == len(set(ids)) + len(telling):
                return set()
            kept = {subtask["_id"] async for subtask in self._tasks.find(mine, {"_id": 1})}
        return set(ids) - kept

    async def expire(self, *, now: datetime, limit: int = 500) -> int:
        """Put subtasks back whose lease has run out (DEAD after MAX_LOSSES); return how many.

        Without a heartbeat the attempt ends as EXPIRED, with heartbeats but past its latest end as TIMED_OUT.
        """
        overdue = {"status": SubtaskStatus.LEASED, "lease.until": {"$lt": now}}
        with unavailable_is_ours():
            if await self._tasks.find_one(overdue, {"_id": 1}) is None:
                return 0

        async def give_back(tx: Transaction) -> int:
            rows = self._tasks.find(overdue, documents.FOR_REPORT, session=tx.session).limit(limit)
            found = {row["_id"]: row async for row in rows}
            if not found:
                return 0
            moves: dict[str, SubtaskStatus] = {}
            updates: list[UpdateOne] = []
            for subtask_id, subtask in found.items():
                moves[subtask_id], change = documents.expired(subtask, now)
                updates.append(UpdateOne({"_id": subtask_id}, change))
            await self._tasks.bulk_write(updates, ordered=False, session=tx.session)
            await self._count(tx, found, moves, now)
            _tell_ended(tx, documents.grouped(moves, found, lambda id_: documents.limit_passed(found[id_])), now)
            return len(moves)

        return await self._ledger.write(give_back)

    async def requeue(self, batch_id: str, *, try_: int, token: str, now: datetime, but: Collection[str] = ()) -> None:
        """Put a batch's FAILED subtasks back for its try number `try_`; repeating the same one is harmless.

        Those stay FAILED that were set aside or whose error is of a type in `but`, and past the batch's `close_by` all
        of them, for want of time. Raises RunLeaseLostError unless `token` holds the run.
        """

        async def once(tx: Transaction) -> None:
            await self._written_by(tx, batch_id.split("/", 1)[0], token)
            batch = await self._batches.find_one({"_id": batch_id, "tries": try_ - 1}, session=tx.session)
            if batch is None:
                return
            badly = {**documents.of_batch(batch), "status": _ENDED_BADLY}
            failed = {**badly, "aside": {"$ne": True}, "error.type": {"$nin": list(but)}}
            indexes = [item["index"] async for item in self._tasks.find(failed, {"index": 1}, session=tx.session)]
            kept = {**badly, "$or": [{"aside": True}, {"error.type": {"$in": list(but)}}]}
            left = Counter(
                [item["status"].lower() async for item in self._tasks.find(kept, {"status": 1}, session=tx.session)]
            )
            told = {"task": batch["task"], "batch": batch["index"], "tries": try_, "ranges": documents.ranges(indexes)}
            if documents.is_overdue(batch, now):
                error = not_ended(batch)
                await self._tasks.update_many(failed, documents.timed_out(error, now), session=tx.session)
                await self._batches.update_one(
                    {"_id": batch_id},
                    {
                        "$set": {"tries": try_, "failed": left["failed"] + len(indexes), "dead": left["dead"]},
                        "$inc": {"v": 1},
                    },
                    session=tx.session,
                )
                tx.emit("subtasks.overdue", now, run_id=batch["run_id"], error=error["type"], **told)
                return
            await self._tasks.update_many(
                failed,
                {
                    "$set": {"status": SubtaskStatus.QUEUED, "updated_at": now, "losses": 0, "refused_by": []},
                    "$unset": {"assigned_to": ""},
                },
                session=tx.session,
            )
            await self._batches.update_one(
                {"_id": batch_id},
                {
                    "$set": {"tries": try_, "settled": batch["settled"] and not indexes}
                    | {"failed": left["failed"], "dead": left["dead"]}
                    | documents.queued_again(batch, now),
                    "$inc": {"queued": len(indexes), "v": 1},
                },
                session=tx.session,
            )
            tx.emit("subtasks.requeued", now, run_id=batch["run_id"], **told)

        await self._ledger.write(once)

    async def settled(self, batch_ids: Sequence[str]) -> list[Batch]:
        """Return those of `batch_ids` of which every subtask has ended."""
        with unavailable_is_ours():
            found = self._batches.find({"_id": {"$in": list(batch_ids)}, "settled": True})
            return [documents.batch(document) async for document in found]

    async def only_results(self, batches: Sequence[Batch]) -> dict[str, Subtask]:
        """Return, by batch, the subtasks of those batches that are made of one which completed."""
        ids = {
            documents.subtask_id(f"{batch.run_id}/{batch.task}", batch.first): batch.id
            for batch in batches
            if batch.total == batch.completed == 1
        }
        if not ids:
            return {}
        shown = {"details": 0, "details_blob": 0}
        with unavailable_is_ours():
            return {
                ids[item["_id"]]: documents.subtask(item)
                async for item in self._tasks.find({"_id": {"$in": list(ids)}}, shown)
            }

    async def calls(self, run_id: str, task: str, *, after: int, limit: int) -> list[StoredCall]:
        """Return the batches of a task with an index above `after`, in order, as far as it is known what is in them."""
        wanted = {"run_id": run_id, "task": task, "index": {"$gt": after}}
        shown = {"index": 1, "contents": 1, "tries": 1, "settled": 1, "failed": 1, "dead": 1}
        with unavailable_is_ours():
            return [
                documents.call(item) async for item in self._batches.find(wanted, shown).sort("index", 1).limit(limit)
            ]

    async def failures(self, batch_id: str, limit: int = 3) -> list[Subtask]:
        """Return the first failed or dead subtasks of a batch, those first that failed for want of time."""
        with unavailable_is_ours():
            batch = await self._batches.find_one({"_id": batch_id})
            if batch is None:
                return []
            badly = {**documents.of_batch(batch), "status": _ENDED_BADLY}
            for_want_of_time = {**badly, "error.type": {"$in": TOO_LATE}}
            limited = "schedule_to_start" in batch or "schedule_to_close" in batch
            found = await self._tasks.find(for_want_of_time).sort("index", 1).limit(limit).to_list() if limited else []
            others = {**badly, "error.type": {"$nin": TOO_LATE}}
            if len(found) < limit:
                found += await self._tasks.find(others).sort("index", 1).limit(limit - len(found)).to_list()
            return [documents.subtask(document) for document in found]

    async def failure_types(self, batch_id: str) -> dict[str, int]:
        """Return how many subtasks of a batch failed or are dead and may be tried again, by the type of their error."""
        with unavailable_is_ours():
            batch = await self._batches.find_one({"_id": batch_id})
            if batch is None:
                return {}
            badly: list[Document] = [
                {"$match": {**documents.of_batch(batch), "status": _ENDED_BADLY, "aside": {"$ne": True}}},
                {"$group": {"_id": "$error.type", "count": {"$sum": 1}}},
            ]
            return {row["_id"]: row["count"] async for row in await self._tasks.aggregate(badly)}

    async def get(self, subtask_id: str) -> Subtask:
        """Return one subtask, with all that is kept of what its attempts wrote. Raises NotFoundError."""
        query = {"_id": subtask_id, "is_subtask": True}
        with unavailable_is_ours():
            document = await self._tasks.find_one(query, {"details": 0, "details_blob": 0})
            if document is None:
                raise NotFoundError("subtask", subtask_id)
            logs: dict[str, Document] = {}
            if documents.has_logs(document):
                its = {"parent_task_id": document["parent_task_id"], "index": document["index"]}
                logs = {log["token"]: log async for log in self._logs.find(its)}
        return documents.subtask(document, logs)

    async def without_result(self, task_id: str) -> list[int]:
        """Return the indexes of the subtasks of a task that did not complete, in order."""
        query = {"parent_task_id": task_id, "status": {"$ne": SubtaskStatus.COMPLETED}}
        with unavailable_is_ours():
            return [item["index"] async for item in self._tasks.find(query, {"index": 1}).sort("index", 1)]

    async def page(self, task_id: str, *, after: int, limit: int, status: SubtaskStatus | None = None) -> list[Subtask]:
        """Return subtasks of a task with an index above `after`, in order."""
        shown = {"details": 0, "details_blob": 0}  # for the next attempt only, and large
        query: Document = {"parent_task_id": task_id, "index": {"$gt": after}}
        if status is not None:
            query["status"] = status
        with unavailable_is_ours():
            found = self._tasks.find(query, shown).sort("index", 1).limit(limit)
            return [documents.subtask(item) async for item in found]


def _tell_ended(tx: Transaction, groups: Mapping[documents.AttemptGroup, Sequence[int]], now: datetime) -> None:
    """Tell how attempts ended, and in which status that left their subtasks."""
    for group, indexes in groups.items():
        tx.emit(
            group.event,
            now,
            run_id=group.run_id,
            task=group.task,
            volunteer=group.volunteer_id,
            status=group.status,
            indexes=sorted(indexes),
        )


def _rows(task: TaskKey, batches: Sequence[NewBatch], now: datetime, hold: int) -> list[Document]:
    return [documents.queued(task, batch, subtask, now, hold) for batch in batches for subtask in batch.subtasks]


def _rows_of(task: TaskKey, batches: Sequence[NewBatch]) -> Document:
    indexes = [subtask.index for batch in batches for subtask in batch.subtasks]
    return {
        "parent_task_id": task.task_id,
        "index": {"$gte": min(indexes), "$lte": max(indexes)},
        "batch": {"$in": [documents.batch_id(task.task_id, batch.index) for batch in batches]},
    }


def lends(run: Document, task: str) -> bool:
    """Whether a batch of the task that is put or set back now may be lent. A cancelled run lends its clean-up alone."""
    if run["cancel_requested"]:
        return bool(task == (run.get("clean_up") or {}).get("task"))
    return not run.get("paused") and task not in run.get("paused_tasks", ())
