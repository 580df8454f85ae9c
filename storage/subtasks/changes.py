"""The changes that are made to subtasks and batches in MongoDB: updates, and pipelines of updates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from njangi_agent.protocol import Held, Outcome, Report

from storage.database import Document
from storage.subtasks.documents import after
from storage.subtasks.models import (
    MAX_LOSSES,
    REMEMBERED_ATTEMPTS,
    Assignment,
    SubtaskStatus,
    VolunteerReport,
)

RESULTS_A_COMMAND = 3 * 1024 * 1024
"""How many characters of results one update takes, of at most four bytes each."""
EXCERPT = 4096
"""How many characters of what an attempt wrote lie in its subtask; what is longer lies in `logs`, whole."""
FOR_REPORT = {
    "parent_task_id": 1,
    "run_id": 1,
    "name": 1,
    "index": 1,
    "batch": 1,
    "status": 1,
    "lease": 1,
    "losses": 1,
    "attempt": 1,
}


def queued_again(batch: Document, now: datetime) -> Document:
    """Return the fields of a batch of which some subtasks are queued again; those that wait already wait on."""
    seconds = batch.get("schedule_to_start")
    if seconds is None or batch["queued"] > 0:
        return {"opened_at": now}
    return {"opened_at": now, "start_by": after(now, seconds)}


def holds(subtask: Document, volunteer_id: str, token: str) -> bool:
    """Whether the report is of the attempt that holds, or that ended, this subtask."""
    lease = subtask.get("lease") or {}
    current = lease.get("token") == token and lease.get("by") == volunteer_id
    return current and subtask["status"] in (SubtaskStatus.LEASED, SubtaskStatus.COMPLETED, SubtaskStatus.FAILED)


def commands(returned: Sequence[Report]) -> list[list[Report]]:
    """Return the reports in parts of which one update can hold the results: a command has 16 MiB at most."""
    parts: list[list[Report]] = [[]]
    size = 0
    for report in returned:
        own_size = len(report.result or "") + 5 * len(report.subtask_id)
        own_size += 0 if _is_long(report) else len(report.stdout) + len(report.stderr)
        if parts[-1] and size + own_size > RESULTS_A_COMMAND:
            parts.append([])
            size = 0
        parts[-1].append(report)
        size += own_size
    return parts


def completed(returned: Sequence[Report], now: datetime) -> list[Document]:
    """Return the one update for many accepted results: each subtask picks its own by its id."""
    place = {"$indexOfArray": [{"$literal": [report.subtask_id for report in returned]}, "$_id"]}

    def own(values: list[Any]) -> Document:
        return {"$arrayElemAt": [{"$literal": values}, place]}

    ended: Document = {"seconds": own([report.seconds for report in returned])}
    if any(report.stdout_bytes or report.stderr_bytes for report in returned):
        ended["wrote"] = own([_wrote(report) for report in returned])
    changed: Document = {
        "status": SubtaskStatus.COMPLETED,
        "results": own([report.result for report in returned]),
        "progress": 1.0,
        "updated_at": now,
        "lease.until": None,
        "attempts": _with_attempt(Outcome.RETURNED, ended, now),
    }
    if any(report.blob for report in returned):
        changed["blob"] = own([report.blob for report in returned])
    return [{"$set": changed}, {"$unset": ["details", "details_blob"]}]


def extended(until: datetime) -> list[Document]:
    """Return the one update that extends many leases, each at most to its own latest end."""
    return [{"$set": {"lease.until": {"$max": ["$lease.until", {"$min": [until, "$lease.latest"]}]}}}]


def told(held: Held) -> Document:
    """Return the change that keeps what an attempt tells with its heartbeat."""
    changed: Document = {}
    if held.details is not None or held.details_blob is not None:
        changed = {"details": held.details, "details_blob": held.details_blob}
    if held.progress is not None:
        changed["progress"] = held.progress
    return {"$set": changed}


def _with_attempt(outcome: str, more: Document, now: datetime) -> Document:
    ended = {
        "volunteer": "$lease.by",
        "token": "$lease.token",
        "from": "$lease.from",
        "to": now,
        "outcome": outcome,
        **more,
    }
    return {"$slice": [{"$concatArrays": ["$attempts", [ended]]}, -REMEMBERED_ATTEMPTS]}


def called_back(now: datetime) -> list[Document]:
    """Return the one update for attempts that are called back: no loss is counted, and what they return is stale."""
    changed: Document = {
        "status": SubtaskStatus.QUEUED,
        "updated_at": now,
        "attempts": _with_attempt(Outcome.HANDED_BACK, {}, now),
    }
    return [{"$set": changed}, {"$unset": ["lease", "assigned_to"]}]


def not_returned(subtask: Document, item: VolunteerReport, now: datetime) -> tuple[SubtaskStatus, Document]:
    """Return where a failed, refused or handed-back attempt leaves its subtask, and the change."""
    report = item.report
    error: Document | None = None
    if report.error is not None:
        error = {"type": report.error.type, "message": report.error.message}
    if report.outcome is Outcome.FAILED:
        error = error or {"type": "Unknown", "message": "the agent gave no reason"}
        told = {**error, "stderr": report.stderr[-EXCERPT:]}
        changed = {"status": SubtaskStatus.FAILED, "updated_at": now, "error": told, "lease.until": None}
        ended = _ended(subtask, report.outcome, error, now, _wrote(report))
        return SubtaskStatus.FAILED, {"$set": changed, "$push": ended}
    status, change = lost(subtask, report.outcome, error, now, _wrote(report))
    if report.outcome is Outcome.REFUSED:
        change["$addToSet"] = {"refused_by": item.volunteer_id}
    return status, change


def expired(subtask: Document, now: datetime) -> tuple[SubtaskStatus, Document]:
    """Return where a lease that has run out leaves its subtask, and the change; the history says which limit it was."""
    return lost(subtask, limit_passed(subtask), None, now)


def limit_passed(subtask: Document) -> str:
    """Return what becomes of an attempt whose lease has run out: it was silent, or took longer than an attempt may."""
    until, latest = subtask["lease"]["until"], subtask["lease"].get("latest")
    return "TIMED_OUT" if latest is not None and until >= latest else "EXPIRED"


def timed_out(error: Document, now: datetime, subtask: Document | None = None) -> Document:
    """Return the change of subtasks whose time is over: of any that wait, or of the one whose attempt is under way."""
    change: Document = {
        "$set": {"status": SubtaskStatus.FAILED, "updated_at": now, "error": error},
        "$unset": {"lease": "", "assigned_to": ""},
    }
    if subtask is not None:
        change["$push"] = _ended(subtask, "TIMED_OUT", error, now)
    return change


def lost(
    subtask: Document, outcome: str, error: Document | None, now: datetime, wrote: Document | None = None
) -> tuple[SubtaskStatus, Document]:
    """Return where losing its attempt leaves a subtask (QUEUED, at last DEAD), and the change."""
    losses = subtask.get("losses", 0) + (0 if outcome == Outcome.HANDED_BACK else 1)
    status = SubtaskStatus.DEAD if losses >= MAX_LOSSES else SubtaskStatus.QUEUED
    changed: Document = {"status": status, "updated_at": now, "losses": losses}
    if status is SubtaskStatus.DEAD:
        message = f"lost by {losses} volunteers; last: {error['message'] if error else outcome}"
        changed["error"] = {"type": "Lost", "message": message, "stderr": ""}
    change: Document = {
        "$set": changed,
        "$unset": {"lease": "", "assigned_to": ""},
        "$push": _ended(subtask, outcome, error, now, wrote),
    }
    return status, change


def _ended(
    subtask: Document, outcome: str, error: Document | None, now: datetime, wrote: Document | None = None
) -> Document:
    lease = subtask["lease"]
    attempt: Document = {
        "volunteer": lease["by"],
        "token": lease["token"],
        "from": lease["from"],
        "to": now,
        "outcome": outcome,
    }
    if error is not None:
        attempt["error"] = error
    if wrote is not None:
        attempt["wrote"] = wrote
    return {"attempts": {"$each": [attempt], "$slice": -REMEMBERED_ATTEMPTS}}


def _is_long(report: Report) -> bool:
    return len(report.stdout) + len(report.stderr) > EXCERPT


def _wrote(report: Report) -> Document | None:
    """Return what the subtask keeps of what an attempt wrote, None if that was nothing."""
    if not report.stdout_bytes and not report.stderr_bytes:
        return None
    texts = {name: text for name, text in (("stdout", report.stdout), ("stderr", report.stderr)) if text}
    counts = {"stdout_bytes": report.stdout_bytes, "stderr_bytes": report.stderr_bytes}
    return counts | ({"in_logs": list(texts)} if _is_long(report) else texts)


def log(subtask: Document, report: Report) -> Document | None:
    """Return the document in `logs` for what an attempt wrote, None if that is short enough for its subtask.

    It takes the place of the one of an attempt that its subtask no longer remembers.
    """
    if not _is_long(report):
        return None
    return {
        "_id": f"{subtask['_id']}/{subtask['attempt'] % REMEMBERED_ATTEMPTS}",
        "parent_task_id": subtask["parent_task_id"],
        "index": subtask["index"],
        "token": report.token,
        "stdout": report.stdout,
        "stderr": report.stderr,
    }


def took(subtask: Document, report: Report, now: datetime) -> float:
    """Return the seconds that an attempt took by its volunteer's word, which cannot be more than since it was lent."""
    lent: datetime = subtask["lease"]["from"]
    return min(max(0.0, report.seconds), max(0.0, (now - lent).total_seconds()))


