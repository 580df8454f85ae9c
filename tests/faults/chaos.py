"""A storm: many runs on the whole stack while a monkey kills its processes and the network between fails.

What comes of it is a `Report`; nothing here asserts.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from stack.process import ChildProcess
from stack.settings import StackSettings, free_port
from storage.database import Database, open_database
from tests.end_to_end.submitting import ENDED, Submitter
from tests.faults.audit import Audit, audit, seconds_to_resume
from tests.faults.crew import Crew, agents, flow_worker, replica
from tests.faults.engineers import NAME, SHAPE, Engineers
from tests.faults.machine import Machine, below
from tests.faults.monkey import Monkey, Pids, strikes
from tests.faults.proxy import NetworkFault, Proxy, at_random
from tests.faults.replica_set import ReplicaSet
from tests.faults.shapes import Shape, shapes

WEIGHTS = {
    "agent": 5,
    "flow-worker": 3,
    "api": 2,
    "mongod": 2,
    "prefect": 1,
    "stop flow-worker": 1,
    "stop api": 1,  # where there are several
    "python-worker": 1,  # where engineers' flows run
    "engineer's flow": 1,
    "machine": 1,  # where power is cut
}
LOOK_SECONDS = 1.0
CALM_SECONDS = 300.0
"""How long the runs may take to end once nothing is killed any more."""


@dataclass(frozen=True, slots=True)
class Storm:
    """How much of what: one process is struck in about `every` seconds, `network` is the share of bad requests.

    `members` of MongoDB, `replicas` of the API; `engineers` runs of an engineer's own flow come with the others;
    `power_cuts`: now and then the supervisor is killed with all that it has started, and started again.
    """

    runs: int
    seed: int
    every: float = 5.0
    at_once: int = 12
    agents: int = 3
    network: float = 0.03
    members: int = 1
    replicas: int = 1
    engineers: int = 0
    power_cuts: bool = False
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
            await _storm(storm, stack.settings, submitter, monkey, asked, say)
            say("every run has ended or had its time; looking at what they left")
            found = await audit(stack, database, submitter, asked)
        resumed = await seconds_to_resume(database, monkey.faults)
        kinds = Counter(fault.kind for fault in monkey.faults)
        kinds.update({f"network: {fault.value}": count for fault, count in proxy.faults.items()})
    return Report(found, kinds, resumed, time.monotonic() - began)


def _part(machine: Machine, name: str) -> Pids:
    return lambda: machine.pids(name)


def _process(process: ChildProcess) -> Pids:
    return lambda: [] if process.pid is None else [process.pid]


@asynccontextmanager
async def _shaken(
    home: Path, storm: Storm, say: Callable[[str], None]
) -> AsyncIterator[tuple[Machine, Database, Monkey, Proxy]]:
    """Start a stack with its agents behind a bad network, what else the storm asks for, and the monkey ready."""
    async with AsyncExitStack() as all_of_it:
        members = None
        if storm.members > 1:
            members = await all_of_it.enter_async_context(ReplicaSet(home / "set", storm.members))
        without = frozenset() if storm.engineers else frozenset({"python-worker"})
        uri = members.uri if members else None
        machine = Machine(StackSettings(home=home, port=0, prefect_port=0, without=without, mongodb_uri=uri))
        all_of_it.push_async_callback(machine.stop)
        await machine.start()
        say("the stack has started")
        others = [free_port() for _ in range(storm.replicas - 1)]
        ports = [machine.settings.port, *others]
        delays = Random(storm.seed)
        bad = Proxy(ports, at_random(storm.seed, storm.network), lambda: 2 * delays.random())
        proxy = await all_of_it.enter_async_context(bad)
        balancer = await all_of_it.enter_async_context(Proxy(ports, lambda: NetworkFault.NONE))
        database = await all_of_it.enter_async_context(open_database(machine.mongodb_uri))

        worker = flow_worker(machine, "second-worker", balancer.url)
        volunteers = agents(machine, proxy.url, storm.agents)
        replicas = [replica(machine, f"api-{port}", port) for port in others]
        apis = [_part(machine, "api"), *map(_process, replicas)]
        carriers = [_part(machine, "flow-worker"), _process(worker)]
        victims: dict[str, list[Pids]] = {
            "agent": [_process(agent) for agent in volunteers],
            "flow-worker": carriers,
            "stop flow-worker": carriers,
            "api": apis,
            "mongod": [_process(member) for member in members.members] if members else [_part(machine, "mongod")],
            "prefect": [_part(machine, "prefect")],
        }
        if replicas:
            victims["stop api"] = apis
        if storm.engineers:
            victims["python-worker"] = [_part(machine, "python-worker")]
            victims["engineer's flow"] = [
                lambda: [pid for worker in machine.pids("python-worker") for pid in below(worker)]
            ]
        if storm.power_cuts:
            victims["machine"] = [machine.everything]
        weights = {kind: weight for kind, weight in WEIGHTS.items() if kind in victims}
        monkey = Monkey(victims, strikes(storm.seed, weights, storm.every))
        async with Crew([machine, *volunteers, worker, *replicas, *(members.members if members else ())]):
            yield machine, database, monkey, proxy


async def _storm(
    storm: Storm,
    settings: StackSettings,
    submitter: Submitter,
    monkey: Monkey,
    asked: dict[str, Shape],
    say: Callable[[str], None],
) -> None:
    """Have all runs made, with the monkey at play until they have ended or the storm's time is over."""
    places = asyncio.Semaphore(storm.at_once)
    engineers = Engineers(settings)
    if storm.engineers:
        await engineers.deploy()
    running = asyncio.ensure_future(
        asyncio.gather(
            *(
                _carry(f"chaos {number}", shape, submitter, asked, places, say)
                for number, shape in enumerate(islice(shapes(storm.seed), storm.runs))
            ),
            *(_engineer(f"engineer {number}", engineers, submitter, asked, say) for number in range(storm.engineers)),
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
    if running.done():
        running.result()
    if playing.done() and not playing.cancelled():
        playing.result()
    with suppress(TimeoutError):
        await asyncio.wait_for(running, CALM_SECONDS)
    await engineers.close()


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
        say(f"{name} ({shape.kind}) {await _end(run_id, submitter)}")


async def _engineer(
    key: str, engineers: Engineers, submitter: Submitter, asked: dict[str, Shape], say: Callable[[str], None]
) -> None:
    """Start one run of an engineer's own flow and wait for its end."""
    asked[NAME] = SHAPE
    run_id = await engineers.start(key, submitter)
    say(f"{key} ({SHAPE.kind}) {await _end(run_id, submitter)}")


async def _end(run_id: str, submitter: Submitter) -> str:
    while (status := (await submitter.run(run_id))["status"]) not in ENDED:
        await asyncio.sleep(LOOK_SECONDS)
    return str(status)


def _percentile(values: list[float], share: float) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
