"""How fast and at what cost the service lends subtasks and takes results, over HTTP.

Synthetic agents that answer at once lease and complete in batches of 1, 16 and 64; then one idle
agent measures how long a fresh subtask takes into its hands; then 5,000 idle agents wait.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import httpx

from benchmarks.report import arguments, show
from benchmarks.service import Flow, Service, running_service
from benchmarks.synthetic_agent import SyntheticAgent, report

AGENTS = {1: 32, 16: 16, 64: 8}
"""How many agents work at once, by the slots of each."""


async def throughput(service: Service, slots: int, subtasks: int) -> tuple[float, float]:
    """Return subtasks leased and completed per second, and CPU microseconds of API and mongod for each."""
    flow = Flow(service)
    await flow.start(f"batch-{slots}")
    await flow.define("noop")
    await flow.queue("noop", subtasks, 200)
    agents = [await service.enrol(f"{slots}-{i}", slots) for i in range(AGENTS[slots])]

    def done() -> bool:
        return sum(agent.completed for agent in agents) >= subtasks

    cpu, start = service.cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(agent.work(done, lambda lease: "1", wait=0.2) for agent in agents))
    seconds, used = time.perf_counter() - start, service.cpu_seconds() - cpu
    completed = sum(agent.completed for agent in agents)
    if completed != subtasks or any(agent.stale for agent in agents):
        raise RuntimeError(f"{completed} of {subtasks} completed")
    for agent in agents:
        await agent.close()
    await flow.close()
    return subtasks / seconds, used / subtasks * 1e6


async def idle_latency(service: Service, times: int) -> list[float]:
    """Return the milliseconds from queueing a subtask (request sent) to an idle agent holding it."""
    flow = Flow(service)
    await flow.start("latency")
    await flow.define("one")
    agent = await service.enrol("idle", 1)
    taken: list[float] = []
    for index in range(times):
        waiting = asyncio.create_task(agent.sync([], wish=1, wait=20))
        await asyncio.sleep(0.05)  # until the agent is parked
        start = time.perf_counter()
        queueing = asyncio.create_task(flow.queue("one", 1, 1, first=index))
        answer = await waiting
        taken.append((time.perf_counter() - start) * 1000)
        await queueing
        await agent.sync([report(lease, "1") for lease in answer["leases"]], wish=0, wait=0)
    await agent.close()
    await flow.close()
    return taken


async def idle_cost(service: Service, count: int, seconds: float) -> float:
    """Return the CPU per cent (of one core) of API and mongod while `count` agents wait for work."""
    agents: list[SyntheticAgent] = []
    for _ in range(0, count, 50):
        agents += await asyncio.gather(*(service.enrol("idle", 1) for _ in range(50)))
    stop = asyncio.Event()

    async def wait(agent: SyntheticAgent, place: int) -> None:
        await asyncio.sleep(50 * place / count)  # agents do not all come at once
        while not stop.is_set():
            await agent.sync([], wish=1, wait=55)

    waiting = [asyncio.create_task(wait(agent, place)) for place, agent in enumerate(agents)]
    await asyncio.sleep(52)
    cpu = service.cpu_seconds()
    await asyncio.sleep(seconds)
    used = service.cpu_seconds() - cpu
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return used / seconds * 100


async def measure(quick: bool) -> dict[str, float | str | None]:
    figures: dict[str, float | str | None] = {}
    repetitions = 1 if quick else 3
    sizes = {1: 500, 16: 4_000, 64: 8_000} if quick else {1: 2_000, 16: 16_000, 64: 32_000}
    async with running_service() as service:
        for slots, subtasks in sizes.items():
            runs = [await throughput(service, slots, subtasks) for _ in range(repetitions)]
            figures[f"batch_{slots}_per_s"] = statistics.median(rate for rate, _ in runs)
            figures[f"batch_{slots}_cpu_us"] = statistics.median(cpu for _, cpu in runs)
        taken = sorted(await idle_latency(service, 50 if quick else 300))
        figures["idle_latency_p50_ms"] = statistics.median(taken)
        figures["idle_latency_p99_ms"] = taken[int(len(taken) * 0.99)]
        figures["conflicts_per_lease"] = await _conflicts(service)
        figures["idle_5000_agents_cpu_percent"] = None if quick else await idle_cost(service, 5_000, 60)
    if quick:
        figures["notes"] = "quick: idle_5000_agents_cpu_percent is not measured"
    return figures


async def _conflicts(service: Service) -> float:
    async with httpx.AsyncClient(base_url=service.url) as http:
        text = (await http.get("/metrics")).text
    values = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line and line[0] != "#"}
    return values["njangi_transaction_conflicts_total"] / max(1.0, values["njangi_leases_total"])


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    show(asyncio.run(measure(options.quick)), as_json=options.json)


if __name__ == "__main__":
    main()
