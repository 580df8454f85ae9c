"""How much one transaction changes: whole batches, so that their counters stay right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile

from storage.database import Document

SUBTASKS_A_PIECE = 2000
"""How many subtasks one transaction changes: as many as one call may put, so any batch fits."""
BATCHES_A_PIECE = 200
"""How many batches one transaction changes, each by some operations of its own."""


def piece(batches: Sequence[Document], size: Callable[[Document], int]) -> Sequence[Document]:
    """Return as many of the batches as hold SUBTASKS_A_PIECE together; one if the first holds more."""
    sizes = accumulate(size(batch) for batch in batches)
    fitting = sum(1 for _ in takewhile(lambda sum_: sum_ <= SUBTASKS_A_PIECE, sizes))
    return batches[: max(1, fitting)]
