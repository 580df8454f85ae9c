"""A call of an engineer's flow is what it computes: what equals it is adopted, what differs is computed anew."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from njangi_agent.dialect import MAX_DEPTH, NotCarriedError
from njangi_flows import volunteer_task
from njangi_flows.tasks.options import OptionRefusedError
from prefect import allow_failure, flow, task
from prefect.runtime import flow_run as running

from tests.integration.flows.stack_under_test import Stack, Volunteer
from tests.integration.flows.test_signals import run_of

pytestmark = [
    # Prefect's engine leaves connections to its own server to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"),
]


@volunteer_task
def double(x: int) -> int:
    return 2 * x


@volunteer_task
def reads(path: str) -> str:
    from pathlib import Path

    return Path(path).read_text()


@volunteer_task(retries=1, retry_delay_seconds=0)
def same(value: Any) -> Any:
    return value


@task
def today() -> datetime.date:
    return datetime.date(2026, 1, 1)


def broken() -> Callable[[int], str]:
    def measure(x: int) -> str:
        raise ValueError("to be mended")

    return measure


def mended() -> Callable[[int], str]:
    def measure(x: int) -> str:
        return f"mended {x}"

    return measure


async def test_a_start_in_another_order_adopts_its_calls_and_computes_what_is_new(
    stack: Stack, volunteer: Volunteer
) -> None:
    todo = [[1, 2, 2, 3], [3, 4, 2, 1]]

    @flow(retries=1, retry_delay_seconds=0, persist_result=False)
    def other_order() -> dict[int, int]:
        now = todo.pop(0)
        got = dict(zip(now, double.map(now).result(), strict=True))
        if todo:
            raise RuntimeError("try again")
        return got

    before = set(volunteer.attempts)
    assert await asyncio.to_thread(other_order) == {3: 6, 4: 8, 2: 4, 1: 2}
    made = set(volunteer.attempts) - before
    assert sorted(id_.rsplit("/", 1)[1] for id_ in made) == ["0", "1", "2", "3", "4"], "1, 2, 2, 3 and then 4"
    assert {volunteer.attempts[id_] for id_ in made} == {1}


async def test_mended_code_runs_in_the_next_start_and_what_it_replaced_is_lent_no_more(
    stack: Stack, volunteer: Volunteer
) -> None:
    codes = [broken(), mended()]
    ids: list[str] = []

    @flow(retries=1, retry_delay_seconds=0, persist_result=False)
    def mending() -> list[str]:
        ids.append(str(running.id))
        return list(volunteer_task(codes.pop(0)).map([1, 2]).result())

    assert await asyncio.to_thread(mending) == ["mended 1", "mended 2"]
    run_id = await run_of(stack, ids[0])
    tasks = {item["name"]: item["total"] for item in (await stack.ended(run_id))["tasks"]}
    assert tasks == {"measure": 2, "measure~2": 2}
    assert [volunteer.attempts[f"{run_id}/measure/{index}"] for index in (0, 1)] == [1, 1]


async def test_what_failed_is_tried_again_only_if_the_next_start_makes_the_call_again(
    stack: Stack, volunteer: Volunteer, tmp_path: Path
) -> None:
    missing, unwanted = tmp_path / "missing", tmp_path / "unwanted"
    starts = 0
    ids: list[str] = []

    @flow(retries=1, retry_delay_seconds=0, persist_result=False)
    def reader() -> list[str]:
        nonlocal starts
        starts += 1
        ids.append(str(running.id))
        if starts == 2:
            missing.write_text("there now")
            return [reads(str(missing))]
        return list(reads.map([str(unwanted), str(missing)]).result(raise_on_failure=True))

    assert await asyncio.to_thread(reader) == ["there now"]
    run_id = await run_of(stack, ids[0])
    assert [volunteer.attempts[f"{run_id}/reads/{index}"] for index in (0, 1)] == [1, 2]


async def test_resources_that_were_changed_are_those_of_the_call(stack: Stack, volunteer: Volunteer) -> None:
    ids: list[str] = []

    @flow(persist_result=False)
    def larger() -> list[int]:
        ids.append(str(running.id))
        return [double(1), double.with_options(memory="1GiB")(1), double(1)]

    assert await asyncio.to_thread(larger) == [2, 2, 2]
    run_id = await run_of(stack, ids[0])
    tasks = {item["name"]: item["total"] for item in (await stack.ended(run_id))["tasks"]}
    assert tasks == {"double": 2, "double~2": 1}


async def test_what_would_not_arrive_is_refused_where_it_is_given(stack: Stack) -> None:
    @flow(persist_result=False)
    def refused() -> str:
        with pytest.raises(NotCarriedError) as error:
            same.submit({"rows": [1, {"when": today.fn()}]})
        assert error.value.path == "value.rows[1].when"
        with pytest.raises(NotCarriedError):
            same.map([1, today.fn()])
        with pytest.raises(OptionRefusedError, match="allow_failure"):
            same.submit(allow_failure(today.submit()))
        state = same(today.submit(), return_state=True)
        return str(state.message)

    told = await asyncio.to_thread(refused)
    assert "value: a value of type datetime.date does not travel" in told


async def test_what_calls_give_is_handed_on_whole_also_as_a_list_of_futures_and_nested_to_the_bound(
    stack: Stack,
) -> None:
    deepest: list[Any] = []
    for _ in range(MAX_DEPTH - 1):
        deepest = [deepest]

    @flow(persist_result=False)
    def hands_on() -> list[Any]:
        doubled = double.map([1, 2])
        return [same(doubled), same({"in": [doubled]}), same(double.map([])), same(same(deepest)) == deepest]

    assert await asyncio.to_thread(hands_on) == [[2, 4], {"in": [[2, 4]]}, [], True]
