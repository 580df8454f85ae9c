"""Count words: of some lines, then of all."""

from __future__ import annotations

import re
from collections import Counter

WORD = re.compile(r"[^\W\d_]+")


def count(lines: list[str]) -> dict[str, int]:
    """Return how often each word stands in `lines`, in lower case."""
    return dict(Counter(word for line in lines for word in WORD.findall(line.lower())))


def total(counts: list[dict[str, int]], most: int) -> dict[str, object]:
    """Return how many words there are, how many different, the `most` frequent, of equals the first by name."""
    words: Counter[str] = Counter()
    for part in counts:
        words.update(part)
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    return {"words": words.total(), "different": len(words), "most_frequent": ranked[:most]}
