"""What a run waits for is told by its kind, with what would help."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from coordinator.decisions.waiting import (
    Limit,
    Reason,
    Rest,
    RunNow,
    TaskNow,
    TaskPhase,
    TaskWait,
    reasons,
)
from coordinator.decisions.waiting import ReasonKind as Kind
from storage.values import EqualMachines, QueuedWork
from tests.conftest import NOON

GIB = 2**30
RUN = RunNow()
TASK = TaskNow("factor", TaskPhase.RUNNING)
QUEUE = QueuedWork("factor", queued=5, leased=0, checking=0, cpu=1, memory=GIB, storage=GIB, lending=True)
LAPTOP = EqualMachines(count=2, slots=4, cpu=4, memory=8 * GIB, storage=100 * GIB)


def of(
    run: RunNow = RUN,
    tasks: list[TaskNow] | None = None,
    queues: list[QueuedWork] | None = None,
    machines: list[EqualMachines] | None = None,
    **quotas: Limit,
) -> list[Reason]:
    return reasons(
        run,
        [TASK] if tasks is None else tasks,
        [QUEUE] if queues is None else queues,
        [LAPTOP] if machines is None else machines,
        **quotas,
    )


CASES: list[Any] = [
    pytest.param({"machines": []}, Kind.NO_VOLUNTEERS, None, 5, "joins", id="nobody online"),
    pytest.param({}, Kind.VOLUNTEERS_BUSY, "factor", 5, "2 of 2 machines", id="all at work"),
    pytest.param(
        {"queues": [replace(QUEUE, memory=16 * GIB)]},
        Kind.NO_FITTING_VOLUNTEER,
        "factor",
        5,
        "16 GiB of memory for a subtask of factor (the most is 8 GiB of memory)",
        id="too small machines",
    ),
    pytest.param({"leased": Limit(10, 10)}, Kind.QUOTA, None, 5, "10 allowed", id="quota of leases"),
    pytest.param(
        {"tasks": [TaskNow("factor", TaskPhase.SPLITTING)], "queues": [], "queued": Limit(9, 9)},
        Kind.QUOTA,
        "factor",
        0,
        "9 allowed",
        id="quota of the queue",
    ),
    pytest.param({"run": RunNow(paused=True)}, Kind.PAUSED, None, 5, "resume it", id="run paused"),
    pytest.param(
        {"tasks": [replace(TASK, paused=True)]},
        Kind.PAUSED,
        "factor",
        5,
        "task factor is paused",
        id="task paused",
    ),
    pytest.param(
        {"queues": [replace(QUEUE, queued=0, checking=3)]},
        Kind.CHECKING,
        "factor",
        3,
        "still being checked",
        id="certification",
    ),
    pytest.param(
        {"tasks": [replace(TASK, rest=Rest(2, NOON))], "queues": []},
        Kind.BACKOFF,
        "factor",
        2,
        "at 2026-06-01 12:00:00 UTC",
        id="between two tries",
    ),
    pytest.param(
        {"tasks": [TaskNow("ok", TaskPhase.RUNNING, awaited=TaskWait(Kind.SIGNAL, NOON, "approved"))], "queues": []},
        Kind.SIGNAL,
        "ok",
        0,
        "the signal approved, until 2026-06-01",
        id="signal",
    ),
    pytest.param(
        {"tasks": [TaskNow("night", TaskPhase.RUNNING, awaited=TaskWait(Kind.SLEEP, NOON))], "queues": []},
        Kind.SLEEP,
        "night",
        0,
        "until 2026-06-01 12:00:00 UTC",
        id="sleep",
    ),
    pytest.param(
        {
            "tasks": [
                TaskNow(
                    "sub", TaskPhase.RUNNING, awaited=TaskWait(Kind.CHILD, child_run_id="r2", child_status="RUNNING")
                )
            ],
            "queues": [],
        },
        Kind.CHILD,
        "sub",
        0,
        "r2, which is RUNNING",
        id="child",
    ),
    pytest.param({"run": RunNow(held=False, begun=False), "queues": []}, Kind.NOT_STARTED, None, 0, "no flow worker"),
    pytest.param(
        {"run": RunNow(held=False, begun=False, scheduled=False), "queues": []},
        Kind.NOT_STARTED,
        None,
        0,
        "Prefect does not know this run yet",
        id="Prefect away",
    ),
    pytest.param({"run": RunNow(held=False), "queues": []}, Kind.NOT_STARTED, None, 0, "is gone", id="worker lost"),
    pytest.param({"tasks": [TaskNow("a", TaskPhase.SPLITTING)], "queues": []}, Kind.NOT_STARTED, "a", 0, "being split"),
    pytest.param({"queues": [replace(QUEUE, queued=0, leased=4)]}, Kind.NONE, None, 4, "4 subtasks are with"),
    pytest.param({"tasks": [TaskNow("a", TaskPhase.AGGREGATING)], "queues": []}, Kind.NONE, None, 0, "results of a"),
    pytest.param({"run": RunNow(ended="FAILED")}, Kind.NONE, None, 0, "has ended: FAILED", id="ended"),
    pytest.param({"run": RunNow(cancelling=True)}, Kind.NONE, None, 0, "being cancelled", id="cancelling"),
]


@pytest.mark.parametrize(("state", "kind", "task", "count", "says"), CASES)
def test_one_cause_is_told_once(state: dict[str, Any], kind: Kind, task: str | None, count: int, says: str) -> None:
    [found] = of(**state)
    assert (found.kind, found.task, found.count) == (kind, task, count)
    assert says in found.detail


def test_a_batch_that_is_being_stopped_waits_for_nothing() -> None:
    assert [item.kind for item in of(queues=[replace(QUEUE, lending=False)])] == [Kind.NONE]


def test_a_machine_may_have_each_of_what_is_asked_but_none_all_of_it() -> None:
    wide = replace(LAPTOP, memory=64 * GIB, storage=GIB)
    [found] = of(queues=[replace(QUEUE, memory=32 * GIB, storage=50 * GIB)], machines=[LAPTOP, wide])
    assert found.kind is Kind.NO_FITTING_VOLUNTEER
    assert found.values["short"] == ["cpu", "memory", "storage"] and found.values["online"] == 4


def test_tasks_that_come_next_are_told_one_by_one_and_all_behind_them_in_one_line() -> None:
    tasks = [
        TaskNow("a", TaskPhase.ENDED),
        TaskNow("b", TaskPhase.RUNNING, ["a"]),
        TaskNow("c", TaskPhase.PENDING, ["a", "b"]),
        TaskNow("d", TaskPhase.PENDING, ["c"]),
        TaskNow("e", TaskPhase.PENDING, ["d"]),
        TaskNow("f", TaskPhase.PENDING, ["a"]),
    ]
    found = of(tasks=tasks, queues=[])
    assert [(item.kind, item.task, item.count) for item in found] == [
        (Kind.DEPENDENCIES, "c", 1),
        (Kind.NOT_STARTED, "f", 0),
        (Kind.DEPENDENCIES, None, 2),
    ]
    assert found[0].values == {"tasks": ["b"]}


def test_each_task_tells_its_own_cause() -> None:
    rest = Rest(1, NOON + timedelta(seconds=4))
    tasks = [replace(TASK, rest=rest), TaskNow("wide", TaskPhase.RUNNING)]
    wide = replace(QUEUE, task="wide", cpu=64)
    assert [(item.kind, item.task) for item in of(tasks=tasks, queues=[QUEUE, wide])] == [
        (Kind.VOLUNTEERS_BUSY, "factor"),
        (Kind.NO_FITTING_VOLUNTEER, "wide"),
        (Kind.BACKOFF, "factor"),
    ]