def counted(change: Counter[str], now: datetime, seconds: Sequence[float] = ()) -> list[Document]:
    """Return the update that moves a batch's counters and says whether it is settled by that.

    `seconds` are what those took that have completed.
    """
    moved: Document = {name: {"$add": [f"${name}", by]} for name, by in change.items() if by}
    if seconds:
        moved["seconds"] = {"$add": [{"$ifNull": ["$seconds", 0.0]}, sum(seconds)]}
        moved["squares"] = {"$add": [{"$ifNull": ["$squares", 0.0]}, sum(value * value for value in seconds)]}
    moved["v"] = {"$add": ["$v", 1]}
    if change["queued"] > 0:
        moved |= _waiting_from(now, {"$eq": ["$queued", 0]})
    ended = {"$add": ["$completed", "$failed", "$dead", "$cancelled"]}
    settled = {"$eq": [ended, "$total"]}
    return [{"$set": moved}, {"$set": {"settled": settled, "settled_at": {"$cond": [settled, now, None]}}}]


def _waiting_from(now: datetime, all_wait_anew: Any) -> Document:
    milliseconds = {"$multiply": ["$schedule_to_start", 1000]}
    anew = {"$cond": [all_wait_anew, {"$add": [now, milliseconds]}, "$start_by"]}
    limited = {"$gt": ["$schedule_to_start", None]}
    return {"opened_at": now, "start_by": {"$cond": [limited, anew, "$$REMOVE"]}}


