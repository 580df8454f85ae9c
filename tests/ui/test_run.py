"""Runs in the browser, by real agents: watched, paused, tried again, answered, compared, cancelled by the dozen."""

from __future__ import annotations

import os
import re
import secrets
import signal
from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.ui.conftest import BrowserAs
from tests.ui.pages import ENDED, WAITING, until
from tests.ui.site import Site

PATIENCE = 180_000  # ms
expect.set_options(timeout=30_000)
SLOW = "import time\ndef f(part):\n    time.sleep(1)\n    return part\n"
FAILING = "def f(part):\n    if part % 3 == 0:\n        raise ValueError(f'no good number: {part}')\n    return part\n"
ONCE = {"maximum_attempts": 1}
DRAWS = """
import base64, sys
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
if sys.argv[1] == "1":
    sys.exit("no ink")
sys.stdout.buffer.write(base64.b64decode(png) if sys.argv[1] == "0" else bytes(2000))
"""


def started(site: Site, workflow_id: str, parameters: Mapping[str, Any] | None = None) -> str:
    body = {"parameters": dict(parameters or {})}
    made = site.session("ada").post(f"/v1/workflows/{workflow_id}/runs", json=body).raise_for_status()
    return str(made.json()["id"])


def of_template(site: Site, name: str, **parameters: Any) -> str:
    """Start a run of a template as ada and return its id."""
    made = site.session("ada").post(f"/v1/templates/{name}:use").raise_for_status()
    return started(site, made.json()["id"], parameters)


def of_spec(site: Site, spec: Mapping[str, Any]) -> str:
    made = site.session("ada").post("/v1/workflows", json={"spec": spec}).raise_for_status()
    return started(site, made.json()["id"])


def python(name: str, source: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "python": {"source": source, "function": "f"}, **fields}


def got(site: Site, path: str) -> Any:
    return site.session("ada").get(path).raise_for_status().json()


def ended(site: Site, run_id: str) -> str:
    """Wait for a run's end and return its status."""
    until(lambda: got(site, f"/v1/runs/{run_id}")["status"] in ENDED)
    return str(got(site, f"/v1/runs/{run_id}")["status"])


def attempts(site: Site, run_id: str, task: str) -> dict[int, int]:
    page = got(site, f"/v1/runs/{run_id}/subtasks?task={task}&page_size=100")
    return {item["index"]: item["attempt"] for item in page["subtasks"]}


def is_now(page: Page, status: str) -> None:
    """Wait until the head of the run's page says that it is so."""
    expect(page.locator("main header .status").first).to_have_text(re.compile(f"^{status}(, |$)"), timeout=PATIENCE)


def confirm(page: Page, action: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_have_count(0)


def show(page: Page, view: str) -> None:
    page.get_by_role("navigation", name="Views of this run").get_by_role("link", name=view).click()


def said(page: Page) -> Locator:
    """What is told of the cell or the span under the cursor."""
    return page.get_by_role("status").filter(has_text="subtask")


def test_a_run_is_watched_to_its_end_and_its_table_read(
    site: Site, browser_as: BrowserAs, axe: Callable[[Page], None]
) -> None:
    run_id = of_template(site, "parameter-sweep")
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1, name="parameter-sweep")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^best "))).to_be_visible()
    is_now(page, "Completed")
    page.get_by_role("button", name="simulate Completed 24 of 24").click()
    panel = page.get_by_role("region", name="Task simulate")
    expect(panel.get_by_role("row")).to_have_count(25)
    axe(page)
    page.get_by_role("button", name="List").click()
    expect(page.get_by_role("row", name=re.compile("^simulate Completed"))).to_be_visible()
    panel.get_by_role("link", name="Results").click()
    table = page.get_by_role("group", name="Table of simulate")
    expect(table.get_by_role("row")).to_have_count(25)
    table.get_by_role("button", name="hares").click()
    table.get_by_role("button", name="hares").click()
    expect(table.get_by_role("columnheader", name="hares")).to_have_attribute("aria-sort", "descending")
    rows = got(site, f"/v1/runs/{run_id}/results/simulate")["rows"]
    first = table.get_by_role("row").nth(1).get_by_role("cell")
    expect(first.nth(1)).to_have_text(f"{max(rows, key=lambda row: row[3])[1]:g}")
    page.get_by_role("button", name="Plot").click()
    expect(page.get_by_role("img", name=re.compile("^Plot of "))).to_be_visible()
    axe(page)


