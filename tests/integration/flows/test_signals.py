"""Engineers' flows that wait for signals and sleep, and are started again."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from njangi_flows import SignalTimeoutError, sleep, wait_for_signal
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.runtime import flow_run as running
from prefect.states import Pending

from tests.integration.flows.stack_under_test import Stack
from tests.integration.flows.waiting_runs import cancel, events, send, statuses, when

pytestmark = [
    # Prefect's engine leaves connections to its own server to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]


async def run_of(stack: Stack, flow_run_id: UUID | str) -> str:
    """Wait until a flow run has its run and return that one's id."""
    async with stack.http("admin") as http, asyncio.timeout(30):
        while True:
            runs = (await http.get("/v1/runs?page_size=500")).raise_for_status().json()["runs"]
            for run in runs:
                if run["prefect_flow_run_id"] == str(flow_run_id):
                    return str(run["id"])
            await asyncio.sleep(0.05)


async def alarm(stack: Stack, run_id: str) -> str:
    """Wait until a run sleeps and return until when."""
    async with stack.http("admin") as http, asyncio.timeout(30):
        while True:
            reasons = (await http.get(f"/v1/runs/{run_id}/waiting")).raise_for_status().json()["reasons"]
            for reason in reasons:
                if reason["kind"] == "sleep":
                    return str(reason["values"]["until"])
            await asyncio.sleep(0.05)


async def test_an_async_flow_gets_the_payloads_in_the_order_of_its_calls(stack: Stack) -> None:
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @flow
    async def release() -> list[Any]:
        started.set_result(str(running.id))
        first, second = wait_for_signal("approved", timeout="10m"), wait_for_signal("approved")
        await sleep("100ms")
        return [await second, await first]

    carried = asyncio.create_task(release())
    run_id = await run_of(stack, await started)
    await when(stack, run_id, "wait-approved-1")
    await send(stack, run_id, "approved", {"by": "Ana"})
    await when(stack, run_id, "wait-approved-0", "COMPLETED")
    await send(stack, run_id, "approved", 2)
    assert await carried == [2, {"by": "Ana"}]
    assert statuses(await stack.run(run_id)) == dict.fromkeys(
        ["wait-approved-0", "wait-approved-1", "sleep-0"], "COMPLETED"
    )
    rows = await stack.task_runs(run_id, 3)
    assert sorted(row["name"] for row in rows) == ["sleep-0", "wait-approved-0", "wait-approved-1"]


async def test_a_sync_flow_asks_for_the_result(stack: Stack) -> None:
    ids: list[str] = []

    @flow
    def release() -> Any:
        ids.append(str(running.id))
        sleep(0.1).result()
        return wait_for_signal("approved").result()

    carried = asyncio.create_task(asyncio.to_thread(release))
    async with asyncio.timeout(30):
        while not ids:
            await asyncio.sleep(0.05)
    await send(stack, await run_of(stack, ids[0]), "approved", "yes")
    assert await carried == "yes"


async def test_a_wait_that_passes_raises_and_stays_so(stack: Stack) -> None:
    starts = 0

    @flow(persist_result=False)
    async def impatient() -> str:
        nonlocal starts
        starts += 1
        try:
            await wait_for_signal("approved", timeout=0.2)
        except SignalTimeoutError as error:
            if starts == 1:
                raise Pause("as if the process had ended here") from error
            return str(error)
        return "approved"

    async with get_client() as prefect:
        flow_run: FlowRun = await prefect.create_flow_run(impatient, state=Pending())
        with pytest.raises(Pause):
            await run_flow_async(impatient, flow_run=flow_run)
        await send(stack, await run_of(stack, flow_run.id), "approved")
        told = await run_flow_async(impatient, flow_run=await prefect.read_flow_run(flow_run.id))
    assert "task 'wait-approved-0': no signal 'approved' came until" in told


async def test_a_flow_that_is_started_again_gets_the_same_signal_and_sleeps_the_rest_only(stack: Stack) -> None:
    starts: list[list[Any]] = []

    @flow(persist_result=False)
    async def interrupted() -> None:
        got = [await wait_for_signal("approved")]
        nap = sleep("1h")
        starts.append([*got, await alarm(stack, run_id)])
        if len(starts) == 1:
            raise Pause("as if the process had ended here")
        got.append(await wait_for_signal("approved"))
        await cancel(stack, run_id)
        try:
            await nap
        finally:
            starts.append(got)

    async with get_client() as prefect:
        flow_run: FlowRun = await prefect.create_flow_run(interrupted, state=Pending())
        first = asyncio.create_task(run_flow_async(interrupted, flow_run=flow_run))
        run_id = await run_of(stack, flow_run.id)
        await send(stack, run_id, "approved", 1)
        await send(stack, run_id, "approved", 2)
        with pytest.raises(Pause):
            await first
        again = await prefect.read_flow_run(flow_run.id)
        await run_flow_async(interrupted, flow_run=again, return_type="state")
    assert starts[0] == starts[1], "both got the first signal and sleep until the moment that the first start set"
    assert starts[2] == [1, 2]
    assert [event["type"] for event in await events(stack, run_id)].count("signal.taken") == 2


async def test_a_flow_whose_run_is_cancelled_stops_waiting(stack: Stack) -> None:
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @flow
    async def patient() -> None:
        started.set_result(str(running.id))
        await wait_for_signal("never")

    carried = asyncio.create_task(patient(return_state=True))
    run_id = await run_of(stack, await started)
    await when(stack, run_id, "wait-never-0")
    await cancel(stack, run_id)
    state: Any = await asyncio.wait_for(carried, 20)
    assert not state.is_completed() and "cancelled" in state.message


def test_outside_of_a_flow_there_is_nothing_to_wait_in() -> None:
    with pytest.raises(RuntimeError, match="@flow"):
        sleep(1)
    with pytest.raises(ValueError, match="more than 0"):
        sleep(0)
    with pytest.raises(ValueError, match="letters, digits"):
        wait_for_signal("a b")
