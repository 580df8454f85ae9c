"""What runs cost that go on for long: one flow worker carries many, and each only waits.

Every run has two tasks under way: one waits for a volunteer (there are none), one for time to pass. CPU seconds of
API, mongod, Prefect and the flow worker while nothing else happens.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import psutil

from benchmarks.report import Figures, arguments, show
from benchmarks.stack import COUNTED, cpu_seconds
from stack.settings import StackSettings
from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter

LONGEST_START = 600.0
SETTLE_SECONDS = 15.0
TASKS = (
    {"name": "work", "command": ["true"]},
    {"name": "night", "sleep": "8h"},
)


async def measure(folder: Path, runs: int, seconds: float) -> Figures:
    async with (
        Stack(StackSettings(home=folder, port=0, prefect_port=0, without=frozenset({"python-worker"}))) as stack,
        Submitter(stack) as submitter,
    ):
        workflow = await submitter.create(*TASKS)
        for _ in range(runs):
            (await submitter.post(f"/v1/workflows/{workflow}/runs", {"parameters": {}})).raise_for_status()
        await _under_way(submitter, runs)
        await asyncio.sleep(SETTLE_SECONDS)
        processes = {name: psutil.Process(stack.pid(name)) for name in COUNTED}
        before = {name: cpu_seconds(process) for name, process in processes.items()}
        await asyncio.sleep(seconds)
        used = {name: cpu_seconds(process) - before[name] for name, process in processes.items()}
        memory = processes["flow-worker"].memory_info().rss / 2**20
    return {
        "runs": runs,
        **{f"{name.replace('-', '_')}_cpu_percent": 100 * cpu / seconds for name, cpu in used.items()},
        "cpu_ms_per_run_and_minute": sum(used.values()) / runs / seconds * 60_000,
        "flow_worker_rss_mb": memory,
    }


async def _under_way(submitter: Submitter, runs: int) -> None:
    """Wait until the worker carries all runs."""
    async with asyncio.timeout(LONGEST_START):
        while True:
            found = (await submitter.get("/v1/runs", page_size=runs))["runs"]
            if sum(run["status"] == "RUNNING" for run in found) >= runs:
                return
            await asyncio.sleep(2.0)


def main() -> int:
    parser = arguments(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="njangi-") as folder:
        figures = asyncio.run(measure(Path(folder), options.runs, 30 if options.quick else 60))
    show(figures, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
