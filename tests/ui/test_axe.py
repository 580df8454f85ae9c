"""axe finds nothing serious on any page: in both languages, light and dark, with nothing to show and with much."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import Page

from tests.ui.browser import serious_findings, settled
from tests.ui.conftest import BrowserAs
from tests.ui.pages import EMPTY, Seen, addresses, outside, seed
from tests.ui.site import Site

LOOKS = [
    pytest.param({"locale": locale, "color_scheme": scheme}, id=f"{locale[:2]}-{scheme}")
    for locale in ("en-GB", "fr-FR")
    for scheme in ("light", "dark")
]


@pytest.fixture(scope="module")
def seen(site: Site) -> Seen:
    return seed(site)


def look_at(page: Page, pages: Mapping[str, str], axe: Callable[[Page], None]) -> None:
    """Open each page and collect what axe finds on all of them."""
    found: dict[str, list[str]] = {}
    for name, address in pages.items():
        page.goto(address)
        settled(page)
        if findings := serious_findings(page):
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
