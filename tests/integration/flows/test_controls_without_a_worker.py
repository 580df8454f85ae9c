"""Runs that are controlled while their flow worker is away, leaves or is killed."""

from __future__ import annotations

import pytest

from tests.integration.flows.controlling import (
    LARGE,
    control,
    failed_once,
    giant,
    large,
    nothing_was_lent_while_paused,
    prefect_shows,
    tidying,
    waits,
)
from tests.integration.flows.stack_under_test import Stack, Volunteer

pytestmark = pytest.mark.usefixtures("volunteer")


async def test_a_run_paused_before_a_worker_took_it_up_waits_for_its_resumption(stack: Stack) -> None:
    run_id = await stack.submit(large(stack))
    await control(stack, run_id, "pause")
    await prefect_shows(stack, run_id, "PAUSED", pause_reschedule=True)
    async with stack.worker("late"), giant(stack):
        await control(stack, run_id, "resume")
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await nothing_was_lent_while_paused(stack, run_id)


async def test_a_paused_run_whose_worker_is_killed_stays_paused_and_goes_on_from_there(stack: Stack) -> None:
    async with stack.worker("killed") as worker:
        run_id = await stack.submit(large(stack))
        await waits(stack, run_id)
        await control(stack, run_id, "pause")
        await prefect_shows(stack, run_id, "PAUSED", pause_reschedule=False)
        worker.kill()
        await worker.wait()
    await prefect_shows(stack, run_id, "PAUSED", pause_reschedule=True)
    assert (await stack.run(run_id))["status"] == "PAUSED"
    async with stack.worker("next"), giant(stack) as volunteer:
        await control(stack, run_id, "resume")
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await nothing_was_lent_while_paused(stack, run_id)
    assert set(volunteer.attempts.values()) == {1}


async def test_a_worker_that_leaves_does_not_resume_a_paused_run(stack: Stack) -> None:
    async with stack.worker("leaves"):
        run_id = await stack.submit(large(stack))
        await waits(stack, run_id)
        await control(stack, run_id, "pause")
        await prefect_shows(stack, run_id, "PAUSED", pause_reschedule=False)
    await prefect_shows(stack, run_id, "PAUSED", pause_reschedule=True)
    async with stack.worker("next"), giant(stack):
        assert (await stack.run(run_id))["status"] == "PAUSED"
        await control(stack, run_id, "resume")
        assert (await stack.ended(run_id))["status"] == "COMPLETED"
    await nothing_was_lent_while_paused(stack, run_id)


async def test_a_worker_killed_while_what_failed_is_done_again(stack: Stack, volunteer: Volunteer) -> None:
    async with stack.worker("first") as worker:
        run_id = await failed_once(stack, volunteer)
        await control(stack, run_id, "retry-failed")
        worker.kill()
        await worker.wait()
    async with stack.worker("second"):
        assert (await stack.ended(run_id, 120))["status"] == "COMPLETED"
    assert await stack.results(run_id) == {"work": [0, 10, 20], "report": "done"}
    assert [volunteer.attempts[f"{run_id}/work/{index}"] for index in range(3)] == [1, 2, 1]


async def test_a_worker_killed_while_it_cleans_up(stack: Stack) -> None:
    async with stack.worker("first") as worker:
        run_id = await stack.submit(large(stack), tidying(stack) | LARGE, cleanup="tidy")
        await waits(stack, run_id)
        await control(stack, run_id, "cancel")
        await waits(stack, run_id, "tidy")
        worker.kill()
        await worker.wait()
    async with stack.worker("second"), giant(stack):
        run = await stack.ended(run_id, 120)
    assert run["status"] == "CANCELLED"
    assert {task["name"]: task["status"] for task in run["tasks"]} == {"large": "CANCELLED", "tidy": "COMPLETED"}
