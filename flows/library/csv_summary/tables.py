"""Sum up a column of a CSV file, and put such sums together."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any


def summarise(file: str, column: str) -> list[list[Any]]:
    """Return one row: the file's name, how many rows have a number in `column`, and their least, most and sum."""
    with Path(file).open(newline="", encoding="utf-8") as lines:
        values = [float(row[column]) for row in csv.DictReader(lines) if row[column].strip()]
    return [[file, len(values), min(values, default=None), max(values, default=None), round(sum(values), 6)]]


def merge(table: dict[str, Any]) -> dict[str, Any]:
    """Return what the files come to together."""
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"] if row[1]]
    count = sum(row["rows"] for row in rows)
    total = round(sum(row["sum"] for row in rows), 6)
    return {
        "files": len(table["rows"]),
        "rows": count,
        "least": min((row["least"] for row in rows), default=None),
        "most": max((row["most"] for row in rows), default=None),
        "mean": round(total / count, 6) if count else None,
    }
