"""Volunteer tasks take an option and heed it, or refuse it where it is given."""

from __future__ import annotations

import datetime
import inspect
from typing import Any

import pytest
from njangi_flows import volunteer_task
from njangi_flows.tasks.calls import to_come
from njangi_flows.tasks.options import REFUSED, WORKING, OptionRefusedError, no_tags_of_its_own
from njangi_flows.tasks.volunteer_tasks import VolunteerTask
from prefect import Task, tags
from prefect.cache_policies import INPUTS, NO_CACHE
from prefect.utilities.annotations import NotSet, allow_failure

ASKED: dict[str, Any] = {
    "tags": ["a"],
    "cache_policy": INPUTS,
    "cache_key_fn": lambda context, parameters: "key",
    "cache_expiration": datetime.timedelta(days=1),
    "refresh_cache": True,
    "task_run_name": "call {n}",
    "persist_result": True,
    "result_storage": "local-file-system/results",
    "result_serializer": "json",
    "result_storage_key": "key",
    "cache_result_in_memory": False,
    "timeout_seconds": 5,
    "log_prints": True,
    "on_rollback": [print],
    "on_commit": [print],
    "retry_condition_fn": lambda task, run, state: True,
    "viz_return_value": 1,
    "asset_deps": ["s3://bucket/key"],
}


def double(n: int) -> int:
    return 2 * n


def test_every_option_of_a_prefect_task_works_or_is_refused() -> None:
    theirs = set(inspect.signature(Task.__init__).parameters) - {"self", "fn"}
    assert theirs == WORKING | REFUSED.keys()
    assert not WORKING & REFUSED.keys()
    assert ASKED.keys() == REFUSED.keys()


@pytest.mark.parametrize("option", ASKED)
def test_an_option_that_does_not_work_is_refused_with_what_would_be_right(option: str) -> None:
    made = volunteer_task(double)
    for give in (volunteer_task(**{option: ASKED[option]}), made.with_options):
        with pytest.raises(OptionRefusedError, match=f"volunteer tasks have no '{option}': .+"):
            give(double) if give != made.with_options else give(**{option: ASKED[option]})


@pytest.mark.parametrize(
    "options",
    [
        {"persist_result": False, "cache_policy": NO_CACHE, "log_prints": False, "refresh_cache": None},
        {"tags": [], "timeout_seconds": None, "cache_result_in_memory": True, "on_commit": []},
        {"retry_condition_fn": None, "cache_policy": NotSet},
    ],
)
def test_an_option_that_asks_for_nothing_is_taken(options: dict[str, Any]) -> None:
    assert volunteer_task(**options)(double).with_options(**options).name == "double"


def test_a_word_that_is_no_option_is_refused() -> None:
    with pytest.raises(TypeError, match="gpus"):
        volunteer_task(gpus=1)(double)


@pytest.mark.parametrize("call", ["delay", "apply_async", "serve"])
def test_what_would_run_elsewhere_than_on_volunteers_is_refused(call: str) -> None:
    with pytest.raises(OptionRefusedError, match="belongs to a flow"):
        getattr(volunteer_task(double), call)()
    with pytest.raises(OptionRefusedError, match="belongs to a flow"):
        volunteer_task(double).map([1], deferred=True)


@pytest.mark.parametrize("hook", ["on_commit", "on_rollback"])
def test_a_hook_that_would_never_be_called_is_refused(hook: str) -> None:
    with pytest.raises(OptionRefusedError, match=hook):
        getattr(volunteer_task(double), hook)(print)


def test_hooks_are_those_of_the_task_run_however_they_were_given() -> None:
    made: VolunteerTask[[int], int] = volunteer_task(on_completion=[print])(double)
    made.on_failure(repr)
    for task in (made, made.with_options(cpu=2)):
        assert (task.waiting.on_completion_hooks, task.waiting.on_failure_hooks) == ([print], [repr])


def test_tags_within_a_flow_are_refused_those_of_its_run_are_not() -> None:
    no_tags_of_its_own([])
    with tags("a"):
        no_tags_of_its_own(["a", "b"])
        with tags("c"), pytest.raises(OptionRefusedError, match="'tags'"):
            no_tags_of_its_own(["a", "b"])


@pytest.mark.parametrize("name", ["a/b", ".", "..", "wait-x", "sleep-0", "a\nb", "\ud800", "x" * 201])
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        volunteer_task(name=name)(double)


@pytest.mark.parametrize(
    "options",
    [{"cpu": 0}, {"cpu": -1}, {"cpu": float("nan")}, {"memory": 0}, {"storage": -1}, {"isolate": "no"}, {"timeout": 0}],
    ids=repr,
)
def test_what_no_machine_could_have_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError), match=r"greater than|finite number|True or False"):
        volunteer_task(**options)(double)


def test_changed_options_take_effect() -> None:
    made = volunteer_task(memory="256MiB", timeout="1m")(double)
    larger = made.with_options(memory="1GiB", timeout="2m", name="twice")
    assert (made.definition.fields["memory"], larger.definition.fields["memory"]) == (2**28, 2**30)
    assert (larger.definition.fields["start_to_close"], larger.definition.name) == (120, "twice")
    assert made.definition.digest != larger.definition.digest
    assert made.with_options(retries=3).definition == made.definition, "what does not change the call keeps its name"


def test_a_failure_that_is_allowed_among_the_parameters_is_refused() -> None:
    with pytest.raises(OptionRefusedError, match="'allow_failure'"):
        to_come({"rows": [1, allow_failure(2)]})


def test_parameters_and_results_are_values_of_python() -> None:
    assert volunteer_task(double).definition.fields["values"] == "python"
