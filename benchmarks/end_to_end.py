"""10,000 no-op subtasks from the submitted spec to the aggregate, through the whole embedded stack.

First with synthetic agents, which answer at once: what coordination alone can carry. Then with
real agents, sandboxed, two slots in all, running no-op Python functions. Then one subtask at a
time, for the round trip, and small runs one after the other, for the time from submit to first lease.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.report import arguments, show
from benchmarks.service import Flow, Service
from benchmarks.synthetic_agent import SyntheticAgent
from stack.settings import StackSettings
from stack.supervisor import Stack

SYNTHETIC_AGENTS = 4
SYNTHETIC_SLOTS = 64


def noops(count: int) -> dict[str, Any]:
    return {
        "name": "noops",
        "tasks": [
            {
                "name": "noop",
                "python": {"source": "def noop(part):\n    return part\n", "function": "noop"},
                "split": {"range": count},
                "aggregate": "sum",
                "resources": {"cpu": 1, "memory": "64MiB", "storage": "1MiB"},
            }
        ],
    }


class Submitter:
    """Starts runs and follows them."""

    def __init__(self, service: Service, patience: float = 30) -> None:
        headers = {"Authorization": f"Bearer {service.token('admin')}"}
        unlimited = httpx.Limits(max_connections=None, keepalive_expiry=2.0)  # before the service closes them
        self._http = httpx.AsyncClient(base_url=service.url, headers=headers, timeout=patience, limits=unlimited)

    async def workflow(self, spec: dict[str, Any]) -> str:
        answer = await self._http.post("/v1/workflows", json={"spec": spec})
        return str(answer.raise_for_status().json()["id"])

    async def start(self, workflow_id: str) -> str:
        answer = await self._http.post(f"/v1/workflows/{workflow_id}/runs", json={})
        return str(answer.raise_for_status().json()["id"])

    async def run(self, run_id: str) -> dict[str, Any]:
        answer = await self._http.get(f"/v1/runs/{run_id}")
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def ended(self, run_id: str) -> dict[str, Any]:
        """Wait until the run has ended and return it. Raises RuntimeError unless it COMPLETED."""
        while (run := await self.run(run_id))["status"] not in ("COMPLETED", "FAILED", "CANCELLED"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        if run["status"] != "COMPLETED":
            raise RuntimeError(f"the run ended {run['status']}: {run['error']}")
        return run

    async def result(self, run_id: str, task: str) -> Any:
        answer = await self._http.get(f"/v1/runs/{run_id}/results/{task}")
        return json.loads(answer.raise_for_status().text)

    async def recorded(self, run_id: str, task: str) -> int:
        """Return how many of a task's subtasks can be read now as COMPLETED."""
        found = 0
        parameters: dict[str, str | int] = {"task": task, "status": "COMPLETED", "page_size": 1000}
        while True:
            answer = await self._http.get(f"/v1/runs/{run_id}/subtasks", params=parameters)
            page = answer.raise_for_status().json()
            found += len(page["subtasks"])
            if page["next_page_token"] is None:
                return found
            parameters["page_token"] = page["next_page_token"]

    async def close(self) -> None:
        await self._http.aclose()


def processes(stack: Stack, names: tuple[str, ...]) -> list[psutil.Process]:
    """Return the processes of these parts of the stack, with all their children."""
    found: list[psutil.Process] = []
    for name in names:
        pid = stack.pid(name)
        if pid is not None:
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    return found


def cpu_seconds(found: list[psutil.Process]) -> float:
    """Return CPU used by these processes and by their children that have ended."""
    return sum(sum(process.cpu_times()) for process in found if process.is_running())


async def run_noops(submitter: Submitter, count: int) -> tuple[float, dict[str, Any]]:
    """Return the seconds from submitting `count` no-ops to the run's end, and the run."""
    workflow_id = await submitter.workflow(noops(count))
    start = time.perf_counter()
    run_id = await submitter.start(workflow_id)
    run = await submitter.ended(run_id)
    seconds = time.perf_counter() - start
    total = await submitter.result(run_id, "noop")
    if total != count * (count - 1) // 2:
        raise RuntimeError(f"the aggregate is {total}, not {count * (count - 1) // 2}")
    return seconds, run


def echo(lease: dict[str, Any]) -> str:
    return json.dumps(lease["parameters"]["part"])


