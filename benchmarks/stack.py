"""What the embedded stack costs while nothing happens, and how long it takes to be there.

The idle processes are mongod, the Prefect server, the API and the flow worker; Prefect's process worker, for
engineers' flows, is reported beside them. Memory is RSS, and PSS too, which counts shared pages once.
Percentages are of one core.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.report import Figures, arguments, show
from stack.settings import CHECKOUT, StackSettings
from stack.supervisor import Stack

COUNTED = ("mongod", "prefect", "api", "flow-worker")
SETTLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Idle:
    """One service at rest. Memory in MB."""

    rss: float
    pss: float
    cpu_percent: float


def main() -> int:
    parser = arguments(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--full", action="store_true", help="also time `make demo`, from nothing and again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), quick=options.quick))
    show({**figures, **demo(options.full)}, as_json=options.json)
    return 0


async def measure(folder: Path, *, quick: bool) -> Figures:
    first_up, _ = await up(folder, seconds=0)
    ups: list[float] = []
    idle: Mapping[str, Idle] = {}
    for start in range(1 if quick else 3):
        seconds, idle = await up(folder, seconds=(10 if quick else 60) if start == 0 else 0, before=idle)
        ups.append(seconds)
    print(f"{'service':<14} {'RSS MB':>8} {'PSS MB':>8} {'CPU %':>7}")
    for name, service in idle.items():
        print(f"{name:<14} {service.rss:>8.0f} {service.pss:>8.0f} {service.cpu_percent:>7.2f}")
    counted = [idle[name] for name in COUNTED]
    return {
        "idle_rss_mb": sum(service.rss for service in counted),
        "idle_pss_mb": sum(service.pss for service in counted),
        "idle_cpu_percent": sum(service.cpu_percent for service in counted),
        "up_s": median(ups),
        "up_first_s": first_up,
        "python_worker_rss_mb": idle["python-worker"].rss,
    }


async def up(
    folder: Path, *, seconds: float, before: Mapping[str, Idle] | None = None
) -> tuple[float, Mapping[str, Idle]]:
    """Start a stack on `folder`, watch it do nothing for `seconds`, stop it.

    Returns the seconds until it was ready, and each service at rest, or `before` when it was not to be watched.
    """
    began = time.monotonic()
    async with Stack(StackSettings(home=folder, port=0, prefect_port=0)) as stack:
        ready = time.monotonic() - began
        if seconds == 0:
            return ready, before or {}
        await asyncio.sleep(SETTLE_SECONDS)
        processes = {name: psutil.Process(stack.pid(name)) for name in stack.names}
        cpu = {name: cpu_seconds(process) for name, process in processes.items()}
        await asyncio.sleep(seconds)
        return ready, {
            name: at_rest(process, (cpu_seconds(process) - cpu[name]) / seconds) for name, process in processes.items()
        }


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def at_rest(process: psutil.Process, share: float) -> Idle:
    memory = process.memory_full_info()
    return Idle(rss=memory.rss / 2**20, pss=getattr(memory, "pss", memory.rss) / 2**20, cpu_percent=100 * share)


def demo(full: bool) -> Figures:
    """Time the demonstration from an empty .venv and .njangi, in a copy of the checkout, and a second time."""
    if not full:
        return {"demo_clean_s": None, "demo_warm_s": None, "notes": "demo_* are taken with --full"}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "njangi"
        subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(copy)], check=True)
        seconds: list[float] = []
        for _ in range(2):
            began = time.monotonic()
            subprocess.run(["make", "demo"], cwd=copy, check=True)
            seconds.append(time.monotonic() - began)
    return {"demo_clean_s": seconds[0], "demo_warm_s": seconds[1], "notes": "demo_clean_s includes every download"}


if __name__ == "__main__":
    sys.exit(main())
