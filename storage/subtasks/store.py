"""Leases of subtasks: QUEUED -> LEASED -> COMPLETED, FAILED or DEAD; lost leases go back to QUEUED.

A batch holds the counters of its subtasks, so that nobody counts by scanning; both change in the
same transaction. A lease is a token written by one conditional update; a report under any other
token changes nothing.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from njangi_agent.protocol import Held, Outcome, Report, Verdict
from pymongo import ReplaceOne, UpdateMany, UpdateOne

from storage.database import Database, Document, unavailable_is_ours
from storage.ledger import Ledger, Transaction
from storage.subtasks import changes, documents
from storage.subtasks.models import (
    BUCKETS,
    Assignment,
    Bounds,
    Leased,
    OpenBatch,
    SubtaskStatus,
    VolunteerReport,
)

_OFFERED = dict.fromkeys(("task_id", "run_id", "priority", "queued", "required_resources", "owner", "generation"), 1)


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
            async for subtask in self._tasks.find({"_id": {"$in": ids}}, changes.FOR_REPORT, session=tx.session)
        }
        verdicts: list[Verdict] = []
        accepted: dict[str, VolunteerReport] = {}
        for item in reports:
            subtask = found.get(item.report.subtask_id)
            holds = subtask is not None and changes.holds(subtask, item.volunteer_id, item.report.token)
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
        logs = [log for id_, item in accepted.items() if (log := changes.log(found[id_], item.report)) is not None]
        for subtask_id, item in accepted.items():
            subtask = found[subtask_id]
            if item.report.outcome is Outcome.RETURNED:
                moves[subtask_id] = SubtaskStatus.COMPLETED
                returned.append(item.report)
                seconds[subtask["batch"]].append(changes.took(subtask, item.report, now))
            else:
                status, change = changes.not_returned(subtask, item, now)
                moves[subtask_id] = status
                others.append(UpdateOne({"_id": subtask_id}, change))
        for part in changes.commands(returned) if returned else ():
            await self._tasks.update_many(
                {"_id": {"$in": [report.subtask_id for report in part]}, "status": SubtaskStatus.LEASED},
                changes.completed(part, now),
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
        moved: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for subtask_id, status in moves.items():
            change = moved[found[subtask_id]["batch"]]
            change[found[subtask_id]["status"].lower()] -= 1
            change[status.lower()] += 1
        await self._batches.bulk_write(
            [
                UpdateOne({"_id": batch}, changes.counted(change, now, seconds.get(batch, ())))
                for batch, change in moved.items()
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
            updates.append(UpdateMany(queued, changes.lent(assignment, token, now)))
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
        updates: list[UpdateMany | UpdateOne] = [UpdateMany(mine, changes.extended(until))]
        for item in telling:
            own = {**mine, "_id": item.subtask_id, "lease.token": item.token}
            updates.append(UpdateOne(own, changes.told(item)))
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
            rows = self._tasks.find(overdue, changes.FOR_REPORT, session=tx.session).limit(limit)
            found = {row["_id"]: row async for row in rows}
            if not found:
                return 0
            moves: dict[str, SubtaskStatus] = {}
            updates: list[UpdateOne] = []
            for subtask_id, subtask in found.items():
                moves[subtask_id], change = changes.expired(subtask, now)
                updates.append(UpdateOne({"_id": subtask_id}, change))
            await self._tasks.bulk_write(updates, ordered=False, session=tx.session)
            await self._count(tx, found, moves, now)
            _tell_ended(tx, documents.grouped(moves, found, lambda id_: changes.limit_passed(found[id_])), now)
            return len(moves)

        return await self._ledger.write(give_back)


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
