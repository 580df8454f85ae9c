"""What a page shows is what is so: after a reload at a bad moment, with a stream that comes late, by a wrong clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.ui.browser import kept
from tests.ui.conftest import BrowserAs
from tests.ui.pages import until
from tests.ui.site import Site
from tests.ui.test_run import ended, got, is_now, of_spec, python

ENDS_WHEN_TOLD: dict[str, Any] = {"tasks": [{"name": "answer", "wait": {"signal": "go"}}]}


def waiting(site: Site, name: str) -> str:
    """Start a run that ends when it is told to, and return its id once it waits."""
    run_id = of_spec(site, {"name": name, **ENDS_WHEN_TOLD})
    until(lambda: got(site, f"/v1/runs/{run_id}")["status"] == "RUNNING")
    return run_id


def end(site: Site, run_id: str) -> None:
    site.session("ada").post(f"/v1/runs/{run_id}/signals", json={"name": "go"}).raise_for_status()
    assert ended(site, run_id) == "COMPLETED"


def is_over(page: Page) -> None:
    is_now(page, "Completed")
    expect(page.get_by_role("button", name=re.compile("^(Pause|Cancel run)$"))).to_have_count(0)


def test_a_page_that_is_opened_again_just_after_the_end_shows_the_end(site: Site, browser_as: BrowserAs) -> None:
    run_id = waiting(site, "ended-meanwhile")
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}")
    is_now(page, "Running")
    until(lambda: kept(page, "ended-meanwhile"))
    page.goto("about:blank")
    end(site, run_id)
    page.goto(f"/runs/{run_id}")
    is_over(page)


def test_an_end_between_what_is_loaded_and_the_beginning_of_the_stream_is_not_missed(
    site: Site, browser_as: BrowserAs
) -> None:
    run_id = waiting(site, "ended-early")
    page = browser_as("ada")
    held: list[Route] = []
    page.route("**/v1/events", lambda route: held.append(route))
    with page.expect_request("**/v1/events"):
        page.goto(f"/runs/{run_id}")
    is_now(page, "Running")
    end(site, run_id)
    held[0].continue_()
    is_over(page)


def test_what_an_attempt_wrote_and_all_digits_of_its_result_are_there_when_it_ends(
    site: Site, browser_as: BrowserAs
) -> None:
    source = "import sys\ndef f():\n    print('to people', file=sys.stderr)\n    print('out')\n    return 2**127 - 1\n"
    tasks = [
        {"name": "ask", "wait": {"signal": "go"}},
        {"name": "write", "python": {"source": source, "function": "f"}, "dependencies": ["ask"]},
    ]
    run_id = of_spec(site, {"name": "writes", "tasks": tasks})
    page = browser_as("ada")
    page.goto(f"/runs/{run_id}/logs")
    expect(page.get_by_text("No subtask has been tried yet.")).to_be_visible()
    end(site, run_id)
    expect(page.get_by_label("Standard error")).to_have_text("to people\n")
    expect(page.get_by_label("Standard output")).to_have_text("out\n")
    page.goto(f"/runs/{run_id}/results?task=write")
    expect(page.get_by_text("170141183460469231731687303715884105727", exact=True)).to_be_visible()


def test_a_browser_whose_clock_is_wrong_tells_when_things_happened_by_the_service(
    site: Site, browser_as: BrowserAs
) -> None:
    run_id = waiting(site, "by-its-clock")
    end(site, run_id)
    for minutes in (-10, 10):
        page = browser_as("ada")
        page.clock.set_system_time(datetime.now(UTC) + timedelta(minutes=minutes))
        page.goto(f"/runs/{run_id}")
        is_over(page)
        created = page.locator(".run-facts time").first
        expect(created).to_have_text(re.compile(r"^(now|\d+ seconds? ago|1 minute ago)$"))


def test_a_page_that_cannot_be_loaded_says_so_and_leaves_the_rest_usable(browser_as: BrowserAs) -> None:
    page = browser_as(
        "ada", allow=["Failed to (fetch|load)", "net::ERR_FAILED", "error boundary"], service_workers="block"
    )
    page.route("**/assets/VolunteersPage*", lambda route: route.abort())
    page.goto("/help")
    sections = page.get_by_role("navigation", name="Sections")
    sections.get_by_role("link", name="Volunteers").click()
    expect(page.get_by_role("alert")).to_contain_text("This page could not be loaded")
    sections.get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", level=1, name="Runs")).to_be_visible()
    sections.get_by_role("link", name="Volunteers").click()
    page.unroute("**/assets/VolunteersPage*")
    page.get_by_role("button", name="Load the page again").click()
    expect(page.get_by_role("heading", level=1, name="Volunteers")).to_be_visible()


def test_what_the_calls_of_an_engineers_flow_came_to_is_told_one_by_one(site: Site, browser_as: BrowserAs) -> None:
    source = "def f(part):\n    return {'square': part * part}\n"
    run_id = of_spec(site, {"name": "calls", "tasks": [python("square", source, split={"range": 3})]})
    assert ended(site, run_id) == "COMPLETED"
    page = browser_as("ada")

    def without_workflow(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "workflow_id": ""})

    page.route(f"**/v1/runs/{run_id}", without_workflow)
    page.goto(f"/runs/{run_id}/results")
    rows = page.get_by_role("region", name="Result of square").get_by_role("row")
    expect(rows).to_contain_text(["Result", '{"square": 0}', '{"square": 1}', '{"square": 4}'])
    expect(page.get_by_role("link", name="All results")).to_have_count(0)
    page.get_by_role("button", name="square, subtask 2").click()
    expect(page.get_by_role("dialog")).to_contain_text('{"square": 4}')
