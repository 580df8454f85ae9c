"""What the service's callers feel, with 10,000 runs and 1,000,000 subtasks stored.

Pages: the time of one request after the other. Events: from sending the request that changes something to the event's
arrival at a listener, first for one alone, then for the median one and the last of 2,000. The grid: 100,000 subtasks
in random states. Blobs: 1 GB up and down again. Memory is RSS of the API: growth is from before to the peak meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import resource
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from benchmarks.fan_out import SAMPLE_SECONDS, Peak
from benchmarks.report import Figures, arguments, show
from benchmarks.service import Flow, Service, running_service
from benchmarks.stored import fill
from storage.listing import index_token

PATIENCE = 120.0
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Scale:
    runs: int
    large: int  # how many of the runs have a great many subtasks
    requests: int
    listeners: int
    blob_mib: int


WHOLE = Scale(runs=10_000, large=10, requests=300, listeners=2_000, blob_mib=1024)
QUICK = Scale(runs=2_000, large=1, requests=100, listeners=300, blob_mib=64)
SUBTASKS = 100_000
EVENTS = 50


@asynccontextmanager
async def watched(service: Service) -> AsyncIterator[Peak]:
    """Look at the memory of the API while the block runs."""
    peak = Peak(service.api)

    async def look() -> None:
        while True:
            peak.look()
            await asyncio.sleep(SAMPLE_SECONDS / 5)

    looking = asyncio.create_task(look())
    try:
        yield peak
    finally:
        peak.look()
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


async def timed(call: Callable[[], Awaitable[httpx.Response]], count: int) -> list[float]:
    """Return the milliseconds of each call, in order of size."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        (await call()).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)


def p99(ordered: list[float]) -> float:
    return ordered[int(len(ordered) * 0.99)]


async def pages(service: Service, http: httpx.AsyncClient, ids: list[str], count: int) -> Figures:
    chance = random.Random(2)

    def subtasks() -> Awaitable[httpx.Response]:
        after = index_token(chance.randrange(SUBTASKS))
        query: dict[str, str | int] = {"task": "stored", "page_token": after, "page_size": 100}
        return http.get(f"/v1/runs/{chance.choice(ids)}/subtasks", params=query)

    calls: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
        "list": lambda: http.get("/v1/runs", params={"page_size": 50}),
        "run_page": lambda: http.get(f"/v1/runs/{chance.choice(ids)}"),
        "subtasks_page": subtasks,
    }
    figures: dict[str, float] = {}
    for name, call in calls.items():
        cpu = service.cpu_seconds()
        taken = await timed(call, count)
        figures[f"{name}_p50_ms"] = statistics.median(taken)
        figures[f"{name}_p99_ms"] = p99(taken)
        figures[f"{name}_cpu_ms"] = (service.cpu_seconds() - cpu) * 1000 / count
    return figures


async def grid(service: Service, http: httpx.AsyncClient, run_id: str) -> Figures:
    cpu = service.cpu_seconds()
    async with watched(service) as peak:
        began = time.perf_counter()
        async with http.stream("GET", f"/v1/runs/{run_id}/grid") as answer:
            size = len(b"".join([piece async for piece in answer.aiter_raw()]))
        seconds = time.perf_counter() - began
    return {
        "grid_100k_bytes": size,
        "grid_100k_ms": seconds * 1000,
        "grid_100k_cpu_ms": (service.cpu_seconds() - cpu) * 1000,
        "grid_100k_rss_growth_mb": peak.growth,
    }


