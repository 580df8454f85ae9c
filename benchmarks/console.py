"""What people at the console feel, in Chromium, against a whole service.

First paint is on a line of 400 kbit/s with 300 ms, by a CPU four times slower, the best of several. The grid shows
100,000 subtasks while events change cells four times a second; a frame that takes over 50 ms counts as dropped. The
editor opens a workflow of 1,000 tasks, adds one to it and takes that back.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Error, Page

from benchmarks.report import Figures, arguments, show
from benchmarks.stored import fill
from storage.database import open_database
from storage.stores import Stores
from storage.subtasks.models import SubtaskStatus
from tests.ui.browser import Watch, chromium, chromium_path, new_context, settled, text
from tests.ui.site import Site
from tests.ui.test_budget import entry_bytes, first_paint

SUBTASKS = 100_000
CHANGES_A_SECOND = 4
CELLS_A_CHANGE = 100
DROPPED_MS = 50
SETTLE_MS = 2_000
"""Until what a page loads behind is loaded, and what changed is shown."""
NODES = 1_000
LAYERS = 40
_WATCH_FRAMES = f"""
() => {{
  cancelAnimationFrame(window.frame_);
  window.frames_ = {{dropped: 0, longest: 0, count: 0}};
  let last = performance.now();
  const next = (now) => {{
    const took = now - last;
    last = now;
    window.frames_.count += 1;
    window.frames_.longest = Math.max(window.frames_.longest, took);
    if (took > {DROPPED_MS}) window.frames_.dropped += 1;
    window.frame_ = requestAnimationFrame(next);
  }};
  window.frame_ = requestAnimationFrame(next);
}}
"""


async def change_cells(uri: str, run_id: str, seconds: float) -> int:
    """Complete queued subtasks of the run, a few hundred at a time, each time with its event; return how often."""
    chance = random.Random(3)
    rounds = 0
    async with open_database(uri) as database:
        stores = Stores(database)
        queued = {"parent_task_id": f"{run_id}/stored", "status": SubtaskStatus.QUEUED}
        indexes = [item["index"] async for item in database["tasks"].find(queued, {"index": 1})]
        chance.shuffle(indexes)
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(indexes) >= CELLS_A_CHANGE:
            began = time.monotonic()
            some = [indexes.pop() for _ in range(CELLS_A_CHANGE)]
            now = datetime.now(UTC)

            async def write(tx: Any, some: list[int] = some, now: datetime = now) -> None:
                ids = [f"{run_id}/stored/{index}" for index in some]
                done = {"$set": {"status": SubtaskStatus.COMPLETED, "updated_at": now}}
                await database["tasks"].update_many({"_id": {"$in": ids}}, done, session=tx.session)
                told = {"task": "stored", "volunteer": "v1", "status": "COMPLETED", "indexes": some}
                tx.emit("subtasks.completed", now, run_id=run_id, **told)

            await stores.ledger.write(write)
            rounds += 1
            await asyncio.sleep(max(0.0, 1 / CHANGES_A_SECOND - (time.monotonic() - began)))
    return rounds


async def store_run(uri: str) -> str:
    """Store a run of 100,000 subtasks in random states; it has ended, so nothing but this module changes it."""
    [run_id] = await fill(uri, runs=1, large=1, subtasks=SUBTASKS)
    async with open_database(uri) as database:
        await database["runs"].delete_many({"name": "stored", "_id": {"$ne": run_id}})  # nobody shall carry it
    return run_id


def grid(site: Site, page: Page, *, rounds: int, seconds: float) -> Figures:
    """Watch the frames while cells change; of several rounds the median one counts."""
    run_id = site.do(store_run(site.stack.mongodb_uri), 600)
    page.goto(f"/runs/{run_id}/grid")
    settled(page)
    done = page.get_by_role("group", name=text("grid.legend")).get_by_role("button", name=text("status.COMPLETED"))
    page.wait_for_timeout(SETTLE_MS)
    dropped: list[int] = []
    longest: list[float] = []
    for _ in range(rounds):
        before = _number(done.inner_text())
        page.evaluate(_WATCH_FRAMES)
        changes = site.do(change_cells(site.stack.mongodb_uri, run_id, seconds), seconds + 60)
        frames = page.evaluate("() => window.frames_")
        page.wait_for_timeout(SETTLE_MS)
        grown = _number(done.inner_text()) - before
        if grown != changes * CELLS_A_CHANGE:
            raise Error(f"the grid shows {grown} cells changed instead of {changes * CELLS_A_CHANGE}")
        dropped.append(frames["dropped"])
        longest.append(frames["longest"])
    return {"grid_100k_dropped_frames": median(dropped), "grid_100k_longest_frame_ms": median(longest)}


def _number(shown: str) -> int:
    return int("".join(character for character in shown if character.isdecimal()))


def layered(nodes: int, layers: int) -> dict[str, Any]:
    """Return a workflow of `nodes` tasks, each of which depends on some of the layer above."""
    chance = random.Random(4)
    width = nodes // layers
    names = [[f"t{layer:02d}-{place:02d}" for place in range(width)] for layer in range(layers)]
    tasks = [
        {
            "name": name,
            "command": "true",
            "dependencies": sorted(chance.sample(names[layer - 1], 2)) if layer else [],
        }
        for layer, row in enumerate(names)
        for name in row
    ]
    return {"name": "thousand", "tasks": tasks}


def editor(site: Site, page: Page) -> Figures:
    made = site.session("ada").post("/v1/workflows", json={"spec": layered(NODES, LAYERS)}).raise_for_status().json()
    page.goto(f"/workflows/{made['id']}/edit", wait_until="commit")
    shown = page.get_by_text(f"{NODES:,} tasks", exact=True)
    began = time.monotonic()
    shown.wait_for()
    opened = time.monotonic() - began
    page.get_by_role("group", name=text("editor.palette"), exact=True).get_by_role("button").first.click()
    began = time.monotonic()
    page.get_by_text(f"{NODES + 1:,} tasks", exact=True).wait_for()
    added = time.monotonic() - began
    page.get_by_role("button", name=text("editor.key.undo"), exact=True).click()
    shown.wait_for()
    return {"editor_1000_nodes_opened_s": opened, "editor_1000_nodes_added_s": added}


def measure(browser: Browser, site: Site, *, quick: bool) -> Figures:
    figures: dict[str, float | bool | str | None] = {"entry_gzip_bytes": entry_bytes()}
    figures["first_paint_s"] = min(first_paint(browser, site.url) for _ in range(1 if quick else 5))
    watch = Watch()
    context = new_context(browser, site.url, site.cookies("ada"), watch=watch, viewport={"width": 1280, "height": 800})
    figures |= grid(site, context.new_page(), rounds=1 if quick else 3, seconds=8 if quick else 10)
    try:
        figures |= editor(site, context.new_page())
        figures["editor_1000_nodes_ok"] = not watch.faults
    except Error as error:
        figures["editor_1000_nodes_ok"] = False
        figures["notes"] = f"the editor: {error}"
    context.close()
    return figures


def main() -> int:
    options = arguments(__doc__.splitlines()[0] if __doc__ else "").parse_args()
    path = chromium_path()
    if path is None:
        nothing = dict.fromkeys(("first_paint_s", "grid_100k_dropped_frames", "editor_1000_nodes_ok"))
        show({"entry_gzip_bytes": entry_bytes(), **nothing, "notes": "there is no Chromium"}, as_json=options.json)
        return 0
    with tempfile.TemporaryDirectory() as folder, Site(Path(folder), agents=0) as site, chromium(path) as browser:
        show(measure(browser, site, quick=options.quick), as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
