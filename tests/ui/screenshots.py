"""Take a picture of every page, in both languages, light and dark, as on a laptop and on a phone: `make screenshots`.

All go to build/screenshots; the three that README shows also to docs/screenshots.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from stack.settings import CHECKOUT
from tests.ui.browser import chromium, chromium_path, new_context, settled
from tests.ui.pages import addresses, outside, seed
from tests.ui.site import Site

ALL = CHECKOUT / "build" / "screenshots"
SHOWN = CHECKOUT / "docs" / "screenshots"
IN_README = {
    "run-graph.en.light.laptop": "run",
    "editor.fr.light.laptop": "editor",
    "volunteers.en.dark.laptop": "volunteers",
}
LANGUAGES = {"en": "en-GB", "fr": "fr-FR"}
SCREENS = {"laptop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
MOMENT_MS = 600
"""For what moves to come to rest."""


def take(browser: Browser, site: Site, pages: dict[str, str], name: str | None, only: str) -> int:
    """Take all looks of some pages as somebody sees them; return how many pictures there are."""
    taken = 0
    for language, locale in LANGUAGES.items():
        for scheme in ("light", "dark"):
            for screen, viewport in SCREENS.items():
                cookies = site.cookies(name) if name is not None else []
                look = {"locale": locale, "color_scheme": scheme, "viewport": viewport, "reduced_motion": "reduce"}
                context = new_context(browser, site.url, cookies, **look)
                page = context.new_page()
                for short, address in pages.items():
                    if re.search(only, short):
                        _picture(page, address, f"{short}.{language}.{scheme}.{screen}")
                        taken += 1
                context.close()
    return taken


def _picture(page: Page, address: str, name: str) -> None:
    page.goto(address)
    settled(page)
    page.wait_for_timeout(MOMENT_MS)
    page.screenshot(path=ALL / f"{name}.png", animations="disabled")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="pages whose short names this expression finds, such as ^run-")
    options = parser.parse_args()
    path = chromium_path()
    if path is None:
        sys.stderr.write("there is no Chromium (Debian: apt install chromium)\n")
        return 1
    shutil.rmtree(ALL, ignore_errors=True)
    ALL.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder)) as site, chromium(path) as browser:
        seen = seed(site)
        taken = take(browser, site, dict(addresses(seen)), "ada", options.only)
        taken += take(browser, site, dict(outside(seen)), None, options.only)
    SHOWN.mkdir(parents=True, exist_ok=True)
    for name, short in IN_README.items():
        if (ALL / f"{name}.png").exists():
            shutil.copy(ALL / f"{name}.png", SHOWN / f"{short}.png")
    sys.stdout.write(f"{taken} pictures in {ALL}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
