"""A storm: many runs on the whole stack while a monkey kills its processes and the network between fails.

What comes of it is a `Report`; nothing here asserts.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from stack.process import Process
from stack.settings import Settings
from stack.supervisor import Stack
from storage.database import Database, open_database
from tests.end_to_end.submitting import ENDED, Submitter
from tests.faults.audit import Audit, audit, seconds_to_resume
from tests.faults.crew import Crew, agents, flow_worker
from tests.faults.monkey import Monkey, Pid, strikes
from tests.faults.proxy import Proxy, at_random
from tests.faults.shapes import Shape, shapes

WEIGHTS = {"agent": 5, "flow-worker": 3, "api": 2, "mongod": 2, "prefect": 1, "stop flow-worker": 1}
LOOK_SECONDS = 1.0
CALM_SECONDS = 300.0
"""How long the runs may take to end once nothing is killed any more."""


@dataclass(frozen=True, slots=True)
class Storm:
    """How much of what: one process is struck in about `every` seconds, `network` is the share of bad requests."""

    runs: int
    seed: int
    every: float = 5.0
    at_once: int = 12
    agents: int = 3
    network: float = 0.03
    longest_seconds: float = 3600.0  # after that nothing is killed any more


@dataclass(frozen=True, slots=True)
class Report:
    audit: Audit
    faults: Mapping[str, int]
    resumed: list[float]  # seconds from a fault to the next accepted subtask
    seconds: float

    def figures(self) -> dict[str, float | str | None]:
        """Return the figures by their names."""
        found = self.audit
        return {
            "runs": found.runs,
            "ended": found.ended,
            "subtasks": found.subtasks,
            "accepted_twice": found.accepted_twice,
            "lost": found.lost,
            "rerun_after_accept": found.rerun_after_accept,
            "wrong_aggregates": found.wrong_aggregates,
            "faults": sum(self.faults.values()),
            "resume_p50_s": statistics.median(self.resumed) if self.resumed else None,
            "resume_p99_s": _percentile(self.resumed, 0.99),
            "recoveries": found.recoveries,
            "extra_executions": found.executions - found.subtasks,
            "seconds": self.seconds,
        }


async def chaos(home: Path, storm: Storm, say: Callable[[str], None]) -> Report:
    """Run a storm on a new stack in `home`; `say` hears what goes on."""
    began = time.monotonic()
    async with _shaken(home, storm, say) as (stack, database, monkey, proxy):
        async with Submitter(stack) as submitter:
            asked: dict[str, Shape] = {}
            await _storm(storm, submitter, monkey, asked, say)
            say("every run has ended or had its time; looking at what they left")
            found = await audit(stack, database, submitter, asked)
        resumed = await seconds_to_resume(database, monkey.faults)
        kinds = Counter(fault.kind for fault in monkey.faults)
        kinds.update({f"network: {fault.value}": count for fault, count in proxy.faults.items()})
    return Report(found, kinds, resumed, time.monotonic() - began)


def _service(stack: Stack, name: str) -> Pid:
    return lambda: stack.pid(name)


def _process(process: Process) -> Pid:
    return lambda: process.pid


@asynccontextmanager
async def _shaken(
    home: Path, storm: Storm, say: Callable[[str], None]
) -> AsyncIterator[tuple[Stack, Database, Monkey, Proxy]]:
    """Start a stack with its agents behind a bad network, a second flow worker, and the monkey ready."""
    settings = Settings(home=home, port=0, prefect_port=0, without=frozenset({"python-worker"})).resolved()
    delays = Random(storm.seed)
    async with (
        Stack(settings, say) as stack,
        Proxy(settings.port, at_random(storm.seed, storm.network), lambda: 2 * delays.random()) as proxy,
        open_database(stack.mongodb_uri) as database,
    ):
        workers = [flow_worker(stack, "second-worker")]
        volunteers = agents(stack, proxy.url, storm.agents)
        carriers = [_service(stack, "flow-worker"), _process(workers[0])]
        victims: dict[str, list[Pid]] = {
            "agent": [_process(agent) for agent in volunteers],
            "flow-worker": carriers,
            "stop flow-worker": carriers,
            **{name: [_service(stack, name)] for name in ("api", "mongod", "prefect")},
        }
        monkey = Monkey(victims, strikes(storm.seed, WEIGHTS, storm.every))
        async with Crew([*volunteers, *workers]):
            yield stack, database, monkey, proxy


async def _storm(
    storm: Storm,
    submitter: Submitter,
    monkey: Monkey,
    asked: dict[str, Shape],
    say: Callable[[str], None],
) -> None:
    """Have all runs made, with the monkey at play until they have ended or the storm's time is over."""
    places = asyncio.Semaphore(storm.at_once)
    running = asyncio.ensure_future(
        asyncio.gather(
            *(
                _carry(f"chaos {number}", shape, submitter, asked, places, say)
                for number, shape in enumerate(islice(shapes(storm.seed), storm.runs))
            )
        )
    )
    playing = asyncio.create_task(monkey.play())
    try:
        ends: set[asyncio.Future[Any]] = {running, playing}
        await asyncio.wait(ends, timeout=storm.longest_seconds, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            say("the storm is over; waiting for the runs that are left")
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    if playing.done() and not playing.cancelled():
        playing.result()
    with suppress(TimeoutError):
        await asyncio.wait_for(running, CALM_SECONDS)


async def _carry(
    name: str,
    shape: Shape,
    submitter: Submitter,
    asked: dict[str, Shape],
    places: asyncio.Semaphore,
    say: Callable[[str], None],
) -> None:
    """Submit one run and wait for its end."""
    async with places:
        asked[name] = shape
        child = f"{name} child"
        if shape.child is not None:
            asked[child] = shape.child
            await submitter.create(*shape.child.tasks, name=child)
        run_id = await submitter.start(*shape.named(child), name=name)
        for signal, payload in shape.signals.items():
            await submitter.signal(run_id, signal, payload)
        if shape.cancel:
            await submitter.until(run_id, lambda run: any(task["leased"] for task in run["tasks"]), CALM_SECONDS)
            await submitter.cancel(run_id)
        while (status := (await submitter.run(run_id))["status"]) not in ENDED:
            await asyncio.sleep(LOOK_SECONDS)
        say(f"{name} ({shape.kind}) {status}")


def _percentile(values: list[float], share: float) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
