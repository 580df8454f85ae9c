"""Runs in the browser, by real agents: watched to their end, paused, retried, answered, compared, cancelled by the dozen."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
from typing import Any

import pytest
from playwright.async_api import Page, expect

from stack.supervisor import Stack
from tests.end_to_end.submitting import Submitter, python
from tests.ui.conftest import OpenPage, accessible

PATIENCE = 120_000  # ms
SLOW = "import time\ndef f(part):\n    time.sleep(1)\n    return part\n"
FAILING = "def f(part):\n    if part % 3 == 0:\n        raise ValueError(f'no good number: {part}')\n    return part\n"
ONCE = {"maximum_attempts": 1}


async def of_template(submitter: Submitter, name: str, **parameters: Any) -> str:
    """Start a run of a template and return its id."""
    made = await submitter.post(f"/v1/templates/{name}:use")
    assert made.status_code == 201, made.text
    started = await submitter.post(f"/v1/workflows/{made.json()['id']}/runs", {"parameters": parameters})
    assert started.status_code == 201, started.text
    return str(started.json()["id"])



async def shown_as(page: Page, status: str) -> None:
    """Wait until the head of the run's page says that it is so."""
    await expect(page.locator("header .status").first).to_have_text(status, timeout=PATIENCE)


async def confirm(page: Page, action: str) -> None:
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name=action, exact=True).click()
    await expect(dialog).to_be_hidden(timeout=30_000)


async def tab(page: Page, name: str) -> None:
    await page.get_by_role("navigation", name="Views of this run").get_by_role("link", name=name).click()


async def test_a_run_is_watched_to_its_end_and_its_table_read(submitter: Submitter, page: OpenPage) -> None:
    run_id = await of_template(submitter, "parameter-sweep")
    ada = await page("ada", f"/runs/{run_id}")
    await expect(ada.get_by_role("heading", level=1, name="parameter-sweep")).to_be_visible()
    await expect(ada.get_by_role("button", name=re.compile("^best, "))).to_be_visible()
    await shown_as(ada, "Completed")
    await expect(ada.get_by_role("button", name="simulate, Completed, 24 of 24 subtasks done")).to_be_visible()
    await accessible(ada)
    await ada.get_by_role("button", name="simulate, Completed").click()
    panel = ada.get_by_role("region", name="Task simulate")
    await expect(panel.get_by_role("row")).to_have_count(25)
    await panel.get_by_role("link", name="Results").click()
    table = ada.get_by_role("group", name="Table of simulate")
    await expect(table.get_by_role("row")).to_have_count(25)
    await table.get_by_role("button", name="hares").click()
    await table.get_by_role("button", name="hares").click()
    await expect(table.get_by_role("columnheader", name="hares")).to_have_attribute("aria-sort", "descending")
    rows = (await submitter.result(run_id, "simulate"))["rows"]
    most = max(rows, key=lambda row: row[3])
    await expect(table.get_by_role("row").nth(1).get_by_role("cell").nth(0)).to_have_text(f"{most[0]:g}")
    await ada.get_by_role("button", name="Plot").click()
    await expect(ada.get_by_role("img", name=re.compile("^Plot of "))).to_be_visible()
    await accessible(ada)


async def test_each_view_of_a_run_that_has_ended_says_what_happened(submitter: Submitter, page: OpenPage) -> None:
    run_id = await of_template(submitter, "mandelbrot")
    await submitter.completed(run_id)
    ada = await page("ada", f"/runs/{run_id}/results")
    picture = ada.get_by_role("img", name="Picture that assemble made")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [96, 64]
    await accessible(ada)
    await tab(ada, "Grid")
    await expect(ada.get_by_role("button", name="Completed 9")).to_be_visible()
    await accessible(ada)
    await tab(ada, "Timeline")
    await ada.get_by_role("application", name="What each volunteer did when").focus()
    await ada.keyboard.press("ArrowRight")
    await expect(ada.get_by_role("status").filter(has_text="subtask")).to_contain_text("Returned a result")
    await accessible(ada)
    await tab(ada, "Events")
    await expect(ada.get_by_role("list", name="Events, the newest first").get_by_role("listitem").first).to_contain_text("Run completed")
    await accessible(ada)
    for name, says in (("Logs", "Nothing was written"), ("Errors", "Nothing has failed"), ("Why waiting?", "Nothing waits")):
        await tab(ada, name)
        await expect(ada.get_by_role("heading", name=says)).to_be_visible()
        await accessible(ada)


