"""Engineers' flows whose tasks volunteers run."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Any

import pytest
from njangi_flows import VolunteerTaskError, volunteer_task
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.futures import PrefectFutureList
from prefect.states import Pending

from tests.integration.flows.stack_under_test import Stack, Volunteer

pytestmark = [
    pytest.mark.usefixtures("volunteer"),
    # Prefect's engine leaves connections to its own server to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]

MANY = 250


@volunteer_task
def double(x: int) -> int:
    return 2 * x


@volunteer_task(retries=2, retry_delay_seconds=0.05)
def root(x: int) -> int:
    return math.isqrt(x)


@volunteer_task(retries=1, retry_delay_seconds=0)
def divide(x: int, by: int) -> float:
    return x / by


@volunteer_task
def measure(text: str) -> list[str]:
    return [text, str(len(text))]


@task
def one() -> int:
    return 1


async def in_a_thread(made: Any, *arguments: Any) -> Any:
    """Run an ordinary flow away from the loop on which the volunteer works."""
    return await asyncio.to_thread(made, *arguments)


async def test_a_direct_call_returns_the_result(stack: Stack) -> None:
    @flow
    def direct() -> int:
        return double(double(4)) + root(17)

    assert await in_a_thread(direct) == 20


async def test_a_submitted_call_takes_futures_and_gives_one(stack: Stack) -> None:
    @flow
    def submitted() -> int:
        first: Any = one.submit()
        second: Any = double.submit(first)
        third = double.submit(second, wait_for=[first], return_state=False)
        return int(third.result())

    assert await in_a_thread(submitted) == 4


async def test_an_async_flow_may_submit_too(stack: Stack) -> None:
    @flow
    async def submitted() -> int:
        future = double.submit(21)
        return int(await asyncio.to_thread(future.result))

    assert await submitted() == 42


async def test_hundreds_of_mapped_calls_take_no_hundreds_of_threads(stack: Stack) -> None:
    most = 0

    @flow
    def mapped() -> list[int]:
        nonlocal most
        futures: PrefectFutureList[int] = double.map(list(range(MANY)))
        most = threading.active_count()
        return list(futures.result())

    assert await in_a_thread(mapped) == [2 * x for x in range(MANY)]
    assert most < 40


async def test_a_failing_call_is_tried_again_and_then_raises(stack: Stack, volunteer: Volunteer) -> None:
    @flow
    def failing() -> Any:
        state = divide(1, 0, return_state=True)
        return state.message

    @flow
    def raising() -> float:
        return divide(1, 0)

    before = dict(volunteer.attempts)
    assert "division by zero" in await in_a_thread(failing)
    [subtask] = [id_ for id_ in volunteer.attempts if id_ not in before]
    assert volunteer.attempts[subtask] == 2
    with pytest.raises(VolunteerTaskError, match="ZeroDivisionError: division by zero"):
        await in_a_thread(raising)


async def test_large_parameters_and_results_travel_as_blobs(stack: Stack) -> None:
    @flow
    def large() -> list[str]:
        return measure("é" * 200_000)

    assert await in_a_thread(large) == ["é" * 200_000, "200000"]


async def test_a_second_start_of_a_flow_run_adopts_what_the_first_one_did(stack: Stack, volunteer: Volunteer) -> None:
    starts = 0

    @flow(persist_result=False)
    async def interrupted() -> int:
        nonlocal starts
        starts += 1
        total = sum(await asyncio.to_thread(lambda: double.map([1, 2, 3]).result()))
        if starts == 1:
            raise Pause("as if the process had ended here")
        return int(total)

    async with get_client() as prefect:
        flow_run: FlowRun = await prefect.create_flow_run(interrupted, state=Pending())
        before = dict(volunteer.attempts)
        with pytest.raises(Pause):
            await run_flow_async(interrupted, flow_run=flow_run)
        made = [id_ for id_ in volunteer.attempts if id_ not in before]
        assert await run_flow_async(interrupted, flow_run=await prefect.read_flow_run(flow_run.id)) == 12
    assert (len(made), starts) == (3, 2)
    assert {id_: volunteer.attempts[id_] for id_ in volunteer.attempts if id_ not in before} == dict.fromkeys(made, 1)
