"""A recorded workflow of about 1,000 tasks, in WfFormat, run with scaled runtimes by synthetic agents of one slot each.

No schedule is shorter than the critical path, nor than all work shared out evenly; the makespan is measured against
the larger of the two, and against what the same workers would need if whoever is free took the next task as soon as
it is ready (greedy), which knows nothing of runtimes either. Every edge is looked at: no task may begin before those it
depends on have ended. What a task costs is measured too: CPU of each process of the stack from submission to end, and
calls of its flow.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from njangi_flows.engine.compile import order
from njangi_flows.workflow.spec import WorkflowSpec, parse
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.end_to_end import Submitter, service_of
from benchmarks.report import Figures, arguments, show
from benchmarks.service import Service
from benchmarks.stack import COUNTED, cpu_seconds
from benchmarks.synthetic_agent import SyntheticAgent, report
from stack.settings import StackSettings
from stack.supervisor import Stack
from tests.wfformat_shapes import SHAPES, recorded

HEARTBEAT_SECONDS = 30.0
TOLD_EVERY_SECONDS = 10.0
PUT_TASK = "PUT /v1/flow/runs/{run_id}/tasks/{task}"
PUT_BATCHES = "POST /v1/flow/runs/{run_id}/tasks/{task}/batches"
WAIT_SECONDS = 20.0
"""How long an idle worker's sync waits for work, as agents' do."""


@dataclass(slots=True)
class Observed:
    """When tasks began and ended, by the agents' one clock, in seconds."""

    began: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    def edges_broken(self, spec: WorkflowSpec) -> int:
        """Return how many tasks began before one that they depend on had ended."""
        return sum(self.began[task.name] < self.ended[above] for task in spec.tasks for above in task.dependencies)


@dataclass(frozen=True, slots=True)
class Times:
    """How many requests were answered, and how many seconds they took together."""

    count: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Times) -> Times:
        return Times(self.count + other.count, self.seconds + other.seconds)

    def __sub__(self, other: Times) -> Times:
        return Times(self.count - other.count, self.seconds - other.seconds)

    @property
    def mean_ms(self) -> float:
        return 1000 * self.seconds / self.count if self.count else 0.0


def main() -> int:
    parser = arguments(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="epigenomics")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--makespan", type=float, default=120.0, help="scale runtimes to a bound of so many seconds")
    options = parser.parse_args()
    size, makespan = (200, 30.0) if options.quick else (1000, options.makespan)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), options.shape, size, options.workers, makespan))
    show(figures, as_json=options.json)
    return 0


async def measure(folder: Path, shape: str, size: int, workers: int, makespan: float) -> Figures:
    document = recorded(shape, size)
    runtimes = [task["runtimeInSeconds"] for task in document["workflow"]["execution"]["tasks"]]
    async with Stack(StackSettings(home=folder, port=0, prefect_port=0)) as stack:
        service = service_of(stack, stack.settings)
        scale = makespan / bound(await compiled(service, document, 1.0), workers)
        scale = min(scale, 0.8 * HEARTBEAT_SECONDS / max(runtimes))  # the agents send no heartbeats
        spec = await compiled(service, document, scale)
        agents = [await service.enrol(f"worker {number}", 1) for number in range(workers)]
        submitter = Submitter(service)
        workflow_id = await imported(service, document, scale)
        observed = Observed()
        processes = {name: psutil.Process(stack.pid(name)) for name in COUNTED}
        before, called = cpu_of(processes), await flow_calls(service)
        async with asyncio.TaskGroup() as working:
            going_on = [working.create_task(work(agent, seconds_of(spec), observed)) for agent in agents]
            submitted = time.monotonic()
            going_on.append(working.create_task(tell(observed, len(spec.tasks))))
            run_id = await submitter.start(workflow_id)
            await until_completed(service, run_id)
            ended = time.monotonic()
            used = {name: seconds - before[name] for name, seconds in cpu_of(processes).items()}
            called = {route: times - called[route] for route, times in (await flow_calls(service)).items()}
            for task in going_on:
                task.cancel()
        await submitter.close()
        for agent in agents:
            await agent.close()
    least, tasks = bound(spec, workers), len(spec.tasks)
    worked = max(observed.ended.values()) - min(observed.began.values())
    return {
        "shape": shape,
        "tasks": float(tasks),
        "edges": float(sum(len(task.dependencies) for task in spec.tasks)),
        "edges_broken": float(observed.edges_broken(spec)),
        "workers": float(workers),
        "scale": scale,
        "bound_s": least,
        "makespan_s": worked,
        "makespan_over_bound": worked / least,
        "greedy_over_bound": greedy(spec, workers) / least,
        "makespan_over_greedy": worked / greedy(spec, workers),
        "submit_to_end_s": ended - submitted,
        "submit_to_end_over_bound": (ended - submitted) / least,
        "flow_calls_a_task": sum(times.count for times in called.values()) / tasks,
        "put_batches_ms": called[PUT_BATCHES].mean_ms,
        "put_task_ms": called[PUT_TASK].mean_ms,
        **{f"{name.replace('-', '_')}_cpu_ms_a_task": 1000 * seconds / tasks for name, seconds in used.items()},
    }