def test_each_view_of_a_run_says_what_happened(site: Site, browser_as: BrowserAs) -> None:
    run_id = of_template(site, "mandelbrot")
    assert ended(site, run_id) == "COMPLETED"
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}/results")
    picture = page.get_by_role("img", name="Picture made by assemble")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [96, 64]
    show(page, "Timeline")
    page.get_by_role("application", name="The work of each volunteer over time").focus()
    page.keyboard.press("ArrowRight")
    expect(said(page)).to_contain_text("Returned a result")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Attempt 1")
    page.keyboard.press("Escape")
    show(page, "Events")
    log = page.get_by_role("list", name="Events, the newest first")
    expect(log.get_by_role("listitem").first).to_contain_text("Run completed")
    expect(log.get_by_role("listitem").last).to_contain_text("Submitted")
    page.get_by_role("combobox", name="Show").select_option(label="tasks")
    expect(log.get_by_text("Task completed")).to_have_count(2)
    expect(log.get_by_text("Run completed")).to_have_count(0)
    for view, says in (
        ("Logs", "Nothing was written"),
        ("Errors", "Nothing has failed"),
        ("Why waiting?", "Nothing is waiting"),
    ):
        show(page, view)
        expect(page.get_by_role("heading", name=says)).to_be_visible()


def test_results_that_are_bytes_are_shown_as_what_they_are_beside_the_parts_that_failed(
    site: Site, browser_as: BrowserAs, axe: Callable[[Page], None]
) -> None:
    command = ["python3", "-c", DRAWS, "{part}"]
    task = {"name": "draw", "command": command, "parse": "bytes", "split": {"range": 3}, "retry": ONCE}
    one = {"name": "one", "command": ["python3", "-c", DRAWS, "0"], "parse": "bytes"}
    run_id = of_spec(site, {"name": "drawn", "tasks": [{**task, "tolerated_failure": "50%"}, one]})
    assert ended(site, run_id) == "COMPLETED"
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}/results?task=draw")
    rows = page.get_by_role("group", name="Table of draw").get_by_role("row")
    expect(rows).to_have_text([re.compile(said) for said in ("Size", "^0.*byte", "^1.*failed", "^22 kB")])
    picture = page.get_by_role("img", name="Picture made by draw-0")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 1
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download the result of subtask 2").click()
    assert saved.value.path().read_bytes() == bytes(2000)
    axe(page)
    page.get_by_role("button", name="draw, subtask 1").click()
    expect(page.get_by_role("dialog", name="draw, subtask 1")).to_contain_text("no ink")
    page.get_by_role("button", name="Next subtask").click()
    expect(page.get_by_role("dialog", name="draw, subtask 2")).to_contain_text("Binary data, 2 kB")
    page.goto(f"/runs/{run_id}/results?task=one")
    expect(page.get_by_text(re.compile("^Binary data, [0-9]+ bytes?"))).to_be_visible()
    expect(page.get_by_role("img", name="Picture made by one")).to_be_visible()


