"""Decide what happens to work that machines refuse: who pauses, and when no machine is left to ask.

A refusal is no failure of the task: another machine may have what this one lacks. But a machine that is asked again at
once does nothing but refuse, and what all refuse would wait for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 30.0
PROOFS = 3
"""How many subtasks of a task a machine has refused when it counts as refusing all of them."""


def rest_seconds(refusals: int) -> float:
    """Return for how long a machine is lent nothing of a task after so many refusals of it in a row."""
    return float(min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2 ** (max(1, min(refusals, 10)) - 1)))


def refused_by_all(refused: Mapping[str, Set[str]], machines: Set[str]) -> set[str]:
    """Return which subtasks all `machines` have refused; `refused` names by subtask those that have refused it."""
    return {subtask for subtask, by in refused.items() if machines and machines <= by}


def all_refuse_all(refused: Mapping[str, Set[str]], machines: Set[str], *, total: int, completed: int) -> bool:
    """Whether none of the `machines` takes anything of a task of `total` subtasks, of which `completed` completed."""
    wanted = min(PROOFS, total)
    return bool(machines) and not completed and all(_refusals(refused, machine) >= wanted for machine in machines)


def _refusals(refused: Mapping[str, Set[str]], machine: str) -> int:
    return sum(machine in by for by in refused.values())
