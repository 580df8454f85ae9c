"""What calls of a Python task cost on a volunteer's machine, in the sandbox, without a service.

CPU is that of the agent, the sandbox and the interpreter together. `function` is a call that comes alone to a warm
interpreter, `bundled` one of twenty that come together, `isolated` one of twenty that each get a process of their own.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from njangi_agent.cache import Cache
from njangi_agent.executors.reports import Results
from njangi_agent.executors.slot import Slot
from njangi_agent.protocol import Lease, Report, TaskDefinition
from njangi_agent.sandbox.isolation import detect

from benchmarks.report import Figures, arguments, show

BUNDLE = 20
SOURCE = "def f(x): return x"
PRINTING = "def f(x):\n    print('call', x)\n    return x"
WRITING = "def f(x):\n    open('left', 'w').write('left')\n    return x"


class NoBlobs:
    """A service without blobs; these tasks have none."""

    async def fetch(self, sha256: str, path: Path) -> None:
        raise LookupError(sha256)

    async def store(self, sha256: str, path: Path) -> None:
        raise LookupError(sha256)


async def measure(home: Path, count: int) -> Figures:
    sandbox = detect(home)
    slot = Slot(sandbox, Cache(home / "cache", NoBlobs()), Results(NoBlobs()), home / "work")
    figures: dict[str, float | bool | str | None] = {"sandbox": sandbox.name}
    for name, source, bundle, isolate in (
        ("function", SOURCE, 1, False),
        ("function_bundled", SOURCE, BUNDLE, False),
        ("function_bundled_printing", PRINTING, BUNDLE, False),
        ("function_bundled_writing", WRITING, BUNDLE, False),
        ("function_isolated", SOURCE, BUNDLE, True),
    ):
        task = TaskDefinition(name, name, source=source, function="f", isolate=isolate)
        await run(slot, task, bundle)
        wall, cpu = time.perf_counter(), cpu_seconds(os.getpid())
        for _ in range(count // bundle):
            await run(slot, task, bundle)
        calls = count // bundle * bundle
        figures[f"{name}_cpu_ms"] = (cpu_seconds(os.getpid()) - cpu) / calls * 1000
        figures[f"{name}_ms"] = (time.perf_counter() - wall) / calls * 1000
    await slot.close()
    return figures


async def run(slot: Slot, task: TaskDefinition, bundle: int) -> None:
    leases = [Lease(f"s{n}", task.task_id, f"token-{n}", 1, 30, {"x": n}) for n in range(bundle)]
    reports: list[Report] = []
    await slot.run(task, leases, lambda said: reports.append(said) if isinstance(said, Report) else None)
    failed = [report.error for report in reports if report.error]
    if failed or len(reports) != bundle:
        raise RuntimeError(f"{len(reports)} of {bundle} calls were reported; errors: {failed[:1]}")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, its living descendants, and those that they have waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    children = [
        int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()
    ]
    return own + sum(cpu_seconds(child) for child in children)


def main() -> None:
    options = arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as home:
        figures = asyncio.run(measure(Path(home), 1000 if options.quick else 4000))
    show(figures, as_json=options.json)


if __name__ == "__main__":
    main()
