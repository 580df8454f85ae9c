"""One task of 100,000 subtasks through the whole embedded stack: does it end, and does memory stay flat?

Synthetic agents answer at once, so that what coordinates is all that is measured. Memory is RSS: growth is from after
a run of 1,000 subtasks, when everything is loaded, to the peak during the large run.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.end_to_end import (
    SYNTHETIC_AGENTS,
    SYNTHETIC_SLOTS,
    Submitter,
    cpu_seconds,
    echo,
    processes,
    run_noops,
    service_of,
)
from benchmarks.report import Figures, arguments, show
from benchmarks.service import Service
from stack.settings import StackSettings
from stack.supervisor import Stack

WARM_UP = 1_000
SAMPLE_SECONDS = 0.25
WATCHED = {"api": "api", "worker": "flow-worker", "mongod": "mongod"}
COUNTED = ("mongod", "prefect", "api", "flow-worker")


class Peak:
    """The most memory that a process has had since `begin`, in MB."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._start = self._highest = self._now()

    def look(self) -> None:
        self._highest = max(self._highest, self._now())

    @property
    def growth(self) -> float:
        return self._highest - self._start

    @property
    def highest(self) -> float:
        return self._highest

    def _now(self) -> float:
        return float(self._process.memory_info().rss) / 2**20


@asynccontextmanager
async def watched(stack: Stack) -> AsyncIterator[Mapping[str, Peak]]:
    """Look at the memory of the stack's processes while the block runs."""
    peaks = {name: Peak(psutil.Process(stack.pid(service))) for name, service in WATCHED.items()}

    async def look() -> None:
        while True:
            for peak in peaks.values():
                peak.look()
            await asyncio.sleep(SAMPLE_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield peaks
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


@asynccontextmanager
async def synthetic_agents(service: Service) -> AsyncIterator[None]:
    """Have agents at work while the block runs."""
    agents = [await service.enrol(f"synthetic {i}", SYNTHETIC_SLOTS) for i in range(SYNTHETIC_AGENTS)]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for agent in agents:
            group.create_task(agent.work(stop.is_set, echo, wait=1))
        try:
            yield
        finally:
            stop.set()
    for agent in agents:
        await agent.close()


async def measure(count: int, repetitions: int) -> Figures:
    """Return medians over the repetitions, and the most memory of all: what one leaves behind shows in the next."""
    with tempfile.TemporaryDirectory(prefix="njangi-benchmark-", ignore_cleanup_errors=True) as folder:
        settings = StackSettings(home=Path(folder), port=0, prefect_port=0, agents=0).resolved()
        async with Stack(settings) as stack:
            service = service_of(stack, settings)
            submitter = Submitter(service)
            async with synthetic_agents(service):
                await run_noops(submitter, WARM_UP)
                counted = processes(stack, COUNTED)
                before = cpu_seconds(counted)
                seconds: list[float] = []
                recorded: list[int] = []
                async with watched(stack) as peaks:
                    for _ in range(repetitions):
                        took, run = await run_noops(submitter, count)
                        recorded.append(await submitter.recorded(run["id"], "noop"))
                        seconds.append(took)
                used = cpu_seconds(counted) - before
            await submitter.close()
    return {
        "subtasks": count,
        "seconds": median(seconds),
        "per_s": count / median(seconds),
        "cpu_us": used / (count * repetitions) * 1e6,
        "recorded": min(recorded),
        **{f"{name}_rss_growth_mb": peak.growth for name, peak in peaks.items()},
        **{f"{name}_rss_peak_mb": peak.highest for name, peak in peaks.items()},
    }


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    figures = asyncio.run(measure(10_000, 1) if options.quick else measure(100_000, 3))
    show(figures, as_json=options.json)


if __name__ == "__main__":
    main()
