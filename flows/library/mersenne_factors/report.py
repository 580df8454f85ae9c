"""Sum up which Mersenne numbers were factored: report.py FILE, where FILE holds the table [p, factor] as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def summary(rows: list[tuple[int, int | None]]) -> dict[str, object]:
    """Return what the rows [p, factor or None] come to."""
    factored = [(p, factor) for p, factor in rows if factor is not None]
    p, factor = max(factored, key=lambda row: row[1], default=(None, None))
    return {
        "exponents": len(rows),
        "factored": len(factored),
        "largest_factor": {"p": p, "factor": factor},
        "without_a_factor_found": [p for p, factor in rows if factor is None],
    }


if __name__ == "__main__":
    json.dump(summary(json.loads(Path(sys.argv[1]).read_text())["rows"]), sys.stdout)
