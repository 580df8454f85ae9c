"""Check the table that the task `factor` returns against what is known of Mersenne numbers: check.py RESULT.json

A factor is checked by division, and against the published smallest factors; the exponents of Mersenne
primes must have none. Published values: Cunningham tables (Brillhart et al., AMS) and OEIS A016047, A000043.
"""

import json
import sys
from pathlib import Path

SMALLEST_FACTOR = {
    11: 23,
    23: 47,
    29: 233,
    37: 223,
    41: 13367,
    43: 431,
    47: 2351,
    53: 6361,
    59: 179951,
    67: 193707721,
    71: 228479,
    73: 439,
    79: 2687,
    83: 167,
    97: 11447,
    103: 2550183799,
    109: 745988807,
    113: 3391,
    131: 263,
    151: 18121,
    157: 852133201,
    163: 150287,
    167: 2349023,
    173: 730753,
    179: 359,
    181: 43441,
    191: 383,
    193: 13821503,
    197: 7487,
    211: 15193,
    223: 18287,
    229: 1504073,
    233: 1399,
    239: 479,
    241: 22000409,
    251: 503,
}
PRIME_MERSENNE_NUMBERS = (13, 17, 19, 31, 61, 89, 107, 127, 521, 607)
EXPONENTS = Path(__file__).with_name("exponents.txt")


def problems(result: object, bound: int = 750_000) -> list[str]:
    """Return what is wrong with a table {"columns": ["p", "factor"], "rows": [[p, factor or None]]}.

    `bound` is the run's parameter: a published factor 2kp + 1 must have been found if k is at most that.
    """
    if not isinstance(result, dict) or result.get("columns") != ["p", "factor"]:
        return ["the result is not a table with the columns p and factor"]
    rows = result.get("rows")
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        return ["the rows of the table are not all of an exponent and a whole number or null"]
    expected = [int(line) for line in EXPONENTS.read_text().split()]
    found = []
    if [p for p, _ in rows] != expected:
        found.append("the exponents are not those of exponents.txt, each once and in order")
    return found + [problem for p, factor in rows for problem in _problems_of_row(p, factor, bound)]


def _is_row(row: object) -> bool:
    if not isinstance(row, list) or len(row) != 2:
        return False
    p, factor = row
    return type(p) is int and (factor is None or type(factor) is int)


def _problems_of_row(p: int, factor: int | None, bound: int) -> list[str]:
    published = SMALLEST_FACTOR.get(p)
    if factor is None:
        if published is not None and published <= 2 * bound * p + 1:
            return [f"M{p} has the factor {published}, which was not found"]
        return []
    if p in PRIME_MERSENNE_NUMBERS:
        return [f"M{p} is prime, so {factor} cannot be its factor"]
    if not 1 < factor < 2**p - 1 or (2**p - 1) % factor:
        return [f"{factor} does not divide M{p}"]
    if published is not None and factor != published:
        return [f"the smallest factor of M{p} is {published}, not {factor}"]
    return []


if __name__ == "__main__":
    wrong = problems(json.loads(Path(sys.argv[1]).read_text()))
    sys.stdout.write("\n".join(wrong or ["as published"]) + "\n")
    sys.exit(bool(wrong))
