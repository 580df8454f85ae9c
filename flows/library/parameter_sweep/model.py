"""A predator-prey model after Lotka and Volterra, run once for each combination of its parameters."""

from __future__ import annotations

from typing import Any

STEPS_A_DAY = 50


def simulate(growth: float, hunting: float, hunger: float, days: int) -> list[list[float]]:
    """Return one row: the parameters, and the fewest hares and lynxes there ever were in `days` days."""
    hares, lynxes = 40.0, 9.0
    fewest = (hares, lynxes)
    for _ in range(days * STEPS_A_DAY):
        born, eaten = growth * hares, hunting * hares * lynxes
        hares, lynxes = (
            hares + (born - eaten) / STEPS_A_DAY,
            lynxes + (0.25 * eaten - hunger * lynxes) / STEPS_A_DAY,
        )
        fewest = (min(fewest[0], hares), min(fewest[1], lynxes))
    return [[growth, hunting, hunger, round(fewest[0], 6), round(fewest[1], 6)]]


def best(table: dict[str, Any]) -> dict[str, float]:
    """Return the row in which the rarer of the two kinds was never rarer than in any other."""
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    return max(rows, key=lambda row: min(row["hares"], row["lynxes"]))
