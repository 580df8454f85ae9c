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
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.report import Figures, arguments, show
from stack.settings import CHECKOUT, Settings
from tests.end_to_end.submitting import Submitter, python
from tests.faults.audit import accepted_and_late, events

HEARTBEAT_SECONDS = 5
LINKS = 200
LONGEST_SECONDS = 120.0
LOOK_SECONDS = 0.2
PARTS = {
    "agent": "njangi_agent",
    "api": "api",
    "flow-worker": "njangi_flows.worker",
    "mongod": "--dbpath",
    "prefect": "stack.prefect_server",
}
"""A word of each process' command line by which it is known."""

Moment = datetime


class Machine:
    """`python -m stack up` on one home, as an operator starts it; nothing here restarts its parts."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home, port=0, prefect_port=0).resolved()
        self._supervisor: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return when everything is ready."""
        where = self.settings
        ports = ["--port", str(where.port), "--prefect-port", str(where.prefect_port)]
        self._supervisor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stack", "up", "--home", str(where.home), *ports),
            *("--agents", "2", "--without", "python-worker"),
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
        )
        output = self._supervisor.stdout
        while output is not None and b"Ctrl-C stops everything" not in (line := await output.readline()):
            if not line:
                raise RuntimeError(f"the stack did not start; see {where.home / 'logs'}")

    def kill(self, part: str) -> Moment:
        """End all processes of one part with SIGKILL and return when."""
        victims = [process for process in self._processes() if PARTS[part] in _command(process)]
        if not victims:
            raise RuntimeError(f"no {part} is running")
        return _killed(victims)

    async def lose_power(self) -> Moment:
        """End every process with SIGKILL, the supervisor first, and return when."""
        if self._supervisor is None:
            raise RuntimeError("the machine is off")
        victims = self._processes()
        self._supervisor.kill()
        at = _killed(victims)
        await self._supervisor.wait()
        return at

    async def stop(self) -> None:
        if self._supervisor is not None and self._supervisor.returncode is None:
            self._supervisor.send_signal(signal.SIGTERM)
            await self._supervisor.wait()

    def _processes(self) -> list[psutil.Process]:
        if self._supervisor is None:
            return []
        return list(psutil.Process(self._supervisor.pid).children(recursive=True))


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []


def _killed(victims: list[psutil.Process]) -> Moment:
    at = datetime.now(UTC)
    for process in victims:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
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
    await submitter.ended(run_id, LONGEST_SECONDS)


async def resumed(submitter: Submitter, run_id: str, killed: Moment) -> float:
    """Return the seconds from the kill until a subtask was accepted that was queued after it."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            queued = False
            for event in await events(submitter, run_id):
                at = datetime.fromisoformat(event["at"])
                queued = queued or (event["type"] == "subtasks.queued" and at > killed)
                if queued and event["type"] == "subtasks.completed":
                    return (at - killed).total_seconds()
            await asyncio.sleep(LOOK_SECONDS)


async def of_part(machine: Machine, submitter: Submitter, part: str) -> tuple[float, int]:
    """Kill a part in mid-run; return the seconds to resume, and how many accepted subtasks were lent again."""
    async with chain_under_way(submitter) as run_id:
        seconds = await resumed(submitter, run_id, machine.kill(part))
        _, _, again = accepted_and_late(await events(submitter, run_id))
        return seconds, len(again)


async def of_machine(machine: Machine, submitter: Submitter) -> float:
    """Kill everything in mid-run and start it again; return the seconds to resume."""
    async with chain_under_way(submitter) as run_id:
        killed = await machine.lose_power()
        await machine.start()
        return await resumed(submitter, run_id, killed)


async def of_agent(machine: Machine, submitter: Submitter) -> float:
    """Kill the agents while one of them works; return the seconds until its subtask is queued again."""
    source = "import time\ndef f():\n    time.sleep(60)\n"
    run_id = await submitter.start(python("long", source, timeouts={"heartbeat": HEARTBEAT_SECONDS}))
    await submitter.until(run_id, lambda run: any(task["leased"] for task in run["tasks"]), LONGEST_SECONDS)
    killed = machine.kill("agent")
    await _told(submitter, run_id, "subtasks.expired")
    [at, *_] = [event["at"] for event in await events(submitter, run_id) if event["type"] == "subtasks.expired"]
    await submitter.cancel(run_id)
    return (datetime.fromisoformat(at) - killed).total_seconds()


async def _told(submitter: Submitter, run_id: str, type_: str) -> None:
    async with asyncio.timeout(LONGEST_SECONDS):
        while not any(event["type"] == type_ for event in await events(submitter, run_id)):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)


async def lost_by_prefect(machine: Machine, submitter: Submitter, runs: int) -> int:
    """Kill Prefect between submissions; return how many of the runs did not complete."""
    before = [await submitter.start(link(0)) for _ in range(runs)]
    machine.kill("prefect")
    during = [await submitter.start(link(0)) for _ in range(runs)]
    ended = [await submitter.ended(run_id, LONGEST_SECONDS) for run_id in (*before, *during)]
    return sum(run["status"] != "COMPLETED" for run in ended)


async def measure(home: Path, *, quick: bool) -> Figures:
    times = 1 if quick else 5
    machine = Machine(home)
    await machine.start()
    try:
        async with Submitter(machine) as submitter:
            workers = [await of_part(machine, submitter, "flow-worker") for _ in range(times)]
            return {
                "worker_kill_resume_p50_s": statistics.median(seconds for seconds, _ in workers),
                "worker_kill_rerun_accepted": sum(again for _, again in workers),
                "api_kill_resume_p50_s": await _median(times, lambda: _seconds(of_part(machine, submitter, "api"))),
                "mongod_kill_resume_p50_s": await _median(
                    times, lambda: _seconds(of_part(machine, submitter, "mongod"))
                ),
                "agent_kill_requeue_p50_s": await _median(times, lambda: of_agent(machine, submitter)),
                "prefect_kill_lost_runs": await lost_by_prefect(machine, submitter, 3 if quick else 10),
                "machine_kill_resume_p50_s": await _median(1 if quick else 3, lambda: of_machine(machine, submitter)),
                "notes": f"leases of the killed agents last {HEARTBEAT_SECONDS} s",
            }
    finally:
        await machine.stop()


async def _seconds(measured: Awaitable[tuple[float, int]]) -> float:
    return (await measured)[0]


async def _median(times: int, once: Callable[[], Awaitable[float]]) -> float:
    return statistics.median([await once() for _ in range(times)])


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory(prefix="njangi-benchmark-", ignore_cleanup_errors=True) as folder:
        show(asyncio.run(measure(Path(folder), quick=options.quick)), as_json=options.json)


if __name__ == "__main__":
    main()
