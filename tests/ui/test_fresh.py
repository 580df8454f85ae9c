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
from tests.ui.test_run import ended, got, is_now, of_spec

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