async def with_synthetic_agents(stack: Stack, service: Service, count: int) -> dict[str, float]:
    submitter = Submitter(service)
    agents = [await service.enrol(f"synthetic {i}", SYNTHETIC_SLOTS) for i in range(SYNTHETIC_AGENTS)]
    stop = asyncio.Event()
    working = [asyncio.create_task(agent.work(stop.is_set, echo, wait=1)) for agent in agents]
    prefect = processes(stack, ("prefect",))
    before = cpu_seconds(prefect)
    seconds, run = await run_noops(submitter, count)
    [task] = run["tasks"]
    figures = {
        "subtasks": count,
        "seconds": seconds,
        "per_s": count / seconds,
        "recorded": task["completed"],
        "prefect_cpu_s": cpu_seconds(prefect) - before,
        **{
            f"{key}_rss_mb": psutil.Process(stack.pid(name)).memory_info().rss / 2**20
            for key, name in (("api", "api"), ("worker", "flow-worker"), ("mongod", "mongod"))
        },
        "submit_to_first_lease_p50_s": await _submit_to_first_lease(submitter, agents, stop, working),
    }
    await submitter.close()
    return figures


async def _submit_to_first_lease(
    submitter: Submitter, agents: list[SyntheticAgent], stop: asyncio.Event, working: list[asyncio.Task[None]]
) -> float:
    """Return the median over five runs; every agent but one stops, and that one waits."""
    stop.set()
    await asyncio.gather(*working)
    [agent, *others] = agents
    for other in others:
        await other.close()
    workflow_id = await submitter.workflow(noops(2))
    taken = []
    for _ in range(5):
        waiting = asyncio.create_task(agent.sync([], wish=2, wait=30))
        await asyncio.sleep(0.1)
        start = time.perf_counter()
        run_id = await submitter.start(workflow_id)
        answer = await waiting
        taken.append(time.perf_counter() - start)
        done = False
        reports = [_returned(lease) for lease in answer["leases"]]
        while not done:
            answer = await agent.sync(reports, wish=2, wait=1)
            reports = [_returned(lease) for lease in answer["leases"]]
            done = (await submitter.run(run_id))["status"] == "COMPLETED"
    await agent.close()
    return statistics.median(taken)


def _returned(lease: dict[str, Any]) -> dict[str, Any]:
    return {
        "subtask_id": lease["subtask_id"],
        "token": lease["token"],
        "outcome": "RETURNED",
        "result": echo(lease),
        "seconds": 0.001,
    }


async def with_real_agents(stack: Stack, service: Service, count: int) -> dict[str, float]:
    """Measure sandboxed agents; CPU is that of every process of the stack, agents and their children included."""
    submitter = Submitter(service)
    await run_noops(submitter, 200)  # interpreters warm, lengths known
    names = ("mongod", "prefect", "api", "flow-worker", "agent-1", "agent-2")
    found = processes(stack, names)
    before = cpu_seconds(found)
    seconds, _ = await run_noops(submitter, count)
    used = cpu_seconds(found) - before
    await submitter.close()
    return {"real_per_s": count / seconds, "real_cpu_ms": used / count * 1000}


async def round_trip(service: Service, prefect_api: str, times: int) -> float:
    """Return the median milliseconds from queueing one subtask to hearing that its result was accepted."""
    flow = Flow(service, prefect_api)
    await flow.start("round-trip")
    await flow.define("one")
    taken = []
    for index in range(times):
        start = time.perf_counter()
        await flow.queue("one", 1, 1, first=index)
        await flow.settled(f"{flow.run_id}/one/b{index}")
        taken.append((time.perf_counter() - start) * 1000)
    await flow.close()
    return statistics.median(taken[len(taken) // 10 :])


def service_of(stack: Stack, settings: StackSettings) -> Service:
    api, mongod = stack.pid("api"), stack.pid("mongod")
    if api is None or mongod is None:
        raise RuntimeError("the stack is not up")
    return Service("127.0.0.1", settings.port, settings.home, psutil.Process(api), psutil.Process(mongod))


async def measure(quick: bool) -> dict[str, float | str | None]:
    count = 1_000 if quick else 10_000
    figures: dict[str, float | str | None] = {}
    with tempfile.TemporaryDirectory(prefix="njangi-benchmark-", ignore_cleanup_errors=True) as folder:
        settings = StackSettings(home=Path(folder), port=0, prefect_port=0, agents=0).resolved()
        async with Stack(settings) as stack:
            figures |= await with_synthetic_agents(stack, service_of(stack, settings), count)
    with tempfile.TemporaryDirectory(prefix="njangi-benchmark-", ignore_cleanup_errors=True) as folder:
        settings = StackSettings(home=Path(folder), port=0, prefect_port=0, agents=2).resolved()
        async with Stack(settings) as stack:
            service = service_of(stack, settings)
            repetitions = [await with_real_agents(stack, service, count) for _ in range(1 if quick else 3)]
            for key in ("real_per_s", "real_cpu_ms"):
                figures[key] = statistics.median(item[key] for item in repetitions)
            figures["round_trip_p50_ms"] = await round_trip(
                service, f"{settings.prefect_url}/api", 50 if quick else 300
            )
    return figures


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    show(asyncio.run(measure(options.quick)), as_json=options.json)


if __name__ == "__main__":
    main()
