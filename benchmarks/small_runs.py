"""Many small runs submitted at once: how long until all have ended, and whether any is taken for lost on the way.

Each has four no-op subtasks, which synthetic agents answer at once, so what is measured is the service, Prefect and the
flow worker. Nothing is killed: every recovery of a run is a false one.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.end_to_end import Submitter, cpu_seconds, echo, noops, processes, service_of
from benchmarks.report import Figures, arguments, show
from benchmarks.service import Service
from stack.settings import StackSettings
from stack.supervisor import Stack
from storage.database import open_database

SUBTASKS = 4
AGENTS = 2
SLOTS = 64
PARTS = ("mongod", "prefect", "api", "flow-worker")


class Leases:
    """When the first subtask of each run was lent."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}

    def answer(self, lease: dict[str, Any]) -> str:
        self.first.setdefault(lease["subtask_id"].partition("/")[0], time.perf_counter())
        return echo(lease)


@asynccontextmanager
async def working_agents(service: Service, leases: Leases) -> AsyncIterator[None]:
    stop = asyncio.Event()
    agents = [await service.enrol(f"synthetic {i}", SLOTS) for i in range(AGENTS)]
    working = [asyncio.create_task(agent.work(stop.is_set, leases.answer, wait=1)) for agent in agents]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*working)
        for agent in agents:
            await agent.close()


async def run_at_once(submitter: Submitter, count: int, leases: Leases) -> tuple[float, float]:
    """Start runs all at once; return the seconds until the last has ended, and the median to the first lease of each.

    Raises RuntimeError unless all of them COMPLETED.
    """
    workflow_id = await submitter.workflow(noops(SUBTASKS))
    began = time.perf_counter()
    run_ids = await asyncio.gather(*(submitter.start(workflow_id) for _ in range(count)))
    for run_id in run_ids:
        await submitter.ended(run_id)
    seconds = time.perf_counter() - began
    return seconds, statistics.median(leases.first[run_id] - began for run_id in run_ids)


async def recoveries(stack: Stack) -> int:
    """Return how often a run was scheduled again because its flow worker was thought lost."""
    async with open_database(stack.mongodb_uri) as database:
        return await database["events"].count_documents({"type": "run.recovered"})


async def measure(quick: bool) -> Figures:
    leases = Leases()
    many: float | None = None
    taken, first_leases, used = [], [], []
    with tempfile.TemporaryDirectory(prefix="njangi-benchmark-", ignore_cleanup_errors=True) as folder:
        settings = StackSettings(home=Path(folder), port=0, prefect_port=0, agents=0).resolved()
        async with Stack(settings) as stack:
            service = service_of(stack, settings)
            submitter = Submitter(service, patience=600)
            found = processes(stack, PARTS)
            async with working_agents(service, leases):
                await run_at_once(submitter, 2, leases)  # everything is loaded
                for _ in range(1 if quick else 3):
                    before = cpu_seconds(found)
                    seconds, first_lease = await run_at_once(submitter, 100, leases)
                    taken.append(seconds)
                    first_leases.append(first_lease)
                    used.append((cpu_seconds(found) - before) / 100)
                if not quick:
                    many, _ = await run_at_once(submitter, 500, leases)
            await submitter.close()
            false = await recoveries(stack)
    figures: dict[str, float | str | None] = {
        "runs_100_s": statistics.median(taken),
        "first_lease_100_p50_s": statistics.median(first_leases),
        "runs_500_s": many,
        "false_recoveries": false,
        "cpu_per_run_s": statistics.median(used),
    }
    return figures | ({"notes": "500 runs at once take more than a minute"} if quick else {})


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    os.environ.update(dict.fromkeys(("NJANGI_REQUESTS_PER_TOKEN", "NJANGI_REQUESTS_PER_ADDRESS"), "1000000000"))
    show(asyncio.run(measure(options.quick)), as_json=options.json)


if __name__ == "__main__":
    main()
