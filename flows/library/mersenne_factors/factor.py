"""Find the smallest factor 2kp + 1 of 2^p - 1, for k up to a bound: factor.py BOUND P [P ...]

Writes JSON: one {"p": p, "factor": q or null} for each exponent. Standard library only.
"""

from __future__ import annotations

import json
import math
import sys


def smallest_factor(p: int, bound: int) -> int | None:
    """Return the smallest proper factor of 2^p - 1 among 2kp + 1 with 1 <= k <= bound, or None.

    `p` is an odd prime. Every factor of 2^p - 1 is 1 more than a multiple of 2p, and 1 or 7 modulo 8.
    Dividing 2^p - 1 is the same as 2^p leaving 1, which takes no long division.
    """
    largest = min(2 * bound * p + 1, math.isqrt(2**p - 1))
    for q in range(2 * p + 1, largest + 1, 2 * p):
        if q % 8 in (1, 7) and q % 3 and q % 5 and pow(2, p, q) == 1:
            return q
    return None


if __name__ == "__main__":
    bound, *exponents = map(int, sys.argv[1:])
    json.dump([{"p": p, "factor": smallest_factor(p, bound)} for p in exponents], sys.stdout)
