"""Runs: look at them, follow them, fetch their results, and control one or many."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict, Unpack

from pydantic import BaseModel, JsonValue

from njangi_flows.client import events
from njangi_flows.client.events import LoggedEvent
from njangi_flows.client.models import (
    Controlled,
    LogView,
    RunComparison,
    RunErrors,
    RunStatus,
    RunView,
    SentSignal,
    SubtaskStatus,
    SubtaskView,
    TimelineView,
    WaitingView,
)
from njangi_flows.client.transport import Transport

ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)
_ONE = "/v1/runs/{run_id}"


class RunSelection(TypedDict, total=False):
    """Which runs; `name` and `q` are parts of the text."""

    name: str
    prefix: str
    q: str
    status: Sequence[RunStatus]
    owner: str
    tag: str
    workflow_id: str
    priority: int
    created_since: datetime
    created_until: datetime


class ListedRuns(RunSelection, total=False):
    """`sort` is created_at, name or priority; with `-` in front backwards."""

    sort: str


class GridTask(BaseModel):
    """The cells of a task are the `count` bytes from `at` on."""

    name: str
    at: int
    count: int


@dataclass(frozen=True, slots=True)
class SubtaskGrid:
    """The states of all subtasks of a run, one byte each as docs/events.md says, exact at event `seq`."""

    seq: int
    tasks: list[GridTask]
    cells: bytes


class RunCalls:
    """Runs that go on and runs that have ended."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    def list(self, **filter: Unpack[ListedRuns]) -> AsyncIterator[RunView]:
        """Yield runs without their tasks, the newest first."""
        return self._to.items(RunView, "/v1/runs", "runs", query=filter)

    async def get(self, run_id: str) -> RunView:
        return await self._to.get(RunView, _ONE, run_id=run_id)

    async def wait(self, run_id: str) -> RunView:
        """Wait until the run ends, also through interruptions, and return the ended run."""
        async for _ in self.follow(run_id):
            pass
        return await self.get(run_id)

    async def follow(self, run_id: str, after: int = 0) -> AsyncIterator[LoggedEvent]:
        """Yield the run's events numbered above `after` as they happen, each once, until the run has ended.

        After an interruption it goes on where it stopped. Raises UnreachableError if the service stays away.
        """
        path = _ONE + "/events"
        while True:
            ended = (
                await self.get(run_id)
            ).status in ENDED  # the stream of an ended run sends all events that are left
            async for event in events.follow(self._to, path, {}, after, endless=False, run_id=run_id):
                if isinstance(event, LoggedEvent):
                    after = event.seq
                    yield event
            if ended:
                return

    async def events(self, run_id: str, after: int = 0) -> AsyncIterator[LoggedEvent]:
        """Yield the run's events so far, page by page."""
        while True:
            query = {"after": after, "limit": 1000}
            page: _Events = await self._to.get(_Events, _ONE + "/events", query=query, run_id=run_id)
            for event in page.events:
                yield event
            if not page.events:
                return
            after = page.events[-1].seq

    async def history(self, run_id: str, after: int = 0) -> AsyncIterator[LoggedEvent]:
        """Yield the run's events so far, in one stream, which goes on after an interruption."""
        async for lines in events.lines(self._to, _ONE + "/history", after, run_id=run_id):
            for line in lines:
                yield LoggedEvent.model_validate_json(line)

    async def grid(self, run_id: str) -> SubtaskGrid:
        answer = await self._to.send("GET", _ONE + "/grid", headers={"Accept-Encoding": "gzip"}, run_id=run_id)
        content = answer.content if answer.content[:2] != b"\x1f\x8b" else gzip.decompress(answer.content)
        head, _, cells = content.partition(b"\n")
        told = json.loads(head)
        return SubtaskGrid(told["seq"], [GridTask.model_validate(task) for task in told["tasks"]], cells)

    def subtasks(self, run_id: str, task: str, status: SubtaskStatus | None = None) -> AsyncIterator[SubtaskView]:
        """Yield the subtasks of a task in order, with their attempts."""
        query = {"task": task, "status": status}
        return self._to.items(SubtaskView, _ONE + "/subtasks", "subtasks", query=query, run_id=run_id)

    async def subtask(self, run_id: str, task: str, index: int) -> SubtaskView:
        path = _ONE + "/subtasks/{task}/{index}"
        return await self._to.get(SubtaskView, path, run_id=run_id, task=task, index=index)

    async def results(self, run_id: str) -> dict[str, JsonValue]:
        """Return the small results by task."""
        return await self._to.get(dict[str, JsonValue], _ONE + "/results", run_id=run_id)

    async def result(self, run_id: str, task: str, index: int | None = None) -> JsonValue | bytes:
        """Return the result of a task, or of one of its subtasks, whole in memory.

        It is bytes if the task says `parse: bytes`.
        """
        kinds: list[str] = []
        pieces = [piece async for piece in self._result(run_id, task, index, kinds.append)]
        if kinds[0].startswith("application/octet-stream"):
            return b"".join(pieces)
        value: JsonValue = json.loads(b"".join(pieces))
        return value

    def result_bytes(self, run_id: str, task: str, index: int | None = None) -> AsyncIterator[bytes]:
        """Yield the result of a task, or of one of its subtasks, piece by piece: JSON, or bytes with `parse: bytes`."""
        return self._result(run_id, task, index, lambda _: None)

    def _result(
        self, run_id: str, task: str, index: int | None, on_type: Callable[[str], object]
    ) -> AsyncIterator[bytes]:
        if index is None:
            return self._to.bytes(_ONE + "/results/{task}", on_type=on_type, run_id=run_id, task=task)
        path = _ONE + "/results/{task}/{index}"
        return self._to.bytes(path, on_type=on_type, run_id=run_id, task=task, index=index)

    def archive(self, run_id: str, format: Literal["zip", "tar"] = "zip") -> AsyncIterator[bytes]:
        """Yield an archive of all results: `TASK.json` for each task, `TASK.bin` for bytes."""
        return self._to.bytes(_ONE + "/archive", query={"format": format}, run_id=run_id)

    def logs(self, run_id: str, task: str, text: str = "") -> AsyncIterator[LogView]:
        """Yield the last 64 KiB that each attempt wrote to its standard output and error, if they contain `text`."""
        query = {"task": task, "text": text, "after": -1}
        mark = ("after", "next")
        return self._to.items(LogView, _ONE + "/logs", "logs", query=query, size="limit", mark=mark, run_id=run_id)

    async def waiting(self, run_id: str) -> WaitingView:
        """Return why the run waits, and what would help."""
        return await self._to.get(WaitingView, _ONE + "/waiting", run_id=run_id)

    async def errors(self, run_id: str) -> RunErrors:
        """Return the failures of the run by cause."""
        return await self._to.get(RunErrors, _ONE + "/errors", run_id=run_id)

    async def timeline(
        self, run_id: str, since: datetime | None = None, until: datetime | None = None, limit: int = 5000
    ) -> TimelineView:
        """Return which volunteer ran which subtask when; the newest attempts."""
        query = {"since": since, "until": until, "limit": limit}
        return await self._to.get(TimelineView, _ONE + "/timeline", query=query, run_id=run_id)

    async def compare(self, a: str, b: str) -> RunComparison:
        return await self._to.get(RunComparison, "/v1/runs:compare", query={"a": a, "b": b})

    async def signal(self, run_id: str, name: str, payload: JsonValue = None) -> SentSignal:
        """Send a signal for the task that waits for it or will wait for it."""
        return await self._to.post(SentSignal, _ONE + "/signals", {"name": name, "payload": payload}, run_id=run_id)

    async def cancel(self, run_id: str) -> RunView:
        """Cancel a run. A second cancel also skips the clean-up task."""
        return await self._to.post(RunView, _ONE + ":cancel", run_id=run_id)

    async def pause(self, run_id: str, task: str | None = None, *, call_back: bool = False) -> RunView:
        """Pause a run or one of its tasks; with `call_back` also stop the attempts under way."""
        body = {"call_back": call_back}
        if task is None:
            return await self._to.post(RunView, _ONE + ":pause", body, run_id=run_id)
        return await self._to.post(RunView, _ONE + "/tasks/{task}:pause", body, run_id=run_id, task=task)

    async def resume(self, run_id: str, task: str | None = None) -> RunView:
        if task is None:
            return await self._to.post(RunView, _ONE + ":resume", run_id=run_id)
        return await self._to.post(RunView, _ONE + "/tasks/{task}:resume", run_id=run_id, task=task)

    async def retry_failed(self, run_id: str, tasks: Sequence[str] = (), *, error_group: str | None = None) -> RunView:
        """Restart an ended run, running only what failed, in these tasks if any are given.

        With `error_group`, the `id` of one of the run's `errors`: only failures with that cause.
        """
        body = {"tasks": tasks, "error_group": error_group}
        return await self._to.post(RunView, _ONE + ":retry-failed", body, run_id=run_id)

    async def reset(self, run_id: str, task: str) -> RunView:
        """Restart an ended run at a task: that task and all tasks downstream run again from the beginning."""
        return await self._to.post(RunView, _ONE + ":reset", {"task": task}, run_id=run_id)

    async def rerun(self, run_id: str, parameters: Mapping[str, JsonValue] | None = None) -> RunView:
        """Start a new run like this one, with these parameters instead of its own."""
        return await self._to.post(RunView, _ONE + ":rerun", {"parameters": parameters or {}}, run_id=run_id)

    async def pause_many(self, filter: RunSelection, *, dry_run: bool = False, call_back: bool = False) -> Controlled:
        """Pause the newest 1,000 runs that the filter selects and that can be paused; `dry_run` only counts them."""
        return await self._many("pause", filter, dry_run, call_back=call_back)

    async def resume_many(self, filter: RunSelection, *, dry_run: bool = False) -> Controlled:
        return await self._many("resume", filter, dry_run)

    async def cancel_many(self, filter: RunSelection, *, dry_run: bool = False) -> Controlled:
        return await self._many("cancel", filter, dry_run)

    async def retry_failed_many(
        self, filter: RunSelection, tasks: Sequence[str] = (), *, error_group: str | None = None, dry_run: bool = False
    ) -> Controlled:
        return await self._many("retry-failed", filter, dry_run, tasks=tasks, error_group=error_group)

    async def reset_many(self, filter: RunSelection, task: str, *, dry_run: bool = False) -> Controlled:
        return await self._many("reset", filter, dry_run, task=task)

    async def rerun_many(
        self, filter: RunSelection, parameters: Mapping[str, JsonValue] | None = None, *, dry_run: bool = False
    ) -> Controlled:
        return await self._many("rerun", filter, dry_run, parameters=parameters or {})

    async def _many(self, call: str, filter: RunSelection, dry_run: bool, **more: object) -> Controlled:
        return await self._to.post(Controlled, f"/v1/runs:{call}", {"filter": filter, "dry_run": dry_run, **more})


class _Events(BaseModel):
    events: list[LoggedEvent]
