"""Count calls against a rate: a number of calls a minute for each key, with bursts."""

from __future__ import annotations

REMEMBERED = 20_000
_MINUTE = 60.0


class Rate:
    """The generic cell rate algorithm (ITU-T I.371): one number a key says when it will have paid for its calls.

    Times are seconds of any clock that only goes forward. A call costs under a microsecond (docs/decisions/0054).
    """

    def __init__(self, per_minute: int) -> None:
        self._cost = _MINUTE / per_minute
        self._patience = _MINUTE - self._cost
        self._paid: dict[int | str, float] = {}
        self._sweep_at = REMEMBERED

    def wait(self, key: int | str, now: float) -> float:
        """Return in how many seconds a call of `key` would be let in; 0.0: now."""
        return max(0.0, self._paid.get(key, now) - now - self._patience)

    def spend(self, key: int | str, now: float) -> float:
        """Let a call in and return 0.0, or return in how many seconds one would be; a refused call costs nothing."""
        paid = max(self._paid.get(key, now), now)
        late = paid - now - self._patience
        if late > 1e-9:
            return late
        self._paid[key] = paid + self._cost
        if len(self._paid) > self._sweep_at:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Forget who has paid for everything; that costs little a call, as it is done ever more seldom."""
        self._paid = {key: paid for key, paid in self._paid.items() if paid > now}
        self._sweep_at = max(REMEMBERED, 2 * len(self._paid))
