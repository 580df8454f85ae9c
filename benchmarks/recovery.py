"""How long until work goes on after kill -9 of each part of the embedded stack, with nobody there to help.

Of the flow worker, the API, MongoDB and the whole machine: until a subtask is accepted that was queued after
the kill. Of an agent: until what it held is back in the queue. Of Prefect: how many of the runs submitted just
before the kill and during its absence did not complete. Medians.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.report import Figures, arguments, show
from stack.settings import StackSettings
from tests.end_to_end.submitting import Submitter, python
from tests.faults.audit import accepted_and_late, events
from tests.faults.machine import Machine

HEARTBEAT_SECONDS = 5
LINKS = 400
LONGEST_SECONDS = 120.0
LOOK_SECONDS = 0.2

Moment = datetime


def killed(pids: Sequence[int]) -> Moment:
    """End these processes with SIGKILL, in their order, and return when. Raises LookupError if there are none."""
    if not pids:
        raise LookupError("what is to be killed does not run")
    at = datetime.now(UTC)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return at


def link(number: int) -> dict[str, Any]:
    """Return one of many short tasks, each of which needs the one before: work that only a living flow can queue."""
    source = "import time\ndef f():\n    time.sleep(0.1)\n    return 1\n"
    before = {"dependencies": [f"t{number - 1}"]} if number else {}
    return python(f"t{number}", source, timeouts={"heartbeat": HEARTBEAT_SECONDS}, **before)


@asynccontextmanager
async def chain_under_way(submitter: Submitter) -> AsyncIterator[str]:
    """Keep a chain of tasks going for the block."""
    run_id = await submitter.start(*map(link, range(LINKS)))
    await submitter.until(run_id, lambda run: sum(task["completed"] for task in run["tasks"]) >= 3, LONGEST_SECONDS)
    yield run_id
    await submitter.cancel(run_id)


async def resumed(submitter: Submitter, run_id: str, since: Moment) -> float:
    """Return the seconds from the kill until a subtask was accepted that was queued after it."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            queued = False
            for event in await events(submitter, run_id):
                at = datetime.fromisoformat(event["at"])
                queued = queued or (event["type"] == "subtasks.queued" and at > since)
                if queued and event["type"] == "subtasks.completed":
                    return (at - since).total_seconds()
            await asyncio.sleep(LOOK_SECONDS)


async def of_part(machine: Machine, submitter: Submitter, run_id: str, part: str) -> float:
    """Kill a part in mid-run; return the seconds to resume."""
    return await resumed(submitter, run_id, killed(machine.pids(part)))


async def of_machine(machine: Machine, submitter: Submitter, run_id: str) -> float:
    """Kill everything in mid-run and start it again; return the seconds to resume."""
    at = killed(machine.everything())
    await machine.wait()
    await machine.start()
    return await resumed(submitter, run_id, at)


async def of_agent(machine: Machine, submitter: Submitter) -> float:
    """Kill the agents while one of them works; return the seconds until its subtask is queued again."""
    source = "import time\ndef f():\n    time.sleep(60)\n"
    run_id = await submitter.start(python("long", source, timeouts={"heartbeat": HEARTBEAT_SECONDS}))
    await submitter.until(run_id, lambda run: any(task["leased"] for task in run["tasks"]), LONGEST_SECONDS)
    at_kill = killed(machine.pids("agent"))
    await _told(submitter, run_id, "subtasks.expired")
    [at, *_] = [event["at"] for event in await events(submitter, run_id) if event["type"] == "subtasks.expired"]
    await submitter.cancel(run_id)
    return (datetime.fromisoformat(at) - at_kill).total_seconds()


async def _told(submitter: Submitter, run_id: str, type_: str) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        while not any(event["type"] == type_ for event in await events(submitter, run_id)):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)


async def lost_by_prefect(machine: Machine, submitter: Submitter, runs: int) -> int:
    """Kill Prefect between submissions; return how many of the runs did not complete."""
    before = [await submitter.start(link(0)) for _ in range(runs)]
    killed(machine.pids("prefect"))
    during = [await submitter.start(link(0)) for _ in range(runs)]
    ended = [await submitter.ended(run_id, LONGEST_SECONDS) for run_id in (*before, *during)]
    return sum(run["status"] != "COMPLETED" for run in ended)


async def measure(home: Path, *, quick: bool) -> Figures:
    without = frozenset({"python-worker"})
    machine = Machine(StackSettings(home=home, port=0, prefect_port=0, agents=2, without=without))
    await machine.start()
    try:
        async with Submitter(machine) as submitter:
            figures = await (_at_once if quick else _in_turn)(machine, submitter)
        if not quick:
            await machine.stop()
    finally:
        await machine.stop(grace=0)
    return {**figures, "notes": f"leases of the killed agents last {HEARTBEAT_SECONDS} s"}


async def _in_turn(machine: Machine, submitter: Submitter) -> Figures:
    """Kill each part five times in a run of its own, the machine three times, one after the other."""
    seconds: dict[str, list[float]] = {}
    again = 0
    for part in ("flow-worker", "api", "mongod"):
        for _ in range(5):
            async with chain_under_way(submitter) as run_id:
                seconds.setdefault(part, []).append(await of_part(machine, submitter, run_id, part))
                if part == "flow-worker":
                    again += await lent_again(submitter, run_id)
    agents = [await of_agent(machine, submitter) for _ in range(5)]
    lost = await lost_by_prefect(machine, submitter, 10)
    machines = []
    for _ in range(3):
        async with chain_under_way(submitter) as run_id:
            machines.append(await of_machine(machine, submitter, run_id))
    return {
        "worker_kill_resume_p50_s": statistics.median(seconds["flow-worker"]),
        "worker_kill_rerun_accepted": again,
        "api_kill_resume_p50_s": statistics.median(seconds["api"]),
        "mongod_kill_resume_p50_s": statistics.median(seconds["mongod"]),
        "agent_kill_requeue_p50_s": statistics.median(agents),
        "prefect_kill_lost_runs": lost,
        "machine_kill_resume_p50_s": statistics.median(machines),
    }


async def _at_once(machine: Machine, submitter: Submitter) -> Figures:
    """Kill each part once, all in one run; while Prefect is away, which a run under way does without, others too."""
    async with chain_under_way(submitter) as run_id:

        async def others() -> tuple[float, float]:
            return await of_part(machine, submitter, run_id, "api"), await of_part(machine, submitter, run_id, "mongod")

        agent = await of_agent(machine, submitter)
        (api, mongod), lost = await asyncio.gather(others(), lost_by_prefect(machine, submitter, 3))
        worker = await of_part(machine, submitter, run_id, "flow-worker")
        return {
            "worker_kill_resume_p50_s": worker,
            "worker_kill_rerun_accepted": await lent_again(submitter, run_id),
            "api_kill_resume_p50_s": api,
            "mongod_kill_resume_p50_s": mongod,
            "agent_kill_requeue_p50_s": agent,
            "prefect_kill_lost_runs": lost,
            "machine_kill_resume_p50_s": await of_machine(machine, submitter, run_id),
        }


async def lent_again(submitter: Submitter, run_id: str) -> int:
    """Return how many subtasks of a run were lent again after they had been accepted."""
    _, _, again = accepted_and_late(await events(submitter, run_id))
    return len(again)


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory(prefix="njangi-benchmark-", ignore_cleanup_errors=True) as folder:
        show(asyncio.run(measure(Path(folder), quick=options.quick)), as_json=options.json)


if __name__ == "__main__":
    main()
