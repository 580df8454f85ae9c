"""A run rebuilt from its events, and compared with what a service says it stored."""

from __future__ import annotations

from typing import Any

import pytest
from njangi_flows.runs.comparison import run_differences, run_fields, subtask_differences, subtask_fields, task_fields
from njangi_flows.runs.history import HistoryError, ReplayedRun, rebuild

NOON = "2026-06-01T12:00:00+00:00"


def log(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """Number events of run r1 that begins with one task, `factor`."""
    begun = {"type": "run.submitted", "prefect_flow_run_id": None, "tasks": ["factor"]}
    return [
        {"v": 1, "seq": 10 * place, "at": NOON, "run_id": "r1", **event}
        for place, event in enumerate([begun, *events], 1)
    ]


def queued(last: int) -> dict[str, Any]:
    return {"type": "subtasks.queued", "task": "factor", "batches": [{"batch": 0, "ranges": [[0, last]]}]}


def of(type_: str, *indexes: int, volunteer: str = "ada", **fields: Any) -> dict[str, Any]:
    return {"type": f"subtasks.{type_}", "task": "factor", "volunteer": volunteer, "indexes": list(indexes), **fields}


def run_at(status: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"run.{status.lower()}", "error": None, "started_at": NOON, "ended_at": None, **fields}


def statuses(run: ReplayedRun) -> list[tuple[str, int]]:
    return [(item.status, item.attempt) for _, item in sorted(run.tasks["factor"].subtasks.items())]


LIFE = log(
    {"type": "run.scheduled", "prefect_flow_run_id": "p1"},
    {"type": "run.held", "holder": "w", "attempt": 1},
    {"type": "task.splitting", "task": "factor", "error": None},
    run_at("SPLITTING"),
    queued(4),
    {"type": "task.running", "task": "factor", "error": None},
    run_at("RUNNING"),
    of("leased", 0, 1, 2, 3, 4),
    of("completed", 0, status="COMPLETED"),
    of("failed", 1, status="FAILED"),
    of("refused", 2, status="QUEUED"),
    of("handed_back", 3, status="QUEUED"),
    of("expired", 4, status="DEAD"),
    of("leased", 2, volunteer="bih"),
    {"type": "subtasks.requeued", "task": "factor", "batch": 0, "tries": 2, "ranges": [[1, 1], [4, 4]]},
    {"type": "subtasks.cancelled", "task": "factor", "ranges": [[1, 4]]},
    {"type": "run.cancel_requested", "by": "admin"},
    {"type": "run.released", "error": "somebody asked"},
    run_at("CANCELLED", error="somebody asked", ended_at=NOON),
    {"type": "task.cancelled", "tasks": ["factor"]},
)


def test_a_run_is_what_its_events_made_of_it() -> None:
    run = rebuild(LIFE)
    assert (run.status, run.attempt, run.error, run.cancel_requested) == ("CANCELLED", 1, "somebody asked", True)
    assert (run.prefect_flow_run_id, run.started_at, run.ended_at, run.seq) == ("p1", NOON, NOON, 210)
    assert run.tasks["factor"].status == "CANCELLED"
    assert statuses(run) == [("COMPLETED", 1), *[("CANCELLED", attempt) for attempt in (1, 2, 1, 1)]]
    ended = [item.attempts for item in run.tasks["factor"].subtasks.values()]
    assert ended == [((("ada", outcome)),) for outcome in ("RETURNED", "FAILED", "REFUSED", "HANDED_BACK", "EXPIRED")]
    assert not run.unknown


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        pytest.param(6, [("QUEUED", 0)] * 5, id="queued"),
        pytest.param(9, [("LEASED", 1)] * 5, id="leased"),
        pytest.param(
            14,
            [("COMPLETED", 1), ("FAILED", 1), ("QUEUED", 1), ("QUEUED", 1), ("DEAD", 1)],
            id="each attempt ended its own way",
        ),
        pytest.param(
            16,
            [("COMPLETED", 1), ("QUEUED", 1), ("LEASED", 2), ("QUEUED", 1), ("QUEUED", 1)],
            id="failed and dead ones are back",
        ),
    ],
)
def test_any_beginning_of_a_log_gives_the_states_of_that_moment(until: int, expected: list[tuple[str, int]]) -> None:
    assert statuses(rebuild(LIFE[:until])) == expected