def test_a_run_is_paused_loses_an_agent_and_goes_on(site: Site, browser_as: BrowserAs) -> None:
    task = python("slow", SLOW, split={"range": 12}, aggregate="sum", timeouts={"heartbeat": "5s"})
    run_id = of_spec(site, {"name": "interrupted", "tasks": [task]})
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}/grid")
    expect(page.get_by_role("button", name=re.compile("Completed [1-9]"))).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("dialog").get_by_label(re.compile("^Take them back")).check()
    confirm(page, "Pause")
    is_now(page, "Paused")
    show(page, "Why waiting?")
    expect(page.get_by_text("The run is paused")).to_be_visible()
    name = "agent-1"
    pid = site.stack.pid(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    site.do(site.stack.replaced(name, pid))
    page.get_by_role("button", name="Resume").first.click()
    is_now(page, "Completed")
    assert got(site, f"/v1/runs/{run_id}/results/slow") == sum(range(12))


def test_what_failed_is_told_by_its_cause_and_tried_again_alone(
    site: Site, browser_as: BrowserAs, axe: Callable[[Page], None]
) -> None:
    task = python("check", FAILING, split={"range": 9}, aggregate="list", retry=ONCE, tolerated_failure="50%")
    stops = "def f(part):\n    raise KeyError('none') if part == 0 else OSError('neither')\n"
    later = python("stop", stops, split={"range": 3}, dependencies=["check"], retry=ONCE, tolerated_failure="67%")
    run_id = of_spec(site, {"name": "with-faults", "tasks": [task, later]})
    assert ended(site, run_id) == "FAILED"
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}/errors")
    is_now(page, "Failed")
    group = page.get_by_role("region", name="ValueError")
    expect(group).to_contain_text("3 subtasks")
    example = group.get_by_role("button", name="check, subtask 3")
    example.click()
    story = page.get_by_role("dialog", name="check, subtask 3")
    expect(story).to_contain_text("no good number: 3")
    axe(page)
    page.keyboard.press("Escape")
    expect(example).to_be_focused()
    before = attempts(site, run_id, "check")
    expect(group.get_by_role("button", name="Retry these")).to_have_count(0)  # its task has completed
    page.get_by_role("region", name="KeyError").get_by_role("button", name="Retry these").click()
    confirm(page, "Retry these")
    until(lambda: attempts(site, run_id, "stop")[0] == 2)
    assert ended(site, run_id) == "FAILED"
    assert attempts(site, run_id, "stop") == {0: 2, 1: 1, 2: 1}, "exactly what failed for this cause"
    assert attempts(site, run_id, "check") == before
    is_now(page, "Failed")
    show(page, "Logs")
    page.get_by_role("searchbox", name="Text to look for").fill("number: 6")
    page.get_by_role("button", name="Search").click()
    found = page.get_by_role("button", name=re.compile("^check, subtask "))
    expect(found).to_have_text(["check, subtask 6"])
    expect(page.locator("mark").first).to_have_text("number: 6")


