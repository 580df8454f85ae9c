"""The options of Prefect that volunteer tasks take. Any other option is refused where it is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.context import TagsContext
from prefect.utilities.annotations import NotSet

from njangi_flows.errors import FlowsError

WORKING = frozenset(
    {
        "name",
        "description",
        "version",
        "retries",
        "retry_delay_seconds",
        "retry_jitter_factor",
        "on_completion",
        "on_failure",
        "on_running",
    }
)

_CACHE = (
    "results are kept by the run alone: a flow that begins anew finds what equals its calls of before; "
    "to use a result in other runs, call the volunteer task in a subflow, or from a Prefect task, that is cached"
)
_RESULTS = "Njangi keeps the results of a run itself; return from the flow what Prefect is to store"
_TRANSACTIONS = "a call is no part of a Prefect transaction; use these hooks with a Prefect task that takes its result"
REFUSED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "tags": ((), "calls carry no tags; tag the flow, or give the task another name"),
    "cache_policy": ((NO_CACHE,), _CACHE),
    "cache_key_fn": ((), _CACHE),
    "cache_expiration": ((), _CACHE),
    "refresh_cache": ((False,), _CACHE),
    "task_run_name": ((), "calls are named after their task and their place in it; give the task another name"),
    "persist_result": ((False,), _RESULTS),
    "result_storage": ((), _RESULTS),
    "result_serializer": ((), _RESULTS),
    "result_storage_key": ((), _RESULTS),
    "cache_result_in_memory": ((True,), _RESULTS),
    "timeout_seconds": ((), "use timeout= for one attempt, schedule_to_close= for a call in all"),
    "log_prints": (
        (False,),
        "what a call prints stays with its attempt; return what the flow is to log, and print it there",
    ),
    "on_rollback": ((), _TRANSACTIONS),
    "on_commit": ((), _TRANSACTIONS),
    "retry_condition_fn": (
        (),
        "every failure of the function itself is tried again, up to `retries` times; return a value, rather than "
        "raise, for what no other try mends",
    ),
    "viz_return_value": ((), "flow.visualize() cannot run volunteer tasks; leave it out"),
    "asset_deps": (
        (),
        "calls are no part of Prefect's asset graph; name the assets at a Prefect task that takes their results",
    ),
}
"""What does not work, with the values besides None that ask for nothing, and what would be right."""

_NAME = re.compile(r"(?!wait-|sleep-|\.{1,2}$)[^/\x00-\x1f\x7f\ud800-\udfff]{1,200}")


class OptionRefusedError(FlowsError, TypeError):
    """A volunteer task was given an option that it does not have; `instead` says what would be right."""

    def __init__(self, option: str, instead: str) -> None:
        super().__init__(option, instead)
        self.option = option
        self.instead = instead

    def __str__(self) -> str:
        return f"volunteer tasks have no '{self.option}': {self.instead}"


def working(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that say something. Raises OptionRefusedError for one that does not work."""
    kept: dict[str, Any] = {}
    for option, value in options.items():
        nothing, instead = REFUSED.get(option, ((), ""))
        if not instead:
            kept[option] = value
        elif not (value is None or value is NotSet or _is_empty(value) or any(value == item for item in nothing)):
            raise OptionRefusedError(option, instead)
    name = kept.get("name")
    if name is not None and not _NAME.fullmatch(name):
        raise ValueError(
            f"a volunteer task cannot be called {name!r}: a name has 1 to 200 characters, is text without a slash and "
            "not just dots, and does not begin with wait- or sleep-, which are the names of waits"
        )
    return kept


def no_tags_of_its_own(flow_run_tags: list[str]) -> None:
    """Raise OptionRefusedError if calls made here would have tags that their flow run has not."""
    if TagsContext.get().current_tags - set(flow_run_tags):
        raise OptionRefusedError("tags", REFUSED["tags"][1])


def _is_empty(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset)) and not value
