"""Decide which tasks of an ended run are set back when it is restarted, and how far."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence


class RestartStep(enum.StrEnum):
    """How a task is set back: RETRY keeps what was accepted, RESET nothing."""

    RETRY = "retry"
    RESET = "reset"


def retry_steps(statuses: Mapping[str, str], wanted: Collection[str] = ()) -> dict[str, RestartStep]:
    """Return the steps that try again what failed, of `wanted` alone if it names any.

    What was skipped or cancelled because of it goes along. Empty when nothing of what is wanted failed.
    """
    stopped = [name for name, status in statuses.items() if status in ("CANCELLED", "SKIPPED")]
    failed = [name for name, status in statuses.items() if status == "FAILED"]
    chosen = [name for name in failed if not wanted or name in wanted]
    if wanted and not set(wanted) <= {*failed, *stopped}:
        return {}
    return dict.fromkeys([*chosen, *stopped], RestartStep.RETRY)


def group_steps(
    statuses: Mapping[str, str], failing: Collection[str], wanted: Collection[str] = ()
) -> dict[str, RestartStep]:
    """Return the steps that try again what failed for one cause: of the tasks `failing` by it, or of those `wanted`.

    Empty when none of these has failed or was cancelled: what a task that completed tolerates is not tried again.
    """
    unfinished = [name for name in failing if statuses.get(name) in ("FAILED", "CANCELLED")]
    chosen = [name for name in unfinished if not wanted or name in wanted]
    return retry_steps(statuses, chosen) if chosen else {}


def unfinished_steps(statuses: Mapping[str, str]) -> dict[str, RestartStep]:
    """Return the steps that try again what did not complete of an engineer's own flow; only that knows what follows."""
    return {name: RestartStep.RETRY for name, status in statuses.items() if status != "COMPLETED"}


def downstream(task: str, dependencies: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the task and all that depend on it, directly or not."""
    found = {task}
    while more := {name for name, upstream in dependencies.items() if name not in found and found & {*upstream}}:
        found |= more
    return found


def reset_steps(
    task: str, dependencies: Mapping[str, Sequence[str]], statuses: Mapping[str, str]
) -> dict[str, RestartStep]:
    """Return the steps that do a task and all downstream of it from nothing; what else failed is tried again."""
    redone = downstream(task, dependencies)
    others = {name: status for name, status in statuses.items() if name not in redone}
    return {**dict.fromkeys(sorted(redone), RestartStep.RESET), **retry_steps(others)}
