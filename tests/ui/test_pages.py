"""People at the console: who comes in, where everything is, and what each may do."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.ui.browser import kept
from tests.ui.conftest import BrowserAs
from tests.ui.pages import WAITING, until
from tests.ui.site import PASSWORD, Site

OFFLINE = r"ERR_INTERNET_DISCONNECTED|Failed to fetch|NetworkError|ERR_NETWORK"
DOUBLED = """
name: {name}
description: Doubles some numbers
parameters: {{factor: 2}}
tasks:
  - name: double
    python:
      source: |
        def double(part, factor):
            return [n * factor for n in part]
      function: double
    parameters: {{factor: "{{factor}}"}}
    split: {{range: 6, items_per_subtask: 2}}
    aggregate: list
  - name: size
    command: wc -c {{double.result}}
    dependencies: [double]
"""


def heading(page: Page, name: str) -> Locator:
    return page.get_by_role("heading", level=1, name=name, exact=True)


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def workflow_of(site: Site, who: str, name: str) -> str:
    made = site.session(who).post("/v1/workflows", json={"spec": DOUBLED.format(name=name)}).raise_for_status()
    return str(made.json()["id"])


def choose(page: Page, menu: str, action: str) -> None:
    page.get_by_role("button", name=menu).click()
    page.get_by_role("button", name=action, exact=True).click()


def test_a_wrong_password_is_told_and_the_right_one_leads_to_the_page_asked_for(browser_as: BrowserAs) -> None:
    page = browser_as(None)
    page.goto("/workflows")
    sign_in(page, "ada", "not this one at all")
    expect(page.get_by_text("The name or the password is wrong")).to_be_visible()
    sign_in(page, "ada", PASSWORD)
    expect(heading(page, "Workflows")).to_be_visible()
    page.get_by_role("banner").get_by_role("button", name="ada").click()
    page.get_by_role("button", name="Sign out").click()
    expect(heading(page, "Sign in to Njangi")).to_be_visible()


def test_who_was_signed_out_meanwhile_signs_in_and_is_where_they_were(browser_as: BrowserAs) -> None:
    page = browser_as("ada")
    page.goto("/volunteers")
    expect(page.get_by_role("table")).to_be_visible()
    page.context.clear_cookies()
    page.get_by_role("link", name="Workflows", exact=True).click()
    sign_in(page, "ada", PASSWORD)
    expect(heading(page, "Workflows")).to_be_visible()
    expect(page).to_have_url(re.compile("/workflows$"))


def test_the_language_chosen_is_remembered(browser_as: BrowserAs) -> None:
    page = browser_as("kofi")
    page.goto("/volunteers")
    page.get_by_role("button", name="kofi").click()
    page.get_by_role("button", name="Français").click()
    expect(heading(page, "Volontaires")).to_be_visible()
    page.reload()
    expect(heading(page, "Volontaires")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "fr"


def test_a_french_browser_is_spoken_to_in_french(browser_as: BrowserAs) -> None:
    page = browser_as(None, locale="fr-FR")
    page.goto("/")
    expect(heading(page, "Se connecter à Njangi")).to_be_visible()


def test_an_example_runs_at_one_click_and_completes(browser_as: BrowserAs, site: Site) -> None:
    page = browser_as("kofi")
    page.goto("/")
    page.get_by_role("button", name="Try it Count words").click()
    expect(page).to_have_url(re.compile("/runs/.+"))
    run = page.url.split("/runs/")[1].split("/")[0]
    until(lambda: site.session("kofi").get(f"/v1/runs/{run}").json()["status"] == "COMPLETED")


def test_home_tells_what_goes_on_and_what_needs_somebody(browser_as: BrowserAs, site: Site) -> None:
    ada = site.session("ada")
    workflow = (
        ada.post("/v1/workflows", json={"spec": WAITING | {"name": "well-watch"}}).raise_for_status().json()["id"]
    )
    run = ada.post(f"/v1/workflows/{workflow}/runs", json={}).raise_for_status().json()["id"]
    page = browser_as("ada")
    page.goto("/")
    expect(page.get_by_role("article", name="well-watch").get_by_role("progressbar")).to_be_visible()
    waits = page.get_by_role("listitem").filter(has_text="well-watch waits for the signal “approved”")
    expect(waits).to_be_visible()
    ada.post(f"/v1/runs/{run}:pause", json={}).raise_for_status()
    expect(page.get_by_role("listitem").filter(has_text="well-watch is paused")).to_be_visible()
    ada.post(f"/v1/runs/{run}:cancel").raise_for_status()
    expect(page.get_by_role("article", name="well-watch")).to_have_count(0)


def test_the_tour_points_at_one_thing_after_the_other_and_is_not_offered_again(browser_as: BrowserAs) -> None:
    page = browser_as("kofi")
    page.goto("/")
    page.get_by_role("button", name="Show me around").click()
    tour = page.get_by_role("dialog")
    expect(tour.get_by_role("heading", name="Workflows")).to_be_visible()
    tour.get_by_role("button", name="Next").click()
    expect(tour.get_by_role("heading", name="Start with an example")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tour).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="Start from an example")).to_be_visible()
    expect(page.get_by_role("button", name="Show me around")).to_have_count(0)
    page.goto("/help")
    page.get_by_role("link", name="Show me around again").click()
    expect(tour.get_by_role("heading", name="Workflows")).to_be_visible()


def test_a_workflow_is_imported_run_cloned_archived_and_deleted(browser_as: BrowserAs) -> None:
    page = browser_as("kofi")
    page.goto("/workflows")
    page.get_by_role("button", name="Import").click()
    page.get_by_label("Or paste its text").fill(DOUBLED.format(name="doubled"))
    dialog(page).get_by_role("button", name="Import").click()
    expect(heading(page, "doubled")).to_be_visible()
    expect(page.get_by_text("Python function, split over volunteers")).to_be_visible()

    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_label("factor").fill("many")
    expect(page.get_by_text("This is not a number")).to_be_visible()
    expect(page.get_by_role("button", name="Start the run")).to_be_disabled()
    page.get_by_label("factor").fill("3")
    page.get_by_role("button", name="Start the run").click()
    expect(page).to_have_url(re.compile("/runs/.+"))
    page.goto("/workflows?q=doubled")
    page.get_by_role("link", name="doubled", exact=True).click()
    page.get_by_label("Parts of the workflow").get_by_role("link", name="Runs").click()
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(2)

    choose(page, "More", "Clone")
    page.get_by_label("Name of the new workflow").fill("doubled-again")
    dialog(page).get_by_role("button", name="Clone").click()
    expect(heading(page, "doubled-again")).to_be_visible()
    choose(page, "More", "Archive")
    dialog(page).get_by_role("button", name="Archive").click()
    expect(page.get_by_text("This workflow is archived")).to_be_visible()
    expect(page.get_by_role("button", name="Run", exact=True)).to_have_count(0)

    page.goto("/workflows?q=doubled")
    expect(page.get_by_role("link", name="doubled", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="doubled-again")).to_have_count(0)
    page.get_by_label("Archived workflows").check()
    expect(page.get_by_role("link", name="doubled-again")).to_be_visible()
    choose(page, "Actions for doubled-again", "Delete")
    expect(dialog(page).get_by_role("button", name="Delete")).to_be_disabled()
    dialog(page).get_by_label("Type doubled-again to continue").fill("doubled-again")
    dialog(page).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No workflow matches")).to_be_visible()


def test_what_is_wrong_with_an_imported_text_is_told_where_it_is(browser_as: BrowserAs) -> None:
    page = browser_as("kofi")
    page.goto("/workflows")
    page.get_by_role("button", name="Import").click()
    page.get_by_label("Or paste its text").fill("name: broken\ntasks:\n  - {name: a, command: echo, colour: red}\n")
    dialog(page).get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert").get_by_text("/tasks/0/colour")).to_be_visible()


def test_an_earlier_version_is_compared_and_restored(browser_as: BrowserAs, site: Site) -> None:
    id_ = workflow_of(site, "kofi", "rounds")
    second = DOUBLED.format(name="rounds").replace("factor: 2", "factor: 7")
    edited = site.session("kofi").put(f"/v1/workflows/{id_}", json={"spec": second}, headers={"If-Match": '"1"'})
    assert edited.status_code == 200, edited.text
    page = browser_as("kofi")
    page.goto(f"/workflows/{id_}?tab=versions")
    expect(page.get_by_text("-parameters: {factor: 2}")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    dialog(page).get_by_role("button", name="Restore").click()
    expect(page.get_by_text("Version 1 is restored, as version 3")).to_be_visible()
    assert site.session("kofi").get(f"/v1/workflows/{id_}").json()["spec"]["parameters"] == {"factor": 2}


def test_a_schedule_is_made_paused_triggered_and_deleted(browser_as: BrowserAs, site: Site) -> None:
    id_ = workflow_of(site, "kofi", "nightly")
    page = browser_as("kofi")
    page.goto(f"/workflows/{id_}?tab=schedules")
    page.get_by_role("button", name="New schedule").click()
    page.get_by_label("At", exact=True).fill("03:30")
    expect(dialog(page).get_by_text("at 03:30").first).to_be_visible()
    page.get_by_role("button", name="Create the schedule").click()
    card = page.get_by_role("article", name="Every day at 03:30 (Africa/Douala)")
    expect(card.get_by_text("Active")).to_be_visible()
    expect(card.get_by_text("at 03:30").first).to_be_visible()
    choose(page, "Actions for Every day", "Pause")
    expect(card.get_by_text("Paused")).to_be_visible()
    choose(page, "Actions for Every day", "Run now")
    expect(page.get_by_role("status").get_by_text("Started")).to_be_visible()
    until(lambda: site.session("kofi").get("/v1/runs", params={"workflow_id": id_}).json()["runs"] != [])
    choose(page, "Actions for Every day", "Delete")
    dialog(page).get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing is scheduled")).to_be_visible()


def test_a_viewer_sees_what_is_shared_and_is_offered_nothing_that_would_be_refused(
    browser_as: BrowserAs, site: Site
) -> None:
    id_ = workflow_of(site, "kofi", "for-esi")
    page = browser_as("esi")
    page.goto(f"/workflows/{id_}")
    expect(page.get_by_role("alert")).to_contain_text("does not exist, or is not shared with you")
    site.session("kofi").post(f"/v1/workflows/{id_}:share", json={"with": ["esi"]}).raise_for_status()
    page.get_by_role("button", name="Try again").click()
    expect(heading(page, "for-esi")).to_be_visible()
    expect(page.get_by_text("kofi shares this workflow with you")).to_be_visible()
    for action in ("Run", "Edit"):
        expect(page.get_by_role("main").get_by_text(action, exact=True)).to_have_count(0)
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("link", name="Export as YAML")).to_be_visible()
    for action in ("Clone", "Share", "Archive", "Delete"):
        expect(page.get_by_role("button", name=action, exact=True)).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Workflows", exact=True).first.click()
    expect(page.get_by_role("link", name="for-esi")).to_be_visible()
    expect(page.get_by_role("link", name="New workflow")).to_have_count(0)
    expect(page.get_by_role("link", name="Admin")).to_have_count(0)
    page.goto("/admin")
    expect(page.get_by_text("This page is for admins")).to_be_visible()


def test_without_a_network_what_was_loaded_can_be_read_and_how_old_it_is_is_told(
    browser_as: BrowserAs, site: Site
) -> None:
    workflow_of(site, "ada", "kept-here")
    page = browser_as("ada", allow=[OFFLINE])
    page.goto("/workflows?q=kept-here")
    expect(page.get_by_role("link", name="kept-here")).to_be_visible()
    until(lambda: bool(page.evaluate(_CONSOLE_KEPT)))
    until(lambda: kept(page, "kept-here"))
    page.context.set_offline(True)
    for _ in range(2):  # what could not be asked anew is kept, too
        page.reload()
        expect(page.get_by_role("link", name="kept-here")).to_be_visible()
        expect(page.get_by_text("No network. What you see is")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("No network. What you see is")).to_have_count(0)


_CONSOLE_KEPT = """
async () => {
  const loaded = performance.getEntriesByType("resource").map(({name}) => name).filter((it) => it.includes("/assets/"));
  return (await Promise.all(["/", ...loaded].map((name) => caches.match(name)))).every(Boolean);
}
"""
"""Whether the browser keeps the page and all that it was made of, as it does from the first visit on."""


def test_an_admin_invites_somebody_who_signs_up(browser_as: BrowserAs) -> None:
    page = browser_as("ada")
    page.goto("/admin")
    page.get_by_role("button", name="Invite somebody").click()
    page.get_by_label("Name (optional)").fill("lin")
    page.get_by_label("Role").select_option("viewer")
    page.get_by_role("button", name="Create the invitation").click()
    link = dialog(page).get_by_text("/welcome#").inner_text()

    guest = browser_as(None)
    guest.goto(link)
    guest.get_by_label("Choose a password").fill(PASSWORD)
    guest.get_by_role("button", name="Create the account").click()
    expect(heading(guest, "Hello, lin")).to_be_visible()

    dialog(page).get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="lin")
    expect(row.get_by_text("Viewer")).to_be_visible()
    choose(page, "Actions for lin", "Disable")
    dialog(page).get_by_role("button", name="Disable").click()
    expect(row.get_by_text("Disabled")).to_be_visible()
    expect(heading(guest, "Sign in to Njangi")).to_be_visible()  # at once, without being asked


@contextmanager
def shell(command: str, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run what somebody pasted into a terminal, with a home of their own, until the block ends."""
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    with (home / "output").open("wb") as output:
        running = subprocess.Popen(
            ["bash", "-c", command], cwd=home, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield running
    finally:
        os.killpg(running.pid, signal.SIGINT)
        running.wait(60)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the command on the page needs curl")
def test_a_machine_joins_by_the_command_on_the_join_page_and_is_seen_there_and_on_the_board(
    browser_as: BrowserAs, site: Site, tmp_path: Path, axe: Callable[[Page], None]
) -> None:
    admin = browser_as("ada")
    admin.goto("/volunteers?tab=tokens")
    admin.get_by_role("button", name="New join token").click()
    dialog(admin).get_by_label("Name").fill("the attic")
    dialog(admin).get_by_role("button", name="Create the token").click()
    link = dialog(admin).get_by_text("/join#").inner_text()

    page = browser_as(None)
    page.goto(link)
    expect(page.get_by_text("Waiting for your machine")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="the attic")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Linux").click()
    command = page.get_by_text("agent.pyz join").first.inner_text()
    with shell(f"{command} --name attic --slots 1", tmp_path / "home"):
        expect(page.get_by_text("Your machine is here. Thank you!")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="attic").get_by_text("Online")).to_be_visible()
        dialog(admin).get_by_role("button", name="Done").click()
        expect(admin.get_by_role("row").filter(has_text="the attic").get_by_text("1 of 1")).to_be_visible()
        admin.goto("/volunteers?name=attic")
        admin.get_by_role("link", name="attic").click()
        expect(admin.get_by_role("definition").filter(has_text="the attic")).to_be_visible()
        admin.get_by_role("button", name="Suspend").click()
        dialog(admin).get_by_label("Why (optional)").fill("a try")
        dialog(admin).get_by_role("button", name="Suspend").click()
        expect(admin.get_by_role("main").get_by_text("Suspended")).to_be_visible()
        expect(admin.get_by_text("a try")).to_be_visible()
        admin.get_by_role("button", name="Retire").click()
        dialog(admin).get_by_label("Type attic to continue").fill("attic")
        dialog(admin).get_by_role("button", name="Retire").click()
        expect(admin.get_by_role("main").get_by_text("Retired")).to_be_visible()


def test_who_has_no_link_or_a_wrong_one_is_told_whom_to_ask(browser_as: BrowserAs) -> None:
    page = browser_as(None)
    page.goto("/join")
    expect(page.get_by_text("You need a link")).to_be_visible()
    page.get_by_label("The link or token that you received").fill("http://somewhere/join#nonsense")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("This link is no longer valid")).to_be_visible()