def cpu_of(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    return {name: cpu_seconds(process) for name, process in processes.items()}


async def flow_calls(service: Service) -> dict[str, Times]:
    """Return how many requests of flows the service has answered, and how long they took, by route."""
    async with _http(service) as http:
        text = (await http.get("/metrics")).raise_for_status().text
    found: defaultdict[str, Times] = defaultdict(Times)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            route = f"{sample.labels.get('method')} {sample.labels.get('route')}"
            if "/v1/flow/" in route and sample.name == "njangi_request_seconds_count":
                found[route] += Times(count=sample.value)
            elif "/v1/flow/" in route and sample.name == "njangi_request_seconds_sum":
                found[route] += Times(seconds=sample.value)
    return found


async def tell(observed: Observed, tasks: int) -> None:
    """Tell every ten seconds how far the run is."""
    while True:
        await asyncio.sleep(TOLD_EVERY_SECONDS)
        sys.stderr.write(f"{len(observed.ended)} of {tasks} tasks ended, {len(observed.began)} began\n")


def seconds_of(spec: WorkflowSpec) -> dict[str, float]:
    """Return how long each stand-in lasts."""
    return {task.name: float((task.command or ["sleep", "0"])[1]) for task in spec.tasks}


def bound(spec: WorkflowSpec, workers: int) -> float:
    """Return the seconds that no schedule of the tasks on so many workers can beat."""
    seconds, chains = seconds_of(spec), dict[str, float]()
    for task in order(spec):
        chains[task.name] = seconds[task.name] + max((chains[above] for above in task.dependencies), default=0.0)
    return max(max(chains.values()), sum(seconds.values()) / workers)


def greedy(spec: WorkflowSpec, workers: int) -> float:
    """Return the seconds that so many workers need if whoever is free takes, at once, the task that was ready first."""
    seconds = seconds_of(spec)
    above = {task.name: len(task.dependencies) for task in spec.tasks}
    below: defaultdict[str, list[str]] = defaultdict(list)
    for task in spec.tasks:
        for name in task.dependencies:
            below[name].append(task.name)
    ready, now, working = deque(name for name, count in above.items() if not count), 0.0, list[tuple[float, str]]()
    while ready or working:
        while ready and len(working) < workers:
            name = ready.popleft()
            heapq.heappush(working, (now + seconds[name], name))
        now, ended = heapq.heappop(working)
        for name in below[ended]:
            above[name] -= 1
            if not above[name]:
                ready.append(name)
    return now


async def work(agent: SyntheticAgent, seconds: Mapping[str, float], observed: Observed) -> None:
    """Do one task after the other, each for as long as it lasts; the sync that hands in one asks for the next."""
    reports: list[dict[str, Any]] = []
    while True:
        answer = await agent.sync(reports, wish=1, wait=WAIT_SECONDS)
        reports = []
        for lease in answer["leases"]:
            task = lease["task_id"].partition("/")[2]
            observed.began[task] = time.monotonic()
            await agent.close()  # the service closes what is idle for longer than some tasks last
            await asyncio.sleep(seconds[task])
            observed.ended[task] = time.monotonic()
            reports.append(report(lease, '""') | {"seconds": seconds[task]})


async def until_completed(service: Service, run_id: str) -> None:
    """Wait until the run, the only one, has ended; its list is asked, which costs the service little."""
    async with _http(service) as http:
        while True:
            [run] = (await http.get("/v1/runs")).raise_for_status().json()["runs"]
            if run["status"] == "COMPLETED":
                return
            if run["status"] in ("FAILED", "CANCELLED"):
                raise RuntimeError(f"run {run_id} ended {run['status']}: {run['error']}")
            await asyncio.sleep(0.5)


async def compiled(service: Service, document: dict[str, Any], scale: float) -> WorkflowSpec:
    """Return the workflow that the service makes of the document."""
    async with _http(service) as http:
        workflow_id = await imported(service, document, scale)
        spec = (await http.get(f"/v1/workflows/{workflow_id}")).raise_for_status().json()["spec"]
    return parse(spec, files=[])


async def imported(service: Service, document: dict[str, Any], scale: float) -> str:
    async with _http(service) as http:
        answer = await http.post("/v1/workflows:import", json={"document": document, "scale": scale})
        return str(answer.raise_for_status().json()["id"])


def _http(service: Service) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {service.token('admin')}"}
    return httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60)


if __name__ == "__main__":
    sys.exit(main())
