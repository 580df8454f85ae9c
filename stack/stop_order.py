"""Decide which processes may be stopped together, given which needs which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def levels(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the names level by level: each needs only names of earlier levels. Names not in `needs` count as there.

    Raises ValueError when some need each other in a circle.
    """
    found: list[list[str]] = []
    left = dict(needs)
    while left:
        level = [name for name, needed in left.items() if not any(other in left for other in needed)]
        if not level:
            raise ValueError(f"these need each other in a circle: {', '.join(left)}")
        found.append(level)
        for name in level:
            del left[name]
    return found
