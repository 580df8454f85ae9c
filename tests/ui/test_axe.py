"""axe finds nothing serious on any page: in both languages, light and dark, with nothing to show and with much."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser import serious_findings, settled, text
from tests.ui.conftest import BrowserAs
from tests.ui.pages import EMPTY, Seen, addresses, outside, seed
from tests.ui.site import Site

LOOKS = [
    pytest.param({"locale": locale, "color_scheme": scheme}, id=f"{locale[:2]}-{scheme}")
    for locale in ("en-GB", "fr-FR")
    for scheme in ("light", "dark")
]
_OUT_OF_REACH = """
() => [...document.querySelectorAll("main .scroll")]
  .filter((place) => place.tabIndex !== 0 || !place.getAttribute("role") || !place.getAttribute("aria-label"))
  .map((place) => `a table that no keyboard scrolls, or without a name: ${place.innerText.slice(0, 80)}`)
"""
"""axe sees what is scrolled only where it is too wide just now, and holds nothing else that can be focused."""


@pytest.fixture(scope="module")
def seen(site: Site) -> Seen:
    return seed(site)


def look_at(page: Page, pages: Mapping[str, str], axe: Callable[[Page], None]) -> None:
    """Open each page and collect what axe finds on all of them."""
    found: dict[str, list[str]] = {}
    for name, address in pages.items():
        page.goto(address)
        settled(page)
        if findings := [*serious_findings(page), *page.evaluate(_OUT_OF_REACH)]:
            found[name] = findings
    assert found == {}, "\n".join(f"{name}: {text}" for name, texts in found.items() for text in texts)


@pytest.mark.parametrize("look", LOOKS)
def test_pages_with_much_to_show(
    browser_as: BrowserAs, seen: Seen, axe: Callable[[Page], None], look: dict[str, str]
) -> None:
    look_at(browser_as("ada", **look), addresses(seen), axe)


@pytest.mark.parametrize("look", LOOKS)
def test_pages_with_nothing_to_show(browser_as: BrowserAs, axe: Callable[[Page], None], look: dict[str, str]) -> None:
    look_at(browser_as("esi", **look), EMPTY, axe)


@pytest.mark.parametrize("look", LOOKS)
def test_pages_for_who_is_not_signed_in(
    browser_as: BrowserAs, seen: Seen, axe: Callable[[Page], None], look: dict[str, str]
) -> None:
    look_at(browser_as(None, **look), outside(seen), axe)


def test_pages_on_a_phone(browser_as: BrowserAs, seen: Seen, axe: Callable[[Page], None]) -> None:
    phone = browser_as("ada", viewport={"width": 390, "height": 844}, has_touch=True)
    look_at(phone, addresses(seen), axe)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs(browser_as: BrowserAs, seen: Seen, scheme: str) -> None:
    """Each is opened by what opens it for people, looked at, and closed by Escape."""
    page = browser_as("ada", color_scheme=scheme)
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
        if findings := serious_findings(page):
            found[f"{address} {keys[-1]}"] = findings
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    assert found == {}, "\n".join(f"{name}: {text}" for name, texts in found.items() for text in texts)
