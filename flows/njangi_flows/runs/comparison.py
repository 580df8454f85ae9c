"""Compare a run rebuilt from its history with the stored run, one line for each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from njangi_flows.runs.history import ReplayedRun, ReplayedSubtask, ReplayedTask
from njangi_flows.runs.parts import together

Stored = Mapping[str, Any]


def run_fields(run: ReplayedRun) -> dict[str, Any]:
    """Return the run's state under the names that the service's view of it has."""
    return {
        "id": run.id,
        "status": run.status,
        "attempt": run.attempt,
        "error": run.error,
        "cancel_requested": run.cancel_requested,
        "prefect_flow_run_id": run.prefect_flow_run_id,
        "replaced_by": run.replaced_by,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        **_parts(*together(task.parts() for task in run.tasks.values())),
    }


def _parts(total: int, failed: int) -> dict[str, int]:
    return {"parts": total, "failed_parts": failed}


def task_fields(name: str, task: ReplayedTask) -> dict[str, Any]:
    counts = task.counts()
    return {
        "name": name,
        "status": task.status,
        "error": task.error,
        "total": counts.total(),
        "queued": counts["QUEUED"],
        "leased": counts["LEASED"],
        "completed": counts["COMPLETED"],
        "failed": counts["FAILED"] + counts["DEAD"],
        "cancelled": counts["CANCELLED"],
        **_parts(*task.parts()),
    }


def subtask_fields(task_id: str, index: int, subtask: ReplayedSubtask) -> dict[str, Any]:
    return {
        "index": index,
        "batch": f"{task_id}/b{subtask.batch}",
        "status": subtask.status,
        "attempt": subtask.attempt,
        "assigned_to": subtask.assigned_to,
        "attempts": [list(attempt) for attempt in subtask.attempts],
    }


def run_differences(run: ReplayedRun, stored: Stored) -> Iterator[str]:
    """Yield what differs in the run itself and in its tasks, their counts included."""
    yield from _fields("the run", run_fields(run), stored)
    tasks = {str(task["name"]): task for task in stored["tasks"]}
    for name in sorted(run.tasks.keys() - tasks.keys()):
        yield f"task {name} is in the history and not stored"
    for name in sorted(tasks.keys() - run.tasks.keys()):
        yield f"task {name} is stored and not in the history"
    for name in sorted(run.tasks.keys() & tasks.keys()):
        yield from _fields(f"task {name}", task_fields(name, run.tasks[name]), tasks[name])


def subtask_differences(run: ReplayedRun, name: str, stored: Iterable[Stored]) -> Iterator[str]:
    """Yield what differs in the subtasks of one task; `stored` are all of them as the service shows them."""
    rebuilt = run.tasks[name].subtasks if name in run.tasks else {}
    seen: set[int] = set()
    for item in stored:
        index = int(item["index"])
        seen.add(index)
        if index not in rebuilt:
            yield f"subtask {name}/{index} is stored and not in the history"
            continue
        ended = [[attempt["volunteer_id"], attempt["outcome"]] for attempt in item["attempts"]]
        fields = subtask_fields(f"{run.id}/{name}", index, rebuilt[index])
        yield from _fields(f"subtask {name}/{index}", fields, {**item, "attempts": ended})
    for index in sorted(rebuilt.keys() - seen):
        yield f"subtask {name}/{index} is in the history and not stored"


def _fields(what: str, rebuilt: Mapping[str, Any], stored: Stored) -> Iterator[str]:
    for name, value in rebuilt.items():
        other = stored.get(name)
        if value != other and not (name.endswith("_at") and _moment(value) == _moment(other)):
            yield f"{what}: {name} is {value} by the history, {other} as stored"


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
