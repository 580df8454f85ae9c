"""A grid of 100,000 subtasks, kept up to date four times a second, without a frame that is felt."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.conftest import emptied
from tests.integration.api.conftest import Client, beat, definition, reports, serving

SUBTASKS = 100_000
BATCH = 1_000
LONGEST = 50.0  # ms that the page may be busy at a stretch
ROUNDS = 40  # at four a second: ten seconds

MEASURE = """
() => {
  const told = { longTasks: [], frames: [], last: performance.now() };
  window.told = told;
  new PerformanceObserver((list) => told.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ entryTypes: ["longtask"] });
  const frame = (now) => {
    told.frames.push(now - told.last);
    told.last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def service(mongodb_uri: str, databases: str, tmp_path: Path) -> AsyncIterator[Client]:
    database = f"{databases}_grid"
    async with emptied(mongodb_uri, database), serving(mongodb_uri, tmp_path, database) as made:
        yield made


async def queue(flow: httpx.AsyncClient, run_id: str, task: str, count: int) -> None:
    """Define a task of `count` subtasks and queue them, a batch of 1,000 a call."""
    address = f"/v1/flow/runs/{run_id}/tasks/{task}"
    body = {"status": "RUNNING", "definition": definition()}
    (await flow.put(address, json=body)).raise_for_status()
    for first in range(0, count, BATCH):
        subtasks = [{"index": index, "parameters": {}} for index in range(first, min(count, first + BATCH))]
        batches = [{"index": first // BATCH, "subtasks": subtasks}]
        (await flow.post(f"{address}/batches", json={"batches": batches})).raise_for_status()
        await beat(flow, run_id)


@asynccontextmanager
async def signed_in(browser: Browser, service: Client) -> AsyncIterator[Page]:
    """Yield a page in which an admin has taken up an invitation."""
    password = secrets.token_hex(12)
    async with service.http("admin") as http:
        made = await http.post("/v1/invitations", json={"name": "ada", "role": "admin"})
        made.raise_for_status()
    context = await browser.new_context(base_url=service.url, locale="en", viewport={"width": 1280, "height": 800})
    try:
        page = await context.new_page()
        answer = await context.request.post("/v1/invitations:accept", data={"code": made.json()["code"], "password": password})
        assert answer.status == 201, await answer.text()
        yield page
    finally:
        await context.close()


async def test_a_hundred_thousand_cells_change_four_times_a_second_without_a_long_frame(
    browser: Browser, service: Client
) -> None:
    flow, run_id = await service.flow("wide")
    async with aclosing(flow), await service.enrol() as agent, signed_in(browser, service) as page:
        await queue(flow, run_id, "squares", SUBTASKS)
        await page.goto(f"/runs/{run_id}/grid")
        legend = page.get_by_role("group", name="Show only subtasks that are")
        await expect(legend.get_by_role("button", name="Queued 100,000")).to_be_visible(timeout=60_000)
        await expect(page.get_by_role("application", name="Grid of all subtasks")).to_be_visible()
        await page.evaluate(MEASURE)
        done = 0
        said: list[dict[str, Any]] = []
        for _ in range(ROUNDS):
            due = asyncio.get_running_loop().time() + 0.25
            body = {"slots": 200, "wish": 200, "wait": 0, "reports": said}
            answer = (await agent.post("/v1/agent/sync", json=body)).json()
            done += len(said)
            said = reports(answer)
            await beat(flow, run_id)
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))  # the pace is what is measured
        told: dict[str, list[float]] = await page.evaluate("window.told")
        assert done >= ROUNDS * 10, "hardly anything changed: nothing was measured"
        await expect(legend.get_by_role("button", name=f"Completed {done:,}")).to_be_visible(timeout=30_000)
        assert [span for span in told["longTasks"] if span > LONGEST] == []
        assert len(told["frames"]) > ROUNDS, "the page did not draw"


async def test_cells_are_found_by_keyboard_and_told_apart_by_more_than_colour(browser: Browser, service: Client) -> None:
    flow, run_id = await service.flow("small")
    async with aclosing(flow), await service.enrol() as agent, signed_in(browser, service) as page:
        await queue(flow, run_id, "squares", 50)
        await queue(flow, run_id, "sums", 5)
        answer = (await agent.post("/v1/agent/sync", json={"slots": 9, "wish": 9, "wait": 5})).json()
        failed = {"outcome": "FAILED", "error": {"type": "ValueError", "message": "no such number", "stderr": "trace of it"}}
        await agent.post("/v1/agent/sync", json={"slots": 9, "reports": reports(answer, **failed)})
        [*indexes] = [int(item["subtask_id"].rsplit("/", 1)[1]) for item in answer["leases"] if "/squares/" in item["subtask_id"]]
        await page.goto(f"/runs/{run_id}/grid")
        cells = page.get_by_role("application", name="Grid of all subtasks")
        await cells.focus()
        await page.keyboard.press("ArrowRight")
        said = page.get_by_role("status").filter(has_text="subtask")
        await expect(said).to_contain_text("squares, subtask 0")
        await page.keyboard.press("End")
        await expect(said).to_contain_text("squares, subtask 49")
        await page.keyboard.press("PageDown")
        await expect(said).to_contain_text("sums, subtask 0")
        await page.keyboard.press("Control+Home")
        for _ in range(min(indexes)):
            await page.keyboard.press("ArrowRight")
        await expect(said).to_contain_text("Failed")
        await page.keyboard.press("Enter")
        story = page.get_by_role("dialog", name=f"squares, subtask {min(indexes)}")
        await expect(story).to_contain_text("no such number")
        await expect(story).to_contain_text("trace of it")
        await page.keyboard.press("Escape")
        await expect(cells).to_be_focused()
        await page.get_by_role("group", name="Show only subtasks that are").get_by_role("button", name="Failed").click()
        await expect(page.get_by_text("stand out")).to_contain_text(str(len(answer["leases"])))