async def test_a_run_is_paused_loses_an_agent_and_goes_on(submitter: Submitter, stack: Stack, page: OpenPage) -> None:
    run_id = await submitter.start(
        python("slow", SLOW, split={"range": 16}, aggregate="sum", timeouts={"heartbeat": "5s"}), name="interrupted"
    )
    ada = await page("ada", f"/runs/{run_id}/grid")
    await expect(ada.get_by_role("button", name=re.compile("^Completed [1-9]"))).to_be_visible(timeout=PATIENCE)
    await ada.get_by_role("button", name="Pause", exact=True).click()
    await ada.get_by_role("dialog").get_by_label(re.compile("^Call it back")).check()
    await confirm(ada, "Pause")
    await shown_as(ada, "Paused")
    await tab(ada, "Why waiting?")
    await expect(ada.get_by_text("The run is paused")).to_be_visible()
    pid = stack.pid("agent-1")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await stack.replaced("agent-1", pid)
    await ada.get_by_role("button", name="Resume").first.click()
    await shown_as(ada, "Completed")
    assert await submitter.result(run_id, "slow") == sum(range(16))


async def test_what_failed_is_grouped_by_cause_and_tried_again_alone(submitter: Submitter, page: OpenPage) -> None:
    run_id = await submitter.start(python("check", FAILING, split={"range": 9}, retry=ONCE), name="with-faults")
    await submitter.ended(run_id)
    ada = await page("ada", f"/runs/{run_id}/errors")
    await shown_as(ada, "Failed")
    group = ada.get_by_role("region", name="ValueError")
    await expect(group).to_contain_text("no good number")
    await group.get_by_role("button", name=re.compile("^check, subtask ")).first.click()
    await expect(ada.get_by_role("dialog")).to_contain_text("no good number")
    await ada.keyboard.press("Escape")
    await accessible(ada)
    before = {item["index"]: item["attempt"] for item in await submitter.subtasks(run_id, "check")}
    await group.get_by_role("button", name="Retry these").click()
    await confirm(ada, "Retry these")
    await submitter.until(run_id, lambda run: run["attempt"] >= 2)
    await submitter.ended(run_id)
    await shown_as(ada, "Failed")
    after = {item["index"]: item["attempt"] for item in await submitter.subtasks(run_id, "check")}
    assert any(after[index] > before[index] for index in after if index % 3 == 0)
    assert all(after[index] == before[index] for index in (1, 2) if before[index])


async def test_a_question_is_seen_and_answered(submitter: Submitter, page: OpenPage) -> None:
    run_id = await of_template(submitter, "approved-release")
    ada = await page("ada", f"/runs/{run_id}/waiting")
    await expect(ada.get_by_text("approval waits for the answer “approve”.")).to_be_visible(timeout=PATIENCE)
    await accessible(ada)
    await ada.get_by_role("button", name="Answer").first.click()
    dialog = ada.get_by_role("dialog")
    await expect(dialog.get_by_label("What is waited for")).to_have_value("approve")
    answer = dialog.get_by_label("Answer")
    await answer.fill("{approved")
    await expect(dialog.get_by_text("This is not JSON")).to_be_visible()
    await answer.fill('{"approved": true, "by": "ada"}')
    await confirm(ada, "Send")
    await shown_as(ada, "Completed")
    assert (await submitter.result(run_id, "publish"))["by"] == "ada"


