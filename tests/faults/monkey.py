"""Kill processes at moments that a seed decides, and remember which and when."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

Pids = Callable[[], Sequence[int]]
"""The processes that are struck together, now; none while they do not run."""
STILL_SECONDS = 15.0
"""How long a stopped process stays so: longer than a run lease, and than that of a leader."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done to whom, and when by the machine's clock."""

    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Strike:
    """What the monkey means to do `after` that many seconds; `chance` (0..1) picks one of several victims."""

    after: float
    kind: str
    chance: float


def strikes(seed: int, weights: Mapping[str, int], every: float) -> Iterator[Strike]:
    """Yield strikes without end, one in about `every` seconds: the same ones for the same seed."""
    random = Random(seed)
    kinds, shares = list(weights), list(weights.values())
    while True:
        [kind] = random.choices(kinds, shares)
        yield Strike(every * random.uniform(0.4, 1.6), kind, random.random())


@dataclass(slots=True)
class Monkey:
    """`victims` gives for every kind of fault whom it may hit; those not running at the moment are spared."""

    victims: Mapping[str, list[Pids]]
    plan: Iterator[Strike]
    faults: list[Fault] = field(default_factory=list)
    _waking: set[asyncio.Task[None]] = field(default_factory=set)

    async def play(self) -> None:
        """Strike until cancelled, and then wake whom it put to sleep."""
        try:
            for strike in self.plan:
                await asyncio.sleep(strike.after)
                self._strike(strike)
        finally:
            for task in self._waking:
                task.cancel()
            await asyncio.gather(*self._waking, return_exceptions=True)

    def _strike(self, strike: Strike) -> None:
        victims = self.victims[strike.kind]
        stop = strike.kind.startswith("stop ")
        struck = [
            pid
            for pid in victims[int(strike.chance * len(victims))]()
            if _sent(pid, signal.SIGSTOP if stop else signal.SIGKILL)
        ]
        if struck:
            self.faults.append(Fault(strike.kind, datetime.now(UTC)))
        if stop:
            self._waking |= {asyncio.create_task(_wake(pid, STILL_SECONDS)) for pid in struck}


def _sent(pid: int, number: signal.Signals) -> bool:
    """Send a signal; return whether there was a process to get it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


async def _wake(pid: int, after: float) -> None:
    """Let a stopped process go on; it may have been killed meanwhile."""
    try:
        await asyncio.sleep(after)
    finally:
        _sent(pid, signal.SIGCONT)
