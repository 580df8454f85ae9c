"""axe finds nothing serious on any page: in both languages, light and dark, with nothing to show and with much."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser import serious_findings, settled, text
from tests.ui.conftest import BrowserAs
from tests.ui.pages import EMPTY, Seen, addresses, outside, seed
from tests.ui.site import Site

ColorScheme = Literal["light", "dark"]

LANGUAGES = ["en-GB", "fr-FR"]
SCHEMES: Mapping[ColorScheme, ColorScheme] = {"light": "dark", "dark": "light"}
"""Each with the other one. What a page is made of is the same in both: only the contrasts are looked at again."""
CONTRASTS = ["color-contrast", "link-in-text-block"]
_OUT_OF_REACH = """
() => [...document.querySelectorAll("main .scroll")]
  .filter((place) => place.tabIndex !== 0 || !place.getAttribute("role") || !place.getAttribute("aria-label"))
  .map((place) => `a table that no keyboard scrolls, or without a name: ${place.innerText.slice(0, 80)}`)
"""
"""axe sees what is scrolled only where it is too wide just now, and holds nothing else that can be focused."""


@pytest.fixture(scope="module")
def seen(site: Site) -> Seen:
    return seed(site)


def findings(page: Page, scheme: ColorScheme) -> list[str]:
    """Return what axe finds on a page that is shown in `scheme`, and leave it in the other one."""
    other = SCHEMES[scheme]
    found = [*serious_findings(page), *page.evaluate(_OUT_OF_REACH)]
    page.emulate_media(color_scheme=other)
    return [f"{scheme}: {text}" for text in found] + [f"{other}: {text}" for text in serious_findings(page, CONTRASTS)]


def look_at(page: Page, pages: Mapping[str, str]) -> None:
    """Open each page, every other one in the dark, and collect what axe finds on all of them in light and dark."""
    found: dict[str, list[str]] = {}
    for (name, address), scheme in zip(pages.items(), itertools.cycle(SCHEMES)):
        page.emulate_media(color_scheme=scheme)
        page.goto(address)
        settled(page)
        if texts := findings(page, scheme):
            found[name] = texts
    assert found == {}, "\n".join(f"{name}: {text}" for name, texts in found.items() for text in texts)


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("locale", LANGUAGES)
def test_pages_with_much_to_show(browser_as: BrowserAs, seen: Seen, locale: str) -> None:
    look_at(browser_as("ada", locale=locale), addresses(seen))


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("locale", LANGUAGES)
def test_pages_with_nothing_to_show(browser_as: BrowserAs, locale: str) -> None:
    look_at(browser_as("esi", locale=locale), EMPTY)


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("locale", LANGUAGES)
def test_pages_for_who_is_not_signed_in(browser_as: BrowserAs, seen: Seen, locale: str) -> None:
    look_at(browser_as(None, locale=locale), outside(seen))


@pytest.mark.usefixtures("axe")
def test_pages_on_a_phone(browser_as: BrowserAs, seen: Seen) -> None:
    look_at(browser_as("ada", viewport={"width": 390, "height": 844}, has_touch=True), addresses(seen))


@pytest.mark.usefixtures("axe")
def test_dialogs(browser_as: BrowserAs, seen: Seen) -> None:
    """Each is opened by what opens it for people, looked at, and closed by Escape."""
    page = browser_as("ada")
    found: dict[str, list[str]] = {}
    for address, keys in (
        (f"/workflows/{seen.workflow}", ["workflow.run"]),
        (f"/workflows/{seen.workflow}", ["workflow.more", "workflow.clone"]),
        (f"/workflows/{seen.workflow}", ["workflow.more", "workflow.share"]),
        (f"/workflows/{seen.workflow}", ["workflow.more", "workflow.delete"]),
        (f"/workflows/{seen.workflow}/edit", ["editor.dry_run"]),
        (f"/workflows/{seen.workflow}/edit", ["editor.run"]),
        ("/workflows/new?template=mersenne-factors", ["editor.save"]),
        ("/workflows", ["workflows.import"]),
        (f"/runs/{seen.done}", ["run.rerun"]),
        (f"/runs/{seen.done}", ["run.more", "run.reset"]),
        (f"/runs/{seen.done}", ["run.more", "run.share"]),
        (f"/runs/{seen.failed}", ["run.retry"]),
        (f"/runs/{seen.failed}/errors", ["errors.retry"]),
        (f"/runs/{seen.waits}", ["run.answer"]),
        (f"/runs/{seen.waits}", ["run.pause"]),
        (f"/runs/{seen.waits}", ["run.cancel"]),
        ("/admin", ["invite.title"]),
    ):
        page.goto(address)
        settled(page)
        for key in keys:
            page.get_by_role("button", name=text(key), exact=True).first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button").last).to_be_visible()
        if texts := findings(page, "light"):
            found[f"{address} {keys[-1]}"] = texts
        page.emulate_media(color_scheme="light")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    assert found == {}, "\n".join(f"{name}: {text}" for name, texts in found.items() for text in texts)
