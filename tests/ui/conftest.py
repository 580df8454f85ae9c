"""What tests of the console share: a whole service, people who are signed in, a browser that forgives nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, Protocol

import pytest
from playwright.sync_api import Browser, Page

from tests.ui.browser import AXE, Watch, chromium, chromium_path, new_context, serious_findings
from tests.ui.site import Site


class BrowserAs(Protocol):
    def __call__(self, name: str | None, *, allow: Sequence[str] = (), **context: Any) -> Page: ...


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what}; in CI it must be there")
    pytest.skip(what)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of this machine; without one, tests are skipped on a laptop and fail in CI."""
    path = chromium_path()
    if path is None:
        _missing("there is no Chromium (Debian: apt install chromium)")
    with chromium(path) as running:
        yield running


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service with two agents, the built console, and `ada` (admin), `kofi` (submitter), `esi` (viewer).

    It is there for the whole session: name what you make, and look for it by that name.
    """
    with Site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def browser_as(browser: Browser, site: Site) -> Iterator[BrowserAs]:
    """Return a page in a fresh context in which `name` is signed in (None: nobody); `context` are Playwright's options.

    The test fails afterwards if there were errors of scripts, on the console or by the policy, but for those that match
    a pattern of `allow`.
    """
    watches: list[Watch] = []
    contexts = []

    def opened(name: str | None, *, allow: Sequence[str] = (), **context: Any) -> Page:
        watch = Watch(list(allow))
        watches.append(watch)
        cookies = site.cookies(name) if name is not None else []
        contexts.append(new_context(browser, site.url, cookies, watch=watch, **context))
        return contexts[-1].new_page()

    yield opened
    for made in contexts:
        made.close()
    assert [fault for watch in watches for fault in watch.faults] == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], None]:
    """Return what asserts that axe finds nothing serious on a page."""
    if not AXE.exists():
        _missing("axe-core is not installed (npm ci in ui-config/console)")

    def check(page: Page) -> None:
        assert serious_findings(page) == [], page.url

    return check
