"""An engineer's own Prefect flow for the storm, its deployment, and how its runs are started.

Prefect's process worker runs it: `tests.faults.engineers.tally`, found by module path as all flows are.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from njangi_flows import sleep, volunteer_task
from prefect import flow

from stack.settings import StackSettings
from tests.end_to_end.submitting import Submitter
from tests.faults.shapes import Shape

NAME = "tally"
COUNT = 30
POOL = "python"
PAUSE_SECONDS = 0.5

SHAPE = Shape("engineer's", [], subtasks={"square": COUNT, "total": 1})
"""What each of its runs must come to. That the sum is right the flow checks itself."""


@volunteer_task(retries=2, heartbeat=5)
def square(n: int) -> int:
    import time

    time.sleep(0.1)
    return n * n


@volunteer_task(retries=2, heartbeat=5)
def total(numbers: list[int]) -> int:
    return sum(numbers)


@flow(name=NAME, persist_result=False)
async def tally() -> int:
    """Sum squares on volunteers' machines, with a rest before the sum."""
    squares: Any = square.map(range(COUNT))
    numbers = await asyncio.to_thread(squares.result)
    await sleep("2s")
    summed = total.submit(numbers)
    result = int(await asyncio.to_thread(summed.result))
    if result != sum(n * n for n in range(COUNT)):
        raise ValueError(f"the sum is {result}")
    return result


class Engineers:
    """Starts runs of the flow through Prefect, patiently: Prefect may be killed meanwhile."""

    def __init__(self, settings: StackSettings) -> None:
        self._http = httpx.AsyncClient(base_url=f"{settings.prefect_url}/api", timeout=30)
        self._deployment: str | None = None

    async def deploy(self) -> None:
        """Put the deployment into Prefect, once its work pool is there."""
        flow_id = (await self._patiently("POST", "/flows/", {"name": NAME}))["id"]
        await self._patiently("GET", f"/work_pools/{POOL}")
        body = {
            "name": NAME,
            "flow_id": flow_id,
            "work_pool_name": POOL,
            "entrypoint": f"{__name__}.{tally.fn.__name__}",
        }
        self._deployment = (await self._patiently("POST", "/deployments/", body))["id"]

    async def start(self, key: str, submitter: Submitter) -> str:
        """Start one run, the same for the same key, and return its id once the service knows it.

        Raises RuntimeError if the flow fails before that.
        """
        made = await self._patiently(
            "POST", f"/deployments/{self._deployment}/create_flow_run", {"idempotency_key": key}
        )
        while True:
            for run in (await submitter.get("/v1/runs", page_size=500))["runs"]:
                if run["prefect_flow_run_id"] == made["id"]:
                    return str(run["id"])
            state = (await self._patiently("GET", f"/flow_runs/{made['id']}"))["state"]
            if state["type"] == "FAILED":
                raise RuntimeError(f"an engineer's flow: {state['message']}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        await self._http.aclose()

    async def _patiently(self, method: str, path: str, body: Any = None) -> Any:
        while True:
            try:
                answer = await self._http.request(method, path, json=body)
                if answer.is_success:
                    return answer.json()
            except httpx.TransportError:
                pass
            await asyncio.sleep(PAUSE_SECONDS)
