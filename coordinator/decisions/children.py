"""Decide how deep child runs may be nested."""

from __future__ import annotations

from collections.abc import Sequence

MOST_DEPTH = 10
"""How many runs may stand above a run. A workflow that runs itself for ever is stopped here."""


def too_deep(chain: Sequence[str]) -> bool:
    """Whether no run may be started below runs of these workflows, the outermost first."""
    return len(chain) > MOST_DEPTH