class EventListener:
    """One stream of server-sent events, read with as little effort as can be."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}  # by task, in seconds of perf_counter
        self._more = asyncio.Event()

    async def listen(self, service: Service, token: str, opened: Callable[[], None]) -> None:
        reader, writer = await asyncio.open_connection(service.host, service.port)
        path = "/v1/events?types=task.running"
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(head.encode())
        try:
            while line := await reader.readline():
                if line.startswith(b"retry:"):
                    opened()
                elif line.startswith(b"data: "):
                    self.arrived[json.loads(line[6:])["task"]] = time.perf_counter()
                    self._more.set()
        finally:
            writer.close()

    async def heard(self, task: str) -> float:
        while task not in self.arrived:
            self._more.clear()
            await self._more.wait()
        return self.arrived[task]


async def latencies(service: Service, flow: Flow, count: int) -> tuple[list[list[float]], int]:
    """Return, for EVENTS events, the milliseconds until each of `count` listeners has it; and how many got all."""
    listeners, opened = [EventListener() for _ in range(count)], asyncio.Semaphore(0)
    token = service.token("admin")
    tasks = [asyncio.create_task(listener.listen(service, token, opened.release)) for listener in listeners]
    try:
        async with asyncio.timeout(PATIENCE):
            for _ in listeners:
                await opened.acquire()
        await asyncio.sleep(1.0)  # each has its place in the log
        taken = []
        for number in range(EVENTS):
            began, task = time.perf_counter(), f"t{count}-{number}"
            await flow.change(task)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    for listener in listeners:
                        await listener.heard(task)
            taken.append(sorted((it.arrived[task] - began) * 1000 for it in listeners if task in it.arrived))
    finally:
        for running in tasks:
            running.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return taken, sum(len(listener.arrived) == EVENTS for listener in listeners)


async def events(service: Service, flow: Flow, listeners: int) -> Figures:
    alone, _ = await latencies(service, flow, 1)
    async with watched(service) as peak:
        cpu = service.cpu_seconds()
        many, heard = await latencies(service, flow, listeners)
        cpu = service.cpu_seconds() - cpu
    return {
        "event_latency_p50_ms": statistics.median(row[0] for row in alone),
        "event_latency_p99_ms": p99(sorted(row[0] for row in alone)),
        "sse_clients": heard,
        "sse_latency_p50_ms": statistics.median(statistics.median(row) for row in many),
        "sse_latency_last_p50_ms": statistics.median(row[-1] for row in many),
        "sse_cpu_us_per_frame": cpu / (listeners * EVENTS) * 1e6,
        "sse_rss_growth_mb": peak.growth,
    }


async def blobs(service: Service, http: httpx.AsyncClient, mebibytes: int) -> Figures:
    block = os.urandom(MEBIBYTE)

    def piece(number: int) -> bytes:
        return number.to_bytes(8, "big") + block[8:]

    digest = hashlib.sha256()
    for number in range(mebibytes):
        digest.update(piece(number))
    path = f"/v1/blobs/{digest.hexdigest()}"

    async def body() -> AsyncIterator[bytes]:
        for number in range(mebibytes):
            yield piece(number)

    async with watched(service) as up:
        began = time.perf_counter()
        (await http.put(path, content=body(), timeout=PATIENCE)).raise_for_status()
        upload = time.perf_counter() - began
    received = 0
    async with watched(service) as down:
        began = time.perf_counter()
        async with http.stream("GET", path, timeout=PATIENCE) as answer:
            async for part in answer.raise_for_status().aiter_bytes():
                received += len(part)
        download = time.perf_counter() - began
    if received != mebibytes * MEBIBYTE:
        raise RuntimeError(f"{received} of {mebibytes * MEBIBYTE} bytes came back")
    return {
        "upload_1gb_rss_growth_mb": up.growth,
        "upload_mb_per_s": mebibytes / upload,
        "download_1gb_rss_growth_mb": down.growth,
        "download_mb_per_s": mebibytes / download,
    }


async def measure(scale: Scale) -> Figures:
    async with running_service() as service:
        headers = {"Authorization": f"Bearer {service.token('admin')}"}
        async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=PATIENCE) as http:
            ids = await fill(service.mongodb_uri, runs=scale.runs, large=scale.large, subtasks=SUBTASKS)
            flow = Flow(service)
            await flow.start("measured")
            figures: Figures = {
                "runs": scale.runs,
                "subtasks": scale.large * SUBTASKS,
                **await pages(service, http, ids, scale.requests),
                **await grid(service, http, ids[0]),
                **await events(service, flow, scale.listeners),
                **await blobs(service, http, scale.blob_mib),
            }
            await flow.close()
    return figures


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    figures = dict(asyncio.run(measure(QUICK if options.quick else WHOLE)))
    if options.quick:
        figures["notes"] = f"quick: {QUICK.listeners} listeners, a blob of {QUICK.blob_mib} MiB"
    show(figures, as_json=options.json)


if __name__ == "__main__":
    main()
