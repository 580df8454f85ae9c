"""The grid of subtasks: 100,000 of them kept up to date four times a second, and every one found by keyboard."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.api.conftest import Client, beat, definition, reports, serving
from tests.ui.browser import Watch, new_context, settled
from tests.ui.site import COOKIE, PASSWORD, Site

SUBTASKS = 100_000
BATCH = 1_000
PACE = 0.25  # s between changes
ROUNDS = 40
TRIES = 5
"""What the page needs shows in the best of them: what else the machine does only adds to it."""
LONGEST = 50.0  # ms that the page may be busy at a stretch
TRACED = ["toplevel", "disabled-by-default-devtools.timeline"]
COUNT_FRAMES = """
() => {
  window.frames_drawn = 0;
  const frame = () => {
    window.frames_drawn += 1;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""


def busy(trace: bytes) -> list[float]:
    """Return how many ms each task of the page's main thread computed.

    Of its own time, not by the clock: what else the machine does meanwhile is no fault of the page.
    """
    events = json.loads(trace)["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    return [
        event["tdur"] / 1000
        for event in events
        if event["name"].endswith("RunTask") and "tdur" in event and (event["pid"], event["tid"]) in main
    ]


@dataclass
class Work:
    """A run that the test itself carries, and a volunteer that it plays: nothing changes but by its doing."""

    site: Site
    service: Client
    page: Page
    run_id: str
    flow: httpx.AsyncClient
    agent: httpx.AsyncClient

    async def queue(self, task: str, count: int) -> None:
        address = f"/v1/flow/runs/{self.run_id}/tasks/{task}"
        (await self.flow.put(address, json={"status": "RUNNING", "definition": definition()})).raise_for_status()
        for first in range(0, count, BATCH):
            subtasks = [{"index": index, "parameters": {}} for index in range(first, min(count, first + BATCH))]
            batches = [{"index": first // BATCH, "subtasks": subtasks}]
            (await self.flow.post(f"{address}/batches", json={"batches": batches})).raise_for_status()
            await beat(self.flow, self.run_id)

    async def sync(self, wish: int, said: list[dict[str, Any]]) -> dict[str, Any]:
        body = {"slots": wish, "wish": wish, "wait": 0, "reports": said}
        answer = await self.agent.post("/v1/agent/sync", json=body)
        return dict(answer.raise_for_status().json())

    async def change(self, rounds: int, each: int) -> int:
        """Complete what was lent the round before and take more, at a steady pace; return how many were completed."""
        done, said = 0, list[dict[str, Any]]()
        clock = asyncio.get_running_loop()
        due = clock.time()
        for _ in range(rounds):
            answer = await self.sync(each, said)
            done += len(said)
            said = reports(answer, seconds=600)  # of quick ones more would be lent at once than is asked for
            await beat(self.flow, self.run_id)
            due += PACE
            await asyncio.sleep(max(0.0, due - clock.time()))  # the pace is what is asked for, not a wait
        return done

    async def close(self) -> None:
        await self.flow.aclose()
        await self.agent.aclose()


def signed_in(service: Client) -> list[dict[str, Any]]:
    """Return the cookies of a person who has just been invited."""
    token = (service.home / "tokens" / "admin").read_text().strip()
    made = httpx.post(
        f"{service.url}/v1/invitations",
        json={"name": "ada", "role": "admin"},
        headers={"Authorization": f"Bearer {token}"},
    ).raise_for_status()
    accepted = {"code": made.json()["code"], "password": PASSWORD}
    answer = httpx.post(f"{service.url}/v1/invitations:accept", json=accepted).raise_for_status()
    return [{"name": COOKIE, "value": answer.cookies[COOKIE], "url": service.url, "httpOnly": True, "sameSite": "Lax"}]


@pytest.fixture
def work(site: Site, browser: Browser, tmp_path: Path) -> Iterator[Work]:
    """A service of its own beside the site's, without agents."""
    running = serving(site.stack.mongodb_uri, tmp_path, f"grid_{secrets.token_hex(4)}")
    service = site.do(running.__aenter__())
    watch = Watch()
    context = new_context(browser, service.url, signed_in(service), watch=watch)
    try:
        flow, run_id = site.do(service.flow("by-hand"))
        made = Work(site, service, context.new_page(), run_id, flow, site.do(service.enrol()))
        yield made
        site.do(made.close())
    finally:
        context.close()
        site.do(running.__aexit__(None, None, None))
    assert watch.faults == []


def test_a_hundred_thousand_cells_change_four_times_a_second_without_a_long_frame(work: Work, browser: Browser) -> None:
    work.site.do(work.queue("squares", SUBTASKS))
    page = work.page
    page.goto(f"/runs/{work.run_id}/grid")
    legend = page.get_by_role("group", name="Show only subtasks that are")
    expect(legend.get_by_role("button", name="Queued 100,000")).to_be_visible(timeout=120_000)
    settled(page)
    page.evaluate(COUNT_FRAMES)
    browser.start_tracing(page=page, categories=TRACED)
    done = work.site.do(work.change(ROUNDS, each=200))
    tasks = busy(browser.stop_tracing())
    assert done >= 1_000, "hardly anything changed: nothing was measured"
    assert page.evaluate("window.frames_drawn") > ROUNDS, "the page did not draw"
    assert sum(tasks) > ROUNDS, "what the page did was not measured"
    assert max(tasks) <= LONGEST
    expect(legend.get_by_role("button", name=f"Completed {done:,}")).to_be_visible()


def test_each_cell_is_found_by_keyboard_and_tells_its_story(work: Work) -> None:
    for task, count in (("squares", 50), ("sums", 5)):
        work.site.do(work.queue(task, count))
    lent = work.site.do(work.sync(9, []))
    error = {"type": "ValueError", "message": "no such number", "stderr": "trace of it"}
    work.site.do(work.sync(9, reports(lent, outcome="FAILED", error=error)))
    page = work.page
    page.goto(f"/runs/{work.run_id}/grid")
    cells = page.get_by_role("application", name="Grid of all subtasks")
    said = page.get_by_role("status").filter(has_text="subtask")
    cells.focus()
    for key, told in (
        ("ArrowRight", "squares, subtask 0"),
        ("End", "squares, subtask 49"),
        ("ArrowRight", "sums, subtask 0"),
        ("PageUp", "squares, subtask 0"),
        ("PageDown", "sums, subtask 0"),
        ("Control+End", "sums, subtask 4"),
        ("Control+Home", "squares, subtask 0"),
    ):
        page.keyboard.press(key)
        expect(said).to_contain_text(told)
    failed = [item["subtask_id"].split("/")[1:] for item in lent["leases"]]
    task, index = min(failed, key=lambda item: (item[0], int(item[1])))
    if task == "sums":
        page.keyboard.press("PageDown")
    for _ in range(int(index)):
        page.keyboard.press("ArrowRight")
    expect(said).to_contain_text(f"{task}, subtask {index}: Failed")
    page.keyboard.press("Enter")
    story = page.get_by_role("dialog", name=f"{task}, subtask {index}")
    expect(story).to_contain_text("no such number")
    expect(story).to_contain_text("trace of it")
    page.keyboard.press("Escape")
    expect(story).to_have_count(0)
    expect(cells).to_be_focused()
    page.get_by_role("group", name="Show only subtasks that are").get_by_role("button", name="Failed").click()
    expect(page.get_by_text("subtasks match")).to_contain_text(str(len(failed)))
    page.get_by_label("By volunteer").focus()
    page.get_by_label("By volunteer").select_option(label="old laptop")
    expect(page.get_by_text("subtasks match")).to_contain_text(str(len(failed)))
