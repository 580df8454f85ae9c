"""Follow MongoDB's change stream: one in each process, which sees the changes of all processes.

News wake those who wait; they then read for themselves. So news may be repeated, and after a gap everybody looks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from storage.database import Database, Document, unavailable_is_ours

_WATCHED: list[Document] = [
    {
        "$match": {
            "$or": [
                {"ns.coll": "batches", "operationType": "insert"},
                {"ns.coll": "batches", "updateDescription.updatedFields.settled": True},
                {"ns.coll": "batches", "updateDescription.updatedFields.opened_at": {"$exists": True}},
                {"ns.coll": "events", "operationType": "insert"},
            ]
        }
    },
    {
        "$project": {
            "documentKey": 1,
            "ns": 1,
            "updateDescription.updatedFields.settled": 1,
            "fullDocument.run_id": 1,
            "fullDocument.type": 1,
            "fullDocument.data.user": 1,
            "fullDocument.data.volunteer": 1,
        }
    },
]
"""Batches inserted, settled, or with subtasks back in the queue; events."""

LONGEST_LOOK_MS = 10_000
"""How long MongoDB keeps a look open in which nothing happens; what happens is told at once."""


@dataclass(frozen=True, slots=True)
class WatchStarted:
    """From here on nothing is missed; before it anything may have happened."""


@dataclass(frozen=True, slots=True)
class BatchChanged:
    """A batch got work to lend, or settled."""

    batch_id: str
    settled: bool


@dataclass(frozen=True, slots=True)
class EventAdded:
    """The log has a new event, of this run or of none."""

    run_id: str | None
    type: str


@dataclass(frozen=True, slots=True)
class RightsChanged:
    """What this user or this volunteer may do is not what it was."""

    user: str | None
    volunteer: str | None


_ABOUT_USERS = ("user.", "token.")
_ABOUT_VOLUNTEERS = ("volunteer.suspended", "volunteer.resumed", "volunteer.retired")

Change = RightsChanged | WatchStarted | BatchChanged | EventAdded


async def watch(database: Database) -> AsyncIterator[Change]:
    """Yield what happens. Ends, also with StorageUnavailableError, when the stream breaks; start it again then."""
    with unavailable_is_ours():
        async with await database.mongo.watch(_WATCHED, max_await_time_ms=LONGEST_LOOK_MS) as stream:
            yield WatchStarted()
            async for change in stream:
                if change["ns"]["coll"] == "batches":
                    fields = change.get("updateDescription", {}).get("updatedFields", {})
                    yield BatchChanged(change["documentKey"]["_id"], settled=bool(fields.get("settled")))
                else:
                    event = change["fullDocument"]
                    yield EventAdded(event.get("run_id"), event["type"])
                    if event["type"].startswith(_ABOUT_USERS + _ABOUT_VOLUNTEERS):
                        yield RightsChanged(event["data"].get("user"), event["data"].get("volunteer"))
