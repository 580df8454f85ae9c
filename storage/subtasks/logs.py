"""The standard output and standard error of attempts, for a whole task at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from storage.database import Database, Document, unavailable_is_ours
from storage.subtasks import documents
from storage.subtasks.models import Attempt

LOOKED_AT = 2000
"""Subtasks that one page looks at: a search that finds nothing ends and says how far it came."""
READ = 16 * 1024 * 1024
"""Characters of logs after which a page ends."""
SHOWN = 4 * 1024 * 1024
"""Characters of logs that a page holds, and those of one more subtask."""


@dataclass(frozen=True, slots=True)
class Log:
    """The end of what one attempt wrote. `number` counts a subtask's remembered attempts from 1."""

    task: str
    index: int
    number: int
    attempt: Attempt

    @property
    def size(self) -> int:
        return len(self.attempt.wrote.stdout or "") + len(self.attempt.wrote.stderr or "")


@dataclass(frozen=True, slots=True)
class LogPage:
    logs: Sequence[Log]
    next: int | None  # the index to go on after; None: all was looked at


class LogStore:
    """Reads the attempts that lie in subtasks, and in `logs` what of theirs is long. Others write there."""

    def __init__(self, database: Database) -> None:
        self._tasks = database["tasks"]
        self._logs = database["logs"]

    async def prepare(self) -> None:
        await self._logs.create_index([("parent_task_id", 1), ("index", 1)])

    async def page(self, run_id: str, task: str, *, after: int, limit: int, text: str = "") -> LogPage:
        """Return what attempts at subtasks with an index above `after` wrote, if it holds `text`, in their order.

        Upper and lower case count as one. At most about `limit` of them: all of a subtask's or none.
        """
        query: Document = {"parent_task_id": f"{run_id}/{task}", "index": {"$gt": after}}
        found: list[Log] = []
        wanted, looked, read, shown = text.lower(), 0, 0, 0
        with unavailable_is_ours():
            async for document, logs in self._subtasks(query):
                looked += 1
                after = document["index"]
                attempts = enumerate((documents.attempt(item, logs) for item in document["attempts"]), start=1)
                every = [Log(task, after, number, item) for number, item in attempts]
                holding = [log for log in every if _holds(log.attempt, wanted)]
                found += holding
                read += sum(log.size for log in every)
                shown += sum(log.size for log in holding)
                if len(found) >= limit or read >= READ or shown >= SHOWN:
                    return LogPage(found, after)
        return LogPage(found, after if looked == LOOKED_AT else None)

    async def _subtasks(self, query: Document) -> AsyncIterator[tuple[Document, dict[str, Document]]]:
        """Yield subtasks in order, each with its logs by token, of which never more than a few are in memory."""
        logs = self._logs.find(query).sort("index", 1).batch_size(20)
        ahead: Document | None = None
        found = self._tasks.find(query, {"index": 1, "attempts": 1}).sort("index", 1).limit(LOOKED_AT)
        async for document in found:
            its: dict[str, Document] = {}
            if documents.has_logs(document):
                while (ahead := ahead or await anext(logs, None)) is not None and ahead["index"] <= document["index"]:
                    if ahead["index"] == document["index"]:
                        its[ahead["token"]] = ahead
                    ahead = None
            yield document, its
        await logs.close()


def _holds(attempt: Attempt, text: str) -> bool:
    return any(wrote and text in wrote.lower() for wrote in (attempt.wrote.stdout, attempt.wrote.stderr))
