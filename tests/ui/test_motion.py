"""Who wants less motion sees the same pictures."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.ui.browser import settled
from tests.ui.conftest import BrowserAs
from tests.ui.pages import FAILING, until
from tests.ui.site import Site

_COLOURS = """
(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const counts = {};
  for (let at = 0; at < data.length; at += 4) {
    const key = data.slice(at, at + 3).join(" ");
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return Object.entries(counts).filter(([, count]) => count >= 100).map(([key]) => key).sort();
}
"""


def colours(page: Page, address: str) -> list[str]:
    """Return which colours cover some of a page's canvas, once it has been drawn."""
    page.goto(address)
    settled(page)
    canvas = page.locator("main canvas").first
    found: list[str] = []

    def drawn() -> bool:
        found[:] = canvas.evaluate(_COLOURS)
        return len(found) > 1

    until(drawn, 30)
    return found


@pytest.mark.parametrize("tab", ["grid", "timeline"])
def test_pictures_of_a_run_have_their_colours_also_without_motion(browser_as: BrowserAs, site: Site, tab: str) -> None:
    kofi = site.session("kofi")
    spec: dict[str, Any] = {**FAILING, "name": f"motion-{tab}"}
    workflow = kofi.post("/v1/workflows", json={"spec": spec}).raise_for_status().json()["id"]
    run_id = kofi.post(f"/v1/workflows/{workflow}/runs", json={}).raise_for_status().json()["id"]
    until(lambda: kofi.get(f"/v1/runs/{run_id}").json()["status"] == "FAILED")
    moving = colours(browser_as("kofi"), f"/runs/{run_id}/{tab}")
    assert colours(browser_as("kofi", reduced_motion="reduce"), f"/runs/{run_id}/{tab}") == moving
    assert len(moving) >= 3, "the ground, what completed, what failed"
