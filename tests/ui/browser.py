"""Chromium as people have it, and what may never happen in it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebError, expect, sync_playwright

from stack.settings import CHECKOUT

PATIENCE_MS = 60_000
"""How long to wait for anything: the machine may be busy."""
expect.set_options(timeout=PATIENCE_MS)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
AXE = CHECKOUT / "ui-config" / "console" / "node_modules" / "axe-core" / "axe.min.js"
LOCALES = CHECKOUT / "ui-config" / "locales"
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""A refusal that the page shows or deals with: no fault of the page."""
_VIOLATIONS = """
async (rules) => (await axe.run(document, {resultTypes: ["violations"], ...(rules && {runOnly: rules})})).violations
  .filter((found) => found.impact === "serious" || found.impact === "critical")
  .map((found) => ({
    rule: found.id, impact: found.impact, help: found.help,
    where: found.nodes.slice(0, 5).map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
  }))
"""

_KEPT = """
(name) => new Promise((found) => {
  const asked = indexedDB.open("njangi");
  asked.onupgradeneeded = () => asked.transaction.abort();  // the console has not made it yet
  asked.onerror = () => found(false);
  asked.onsuccess = () => {
    const answers = asked.result.transaction("kept").objectStore("kept").get("answers");
    answers.onsuccess = () => { asked.result.close(); found(String(answers.result).includes(name)); };
    answers.onerror = () => found(false);
  };
})
"""


def text(key: str, language: str = "en") -> str:
    """Return what the console says under a key, where it has no values in it."""
    found: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text())
    return found[key]


def chromium_path() -> Path | None:
    """Return the browser of this machine; Playwright's own is not downloaded."""
    names = ("chromium", "google-chrome", "chromium-browser")
    return next((Path(found) for name in names if (found := shutil.which(name)) is not None), None)


@contextmanager
def chromium(path: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What went wrong in a context: errors of scripts and on the console, also those that a policy forbade."""

    allowed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def on(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"{message.text} ({message.location.get('url', '')})")

    def _error(self, error: WebError) -> None:
        self._note(f"{error.error}")

    def _note(self, text: str) -> None:
        if not _REFUSED.search(text) and not any(re.search(pattern, text) for pattern in self.allowed):
            self.faults.append(text)


def new_context(
    browser: Browser, url: str, cookies: Sequence[Any] = (), *, watch: Watch | None = None, **options: Any
) -> BrowserContext:
    """Return a fresh context for the site at `url`. `options` are Playwright's: locale, color_scheme, viewport..."""
    context = browser.new_context(**{"base_url": url, "locale": "en-GB", "timezone_id": "Africa/Douala", **options})
    context.set_default_timeout(PATIENCE_MS)
    if cookies:
        context.add_cookies(list(cookies))
    if watch is not None:
        watch.on(context)
    return context


def settled(page: Page) -> None:
    """Wait until the page shows what it was opened for, and nothing of it is still on its way."""
    page.wait_for_function(
        "() => document.querySelector('main :is(h1, h2, [role=alert])') !== null"
        " && document.querySelector('.loading, [aria-busy=true]') === null"
        " && document.fonts.status === 'loaded'"
    )


def kept(page: Page, name: str) -> bool:
    """Return whether the browser keeps an answer of the service with `name` in it."""
    return bool(page.evaluate(_KEPT, name))


def serious_findings(page: Page, rules: Sequence[str] | None = None) -> list[str]:
    """Return what axe finds serious or critical on the page as it is now, by these rules (None: by all)."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(_VIOLATIONS, rules)
    return [json.dumps(item, indent=1, ensure_ascii=False) for item in found]