def test_a_run_whose_flow_was_lost_waits_for_another() -> None:
    lost = run_at("SUBMITTED", started_at=None, lost_flow_run="p1")
    run = rebuild(log({"type": "run.scheduled", "prefect_flow_run_id": "p1"}, run_at("RUNNING"), lost))
    assert (run.status, run.prefect_flow_run_id, list(run.tasks)) == ("SUBMITTED", None, ["factor"])


def test_subtasks_whose_time_is_over_have_failed_and_attempts_under_way_with_them() -> None:
    overdue = {"type": "subtasks.overdue", "task": "factor", "error": "ScheduleToCloseTimedOut", "ranges": [[0, 2]]}
    events = log(queued(2), of("leased", 0, 1), of("timed_out", 0, status="QUEUED"), overdue)
    assert statuses(rebuild(events)) == [("FAILED", 1), ("FAILED", 1), ("FAILED", 0)]
    ended = [item.attempts for item in rebuild(events).tasks["factor"].subtasks.values()]
    assert ended == [(("ada", "TIMED_OUT"),), (("ada", "TIMED_OUT"),), ()]


def test_types_of_later_versions_are_left_out_and_counted() -> None:
    run = rebuild(log({"type": "run.blessed", "by": "nobody"}, queued(0) | {"colour": "green"}))
    assert statuses(run) == [("QUEUED", 0)] and run.unknown == {"run.blessed": 1}


def test_a_subtask_remembers_its_latest_attempts_only() -> None:
    rounds = [event for n in range(30) for event in (of("leased", 0), of("expired", 0, status="QUEUED"))]
    [subtask] = rebuild(log(queued(0), *rounds)).tasks["factor"].subtasks.values()
    assert (subtask.attempt, len(subtask.attempts)) == (30, 20)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        pytest.param([], "no events", id="empty"),
        pytest.param(LIFE[1:], "not a run's beginning", id="cut off at the front"),
        pytest.param([*LIFE[:3], LIFE[1]], "comes after", id="out of order"),
        pytest.param([*LIFE[:3], LIFE[3] | {"run_id": "r2"}], "is of run r2", id="two runs"),
        pytest.param([LIFE[0], LIFE[8]], "is not known then", id="a lease of what was never queued"),
        pytest.param([*LIFE[:6], LIFE[8] | {"volunteer": "ada", "indexes": [9]}], "names 9", id="no such subtask"),
    ],
)
def test_what_cannot_be_a_whole_log_is_refused(events: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(HistoryError, match=why):
        rebuild(events)


def stored(run: ReplayedRun) -> dict[str, Any]:
    """Return the run as a service would show it that stored just this."""
    return {**run_fields(run), "tasks": [task_fields(name, task) for name, task in run.tasks.items()], "owner": "ada"}


def stored_subtasks(run: ReplayedRun) -> list[dict[str, Any]]:
    rows = []
    for index, subtask in sorted(run.tasks["factor"].subtasks.items()):
        fields = subtask_fields("r1/factor", index, subtask)
        ended = [{"volunteer_id": volunteer, "outcome": outcome} for volunteer, outcome in subtask.attempts]
        rows.append({**fields, "attempts": ended, "result": "1"})
    return rows


def test_what_is_the_same_has_no_differences() -> None:
    run = rebuild(LIFE)
    service = stored(run) | {"started_at": "2026-06-01T12:00:00Z"}
    assert list(run_differences(run, service)) == []
    assert list(subtask_differences(run, "factor", stored_subtasks(run))) == []


def test_every_difference_is_named() -> None:
    run = rebuild(LIFE[:14])
    service = stored(run)
    service["status"] = "COMPLETED"
    service["started_at"] = "2026-06-01T12:00:01Z"
    service["tasks"][0]["completed"] = 2
    service["tasks"].append({"name": "more"})
    assert list(run_differences(run, service)) == [
        "the run: status is RUNNING by the history, COMPLETED as stored",
        f"the run: started_at is {NOON} by the history, 2026-06-01T12:00:01Z as stored",
        "task more is stored and not in the history",
        "task factor: completed is 1 by the history, 2 as stored",
    ]
    rows = stored_subtasks(run)
    rows[2]["attempt"] = 7
    rows[3]["attempts"] = []
    extra = rows[0] | {"index": 5}
    assert list(subtask_differences(run, "factor", [*rows[1:], extra])) == [
        "subtask factor/2: attempt is 1 by the history, 7 as stored",
        "subtask factor/3: attempts is [['ada', 'HANDED_BACK']] by the history, [] as stored",
        "subtask factor/5 is stored and not in the history",
        "subtask factor/0 is in the history and not stored",
    ]
