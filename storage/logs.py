"""What attempts wrote to standard error, of a whole task at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage import subtask_documents as documents
from storage.database import Database, Document, unavailable_is_ours
from storage.subtask_models import Attempt

LOOKED_AT = 2000
"""Subtasks that one page looks at: a search that finds nothing ends and says how far it came."""


@dataclass(frozen=True, slots=True)
class Log:
    """The end of what one attempt wrote. `number` counts a subtask's remembered attempts from 1."""

    task: str
    index: int
    number: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class LogPage:
    logs: Sequence[Log]
    next: int | None  # the index to go on after; None: all was looked at


class LogStore:
    """Reads the attempts that lie in subtasks."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]

    async def page(self, run_id: str, task: str, *, after: int, limit: int, text: str = "") -> LogPage:
        """Return what attempts at subtasks with an index above `after` wrote, if it holds `text`, in their order.

        Upper and lower case count as one. At most about `limit` of them: all of a subtask's or none.
        """
        query: Document = {"parent_task_id": f"{run_id}/{task}", "index": {"$gt": after}}
        shown = {"index": 1, "attempts": 1}
        found: list[Log] = []
        wanted, looked = text.lower(), 0
        with unavailable_is_ours():
            async for document in self._tasks.find(query, shown).sort("index", 1).limit(LOOKED_AT):
                looked += 1
                after = document["index"]
                attempts = enumerate(map(documents.attempt, document["attempts"]), start=1)
                found += [Log(task, after, number, item) for number, item in attempts if _holds(item, wanted)]
                if len(found) >= limit:
                    return LogPage(found, after)
        return LogPage(found, after if looked == LOOKED_AT else None)


def _holds(attempt: Attempt, text: str) -> bool:
    return bool(attempt.stderr) and text in attempt.stderr.lower()
