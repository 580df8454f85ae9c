"""When runs end: the range holds what lending can do, and says what it rests on."""

from __future__ import annotations

import pytest

from coordinator.decisions.eta import Basis, Durations, TaskLeft, time_left

STEADY = Durations(count=400, mean=10.0, deviation=0.0)


def test_work_that_is_shared_out_evenly_takes_between_its_share_and_one_subtask_more() -> None:
    left = time_left([TaskLeft("t", [], 100, durations=STEADY)], slots=10)
    assert (left.soonest, left.latest) == (100.0, 110.0)
    assert "100 subtasks" in str(left.reason) and "10 slots" in str(left.reason) and "400" in str(left.reason)


def test_a_chain_of_tasks_is_never_quicker_than_its_links() -> None:
    chain = [TaskLeft("a", [], 1, durations=STEADY), TaskLeft("b", ["a"], 1, durations=STEADY)]
    assert time_left(chain, slots=1000).soonest == 20.0


def test_a_dependency_that_has_ended_holds_nothing_up() -> None:
    done = [TaskLeft("a", [], 0, durations=STEADY), TaskLeft("b", ["a"], 1, durations=STEADY)]
    assert time_left(done, slots=1000).soonest == 10.0


def test_the_latest_counts_only_the_slots_that_the_run_has_while_others_take_theirs() -> None:
    left = time_left([TaskLeft("t", [], 100, leased=5, durations=STEADY)], slots=50)
    assert (left.soonest, left.latest) == (20.0, 210.0)
    assert "5 slots that work for it now" in str(left.reason)


def test_the_tail_of_a_run_is_no_sign_of_others_at_work() -> None:
    left = time_left([TaskLeft("t", [], 5, leased=5, durations=STEADY)], slots=50)
    assert left.latest == 11.0


def test_few_and_scattered_durations_widen_the_range() -> None:
    few = time_left([TaskLeft("t", [], 100, durations=Durations(4, 10.0, 8.0))], slots=10)
    many = time_left([TaskLeft("t", [], 100, durations=Durations(400, 10.0, 8.0))], slots=10)
    assert few.soonest is not None and few.latest is not None
    assert many.soonest is not None and many.latest is not None
    assert few.soonest < many.soonest and many.latest < few.latest


def test_a_task_of_which_nothing_has_ended_is_taken_to_be_like_the_rest_and_named() -> None:
    left = time_left([TaskLeft("a", [], 1, durations=STEADY), TaskLeft("b", ["a"], 1)], slots=1)
    assert left.soonest == 20.0 and "no subtask of b has ended yet" in str(left.reason)


@pytest.mark.parametrize(
    ("tasks", "slots", "reason"),
    [
        pytest.param([TaskLeft("t", [], 5, durations=STEADY)], 0, "no volunteer is online", id="nobody there"),
        pytest.param([TaskLeft("t", [], 5)], 3, "no subtask of this run or of an earlier one", id="nothing known"),
        pytest.param(
            [TaskLeft("w", [], 0, waits=Basis("signal", {"task": "w", "signal": "go"}))],
            3,
            "task w waits for the signal go",
            id="a wait",
        ),
    ],
)
def test_what_cannot_be_told_is_not_told_and_why(tasks: list[TaskLeft], slots: int, reason: str) -> None:
    left = time_left(tasks, slots)
    assert (left.soonest, left.latest) == (None, None) and reason in str(left.reason)


def test_tasks_that_have_ended_tell_what_those_to_come_may_be_like() -> None:
    left = time_left([TaskLeft("a", [], 0, durations=STEADY), TaskLeft("b", ["a"], 4)], slots=2)
    assert left.soonest == 10.0 and left.latest is not None
    assert "no subtask of b has ended yet" in str(left.reason)