async def test_runs_are_narrowed_kept_as_a_view_and_cancelled_together(submitter: Submitter, page: OpenPage) -> None:
    tag = f"many-{secrets.token_hex(3)}"
    wait = {"name": "ask", "wait": {"signal": "go"}}
    ids = [await submitter.start(wait, name=f"waiting-{number}", tags=[tag]) for number in range(3)]
    other = await submitter.start(wait, name="another")
    ada = await page("ada", f"/runs?tag={tag}")
    await expect(ada.get_by_role("row")).to_have_count(4)
    await accessible(ada)
    await ada.get_by_role("button", name="Saved views").click()
    await ada.get_by_role("button", name="Keep this view").click()
    await ada.get_by_label("Name of the view").fill("the waiting ones")
    await confirm(ada, "Keep it")
    await ada.get_by_label("Name or text").fill("waiting-1")
    await expect(ada.get_by_role("row")).to_have_count(2)
    await ada.get_by_role("button", name="Saved views").click()
    await ada.get_by_role("link", name="the waiting ones").click()
    await expect(ada.get_by_role("row")).to_have_count(4)
    await ada.get_by_label("Choose waiting-0").check()
    await ada.get_by_role("button", name="With 1 chosen").click()
    await ada.get_by_role("button", name="Cancel", exact=True).click()
    await expect(ada.get_by_role("dialog")).to_contain_text("This is about 1 run.")
    await confirm(ada, "Do it to 1 run")
    await submitter.ended(ids[0])
    await ada.get_by_role("button", name="With all of these").click()
    await ada.get_by_role("button", name="Cancel", exact=True).click()
    dialog = ada.get_by_role("dialog")
    await expect(dialog).to_contain_text("This is about 2 runs.")
    await dialog.get_by_label("Type 2 to go on").fill("2")
    await confirm(ada, "Do it to 2 runs")
    for run_id in ids:
        assert (await submitter.ended(run_id))["status"] == "CANCELLED"
    await expect(ada.get_by_role("cell", name="Cancelled")).to_have_count(3, timeout=30_000)
    assert (await submitter.run(other))["status"] not in ("CANCELLED", "FAILED")
    await submitter.cancel(other)


async def test_two_runs_are_compared(submitter: Submitter, page: OpenPage) -> None:
    first = await of_template(submitter, "parameter-sweep", days=20)
    await submitter.completed(first)
    ada = await page("ada", f"/runs/{first}")
    await shown_as(ada, "Completed")
    await ada.get_by_role("button", name="Run again").click()
    await ada.get_by_role("dialog").get_by_label("days").fill("30")
    await ada.get_by_role("button", name="Start the new run").click()
    await expect(ada).not_to_have_url(re.compile(first))
    second = ada.url.rsplit("/", 1)[1]
    await submitter.completed(second)
    await ada.goto(f"/runs/compare?a={first}&b={second}")
    await expect(ada.get_by_role("row", name=re.compile("^simulate"))).to_contain_text("Another result")
    await expect(ada.get_by_text("→ 30")).to_be_visible()
    await accessible(ada)


@pytest.mark.parametrize("path", ["", "/waiting", "/errors"])
async def test_who_may_only_read_is_offered_nothing_to_change(submitter: Submitter, page: OpenPage, path: str) -> None:
    run_id = await submitter.start({"name": "ask", "wait": {"signal": "go"}}, name="shared")
    run = await submitter.run(run_id)
    shared = await submitter.post(f"/v1/workflows/{run['workflow_id']}:share", {"with": ["esi"]})
    assert shared.status_code == 200, shared.text
    esi = await page("esi", f"/runs/{run_id}{path}")
    await expect(esi.get_by_role("heading", level=1, name="shared")).to_be_visible()
    await asyncio.gather(*(expect(esi.get_by_role("button", name=name)).to_have_count(0) for name in ("Pause", "Cancel run", "Answer", "Resume")))
    await submitter.cancel(run_id)