def test_a_question_is_seen_and_answered(site: Site, browser_as: BrowserAs) -> None:
    run_id = of_template(site, "approved-release")
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}/waiting")
    expect(page.get_by_text("approval waits for the signal “approve”.")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("main").get_by_role("button", name="Answer").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Signal that a task waits for")).to_have_value("approve")
    answer = dialog.get_by_role("textbox", name="Answer")
    answer.fill("{approved")
    expect(dialog.get_by_text("This is not JSON")).to_be_visible()
    expect(dialog.get_by_role("button", name="Send")).to_be_disabled()
    answer.fill('{"approved": true, "by": "ada"}')
    confirm(page, "Send")
    is_now(page, "Completed")
    assert got(site, f"/v1/runs/{run_id}/results/publish")["by"] == "ada"


def test_runs_are_narrowed_down_kept_as_a_view_and_cancelled_together(site: Site, browser_as: BrowserAs) -> None:
    tag = f"many-{secrets.token_hex(3)}"
    ids = [of_spec(site, {**WAITING, "name": f"waiting-{number}", "tags": [tag]}) for number in range(3)]
    other = of_spec(site, {**WAITING, "name": "another"})
    page = browser_as("ada")
    page.goto(f"/runs?tag={tag}")
    rows = page.get_by_role("row")
    expect(rows).to_have_count(4)
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("button", name="Save this view").click()
    page.get_by_label("Name of the view").fill("the waiting ones")
    confirm(page, "Save the view")
    page.get_by_label("Name or text").fill("waiting-1")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Saved views").click()
    page.get_by_role("link", name="the waiting ones").click()
    expect(rows).to_have_count(4)
    page.get_by_label("Select waiting-0").check()
    page.get_by_role("button", name="Apply to 1 selected run").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("This affects 1 run.")
    confirm(page, "Apply to 1 run")
    assert ended(site, ids[0]) == "CANCELLED"
    page.get_by_role("button", name="Apply to all these runs").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This affects 2 runs.")
    dialog.get_by_label("Type 2 to continue").fill("2")
    confirm(page, "Apply to 2 runs")
    assert [ended(site, run_id) for run_id in ids] == ["CANCELLED"] * 3
    expect(page.get_by_role("cell", name="Cancelled")).to_have_count(3)
    assert got(site, f"/v1/runs/{other}")["status"] not in ENDED
    site.session("ada").post(f"/v1/runs/{other}:cancel").raise_for_status()


def test_a_list_tells_how_far_runs_are_without_asking_for_each(site: Site, browser_as: BrowserAs) -> None:
    tag = f"halves-{secrets.token_hex(3)}"
    first = python("quick", "def f():\n    return 1\n")
    waits = {"name": "answer", "wait": {"signal": "never"}, "dependencies": ["quick"]}
    ids = [of_spec(site, {"name": f"half-{number}", "tags": [tag], "tasks": [first, waits]}) for number in range(2)]
    page = browser_as("ada")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/runs?tag={tag}")
    for number in range(2):
        progress = page.get_by_role("progressbar", name=f"Progress of half-{number}")
        expect(progress).to_have_attribute("value", "0.5", timeout=PATIENCE)
    assert [url for url in asked if any(f"/v1/runs/{run_id}" in url for run_id in ids)] == []
    for run_id in ids:
        site.session("ada").post(f"/v1/runs/{run_id}:cancel").raise_for_status()


def test_a_run_is_started_again_otherwise_and_compared_with_the_first(site: Site, browser_as: BrowserAs) -> None:
    first = of_template(site, "parameter-sweep", days=20)
    assert ended(site, first) == "COMPLETED"
    page = browser_as("ada")
    page.goto(f"/runs/{first}")
    page.get_by_role("button", name="Run again").click()
    days = page.get_by_role("dialog").get_by_label("days")
    days.fill("many")
    expect(page.get_by_text("It must have the same type as 20.")).to_be_visible()
    days.fill("30")
    page.get_by_role("button", name="Start the new run").click()
    expect(page).not_to_have_url(re.compile(first))
    second = page.url.rsplit("/", 1)[1]
    assert ended(site, second) == "COMPLETED"
    page.goto("/runs/compare")
    for side, run_id in (("First run", first), ("Second run", second)):
        page.get_by_role("region", name=side).get_by_label("Run", exact=True).select_option(run_id)
    expect(page.get_by_role("row", name=re.compile("^simulate"))).to_contain_text("Different result")
    expect(page.get_by_text("→ 30")).to_be_visible()
    expect(page.get_by_text("Both runs ran the same workflow.")).to_be_visible()


def test_who_may_read_a_run_is_shown_before_anything_is_changed(site: Site, browser_as: BrowserAs) -> None:
    run_id = of_spec(site, {**WAITING, "name": "shared-wells"})
    ada = site.session("ada")
    ada.post(f"/v1/workflows/{got(site, f'/v1/runs/{run_id}')['workflow_id']}:share", json={"with": ["kofi"]})
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}")
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("listitem")).to_have_text(["ada (owner)", "kofi"])
    dialog.get_by_label("Names").fill("esi")
    dialog.get_by_role("button", name="Share", exact=True).click()
    expect(dialog.get_by_role("listitem")).to_have_text(["ada (owner)", "kofi", "esi"])
    dialog.get_by_role("button", name="Stop sharing with kofi").click()
    expect(dialog.get_by_role("listitem")).to_have_text(["ada (owner)", "esi"])
    ada.post(f"/v1/runs/{run_id}:cancel").raise_for_status()


def test_who_may_only_read_is_offered_nothing_to_change(site: Site, browser_as: BrowserAs) -> None:
    run_id = of_spec(site, {**WAITING, "name": "shared-with-esi"})
    workflow_id = got(site, f"/v1/runs/{run_id}")["workflow_id"]
    site.session("ada").post(f"/v1/workflows/{workflow_id}:share", json={"with": ["esi"]}).raise_for_status()
    page = browser_as("esi")
    for view in ("graph", "waiting", "errors"):
        page.goto(f"/runs/{run_id}/{view}")
        expect(page.get_by_role("heading", level=1, name="shared-with-esi")).to_be_visible()
        expect(
            page.get_by_role("button", name=re.compile("^(Pause|Cancel run|Answer|Resume|Run again)$"))
        ).to_have_count(0)
    page.goto("/runs?q=shared-with-esi")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("checkbox")).to_have_count(0)
    site.session("ada").post(f"/v1/runs/{run_id}:cancel").raise_for_status()
