"""Which tasks are set back when a run is begun again."""

from __future__ import annotations

import pytest

from coordinator.decisions.reopening import RestartStep, downstream, group_steps, reset_steps, retry_steps

#   a -> b -> d -> e,  c -> d,  f apart
DEPENDENCIES = {"a": [], "b": ["a"], "c": [], "d": ["b", "c"], "e": ["d"], "f": []}
STATUSES = {"a": "COMPLETED", "b": "FAILED", "c": "FAILED", "d": "SKIPPED", "e": "SKIPPED", "f": "COMPLETED"}
RETRY, RESET = RestartStep.RETRY, RestartStep.RESET


def test_what_failed_is_tried_again_with_what_was_skipped_because_of_it() -> None:
    assert retry_steps(STATUSES) == {"b": RETRY, "c": RETRY, "d": RETRY, "e": RETRY}


def test_only_the_failed_tasks_that_are_named_are_tried_again() -> None:
    assert retry_steps(STATUSES, ["b"]) == {"b": RETRY, "d": RETRY, "e": RETRY}


def test_naming_a_task_that_did_not_fail_sets_nothing_back() -> None:
    assert retry_steps(STATUSES, ["b", "f"]) == {}
    assert retry_steps({"a": "COMPLETED"}) == {}


@pytest.mark.parametrize(
    ("failing", "wanted", "expected"),
    [
        pytest.param({"b"}, [], {"b": RETRY, "d": RETRY, "e": RETRY}, id="what was skipped goes along"),
        pytest.param({"b", "f"}, [], {"b": RETRY, "d": RETRY, "e": RETRY}, id="f has completed and tolerates it"),
        pytest.param({"b", "c"}, ["c"], {"c": RETRY, "d": RETRY, "e": RETRY}, id="of a task that is named"),
        pytest.param({"b"}, ["c"], {}, id="c failed for another cause"),
        pytest.param({"f"}, [], {}, id="nothing that failed"),
    ],
)
def test_of_one_cause_the_tasks_that_failed_by_it(
    failing: set[str], wanted: list[str], expected: dict[str, RestartStep]
) -> None:
    assert group_steps(STATUSES, failing, wanted) == expected


def test_downstream_is_what_depends_on_a_task_however_far() -> None:
    assert downstream("b", DEPENDENCIES) == {"b", "d", "e"}
    assert downstream("e", DEPENDENCIES) == {"e"}


def test_a_reset_does_a_task_and_what_follows_anew_and_keeps_the_rest() -> None:
    done = dict.fromkeys(DEPENDENCIES, "COMPLETED")
    assert reset_steps("b", DEPENDENCIES, done) == {"b": RESET, "d": RESET, "e": RESET}


def test_a_reset_of_a_failed_run_tries_what_else_failed_again() -> None:
    steps = reset_steps("b", DEPENDENCIES, STATUSES)
    assert steps == {"b": RESET, "d": RESET, "e": RESET, "c": RETRY}
