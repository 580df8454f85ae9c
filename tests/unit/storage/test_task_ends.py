"""In which state a task stays that was open when its run ended."""

from __future__ import annotations

import pytest

from storage.runs.models import RunStatus
from storage.runs.parts import Parts, together
from storage.runs.task_ends import last_status
from storage.runs.tasks import TaskStatus

COMPLETED, FAILED, CANCELLED = RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED

OF_AN_OWN_FLOW = [
    (Parts(3), FAILED, "COMPLETED"),
    (Parts(3), CANCELLED, "COMPLETED"),
    (Parts(3), COMPLETED, "COMPLETED"),
    (Parts(3, failed=1), FAILED, "FAILED"),
    (Parts(3, failed=1), COMPLETED, "COMPLETED"),
    (Parts(3, failed=1, cancelled=1), FAILED, "FAILED"),
    (Parts(3, failed=1, cancelled=1), CANCELLED, "CANCELLED"),
    (Parts(3, cancelled=2), FAILED, "CANCELLED"),
    (Parts(3, cancelled=2), COMPLETED, "CANCELLED"),
    (Parts(), FAILED, "CANCELLED"),
]


@pytest.mark.parametrize(("parts", "run", "status"), OF_AN_OWN_FLOW, ids=str)
def test_a_task_of_an_engineers_flow_ends_as_its_calls_did(parts: Parts, run: RunStatus, status: str) -> None:
    assert last_status(TaskStatus.RUNNING, parts, run, own_flow=True) == status


@pytest.mark.parametrize(
    ("before", "run", "status"),
    [
        ("PENDING", FAILED, "SKIPPED"),
        ("PENDING", COMPLETED, "SKIPPED"),
        ("PENDING", CANCELLED, "CANCELLED"),
        ("RUNNING", FAILED, "CANCELLED"),
        ("AGGREGATING", COMPLETED, "CANCELLED"),
        ("SPLITTING", CANCELLED, "CANCELLED"),
    ],
)
def test_a_workflows_task_whose_end_its_flow_did_not_tell_did_not_come_to_it(
    before: str, run: RunStatus, status: str
) -> None:
    assert last_status(TaskStatus(before), Parts(3), run, own_flow=False) == status


def test_the_parts_of_a_run_are_those_of_its_tasks_but_for_single_ones_that_went_well() -> None:
    assert together([Parts(6, failed=2), Parts(1), Parts()]) == Parts(6, failed=2)
    assert together([Parts(6, failed=2), Parts(1, failed=1), Parts(30)]) == Parts(37, failed=3)
