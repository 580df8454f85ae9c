"""Sum up how many parts of a run's tasks failed."""

from __future__ import annotations

from collections.abc import Iterable


def together(tasks: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return all parts and the failed ones of a run, given those of its tasks.

    A task of one subtask has no parts unless that failed.
    """
    counted = [(total, failed) for total, failed in tasks if total > 1 or failed]
    return sum(total for total, _ in counted), sum(failed for _, failed in counted)
