"""Decide how long to wait before a process that died is started again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartBackoff:
    """Doubling waits, in seconds; a service that was ready for `well_after` seconds starts over with the first.

    Patience is for what cannot run, not for what is killed now and then: while the service is away everybody waits.
    """

    first: float = 0.5
    longest: float = 15.0
    well_after: float = 10.0

    def failures(self, before: int, ready_for: float) -> int:
        """Return the count of failures in a row, given the count before this one and how long the service was ready."""
        return 1 if ready_for >= self.well_after else before + 1

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after the `failures`-th failure in a row, counted from 1."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 60))