def asked_for(now: datetime, lending: bool) -> list[Document]:
    """Return the one update for batches that a flow asks for which began anew: they are lent if others of it are."""
    held = [{"$set": {"held_since": {"$ifNull": ["$held_since", now]}}}]
    return [*(lending_again(now) if lending else held), {"$unset": "unasked"}]


def lending_again(now: datetime) -> list[Document]:
    """Return the one update that lets many batches lend again; their subtasks wait anew, attempts under way go on.

    What limits the whole moves by as long as they were held.
    """
    held = {"$subtract": [now, {"$ifNull": ["$held_since", now]}]}
    limited = {"$gt": ["$close_by", None]}
    moved = {"close_by": {"$cond": [limited, {"$add": ["$close_by", held]}, "$$REMOVE"]}}
    changed = {"lending": True, "lent_from": now, "v": {"$add": ["$v", 1]}, **_waiting_from(now, True), **moved}
    return [{"$set": changed}, {"$unset": ["stopping", "held_since"]}]


def is_overdue(batch: Document, now: datetime) -> bool:
    """Whether the time of the whole batch is over; it stands still while the batch is held."""
    return "close_by" in batch and bool(batch["close_by"] < batch.get("held_since", now))


def begun_again(batch: Document, now: datetime) -> Document:
    """Return the fields of a batch whose subtasks are queued as if for the first time."""
    fields: Document = {"tries": 1, "settled": False, "failed": 0, "dead": 0, "cancelled": 0}
    if "schedule_to_close" in batch:
        fields["close_by"] = after(now, batch["schedule_to_close"])
    return fields | queued_again(batch, now)


def lent(assignment: Assignment, token: str, now: datetime) -> list[Document]:
    """Return the one update that lends many subtasks: each under a token of its own, `{token}-{index}`."""
    lease = {
        "token": {"$concat": [token, "-", {"$toString": "$index"}]},
        "by": assignment.volunteer_id,
        "from": now,
        "until": assignment.until,
        "latest": assignment.latest,
    }
    changed = {
        "status": SubtaskStatus.LEASED,
        "lease": lease,
        "assigned_to": assignment.volunteer_id,
        "updated_at": now,
        "attempt": {"$add": ["$attempt", 1]},
    }
    return [{"$set": changed}]
