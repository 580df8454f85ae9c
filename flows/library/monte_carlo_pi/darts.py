"""Throw darts at a square and count those that hit the quarter of a circle within it."""

from __future__ import annotations

import math
import random


def throw(seed: int, throws: int) -> int:
    """Return how many of `throws` darts hit; the same for the same seed on every machine."""
    darts = random.Random(seed)
    return sum(darts.random() ** 2 + darts.random() ** 2 <= 1.0 for _ in range(throws))


def estimate(hits: int, throws: int, parts: int) -> dict[str, float]:
    """Return pi as the hits have it, and the standard error of that."""
    total = throws * parts
    share = hits / total
    return {"pi": 4 * share, "standard_error": 4 * math.sqrt(share * (1 - share) / total), "throws": total}
