"""What a person does in the editor, by mouse and by keyboard, in the words of the screen."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.ui.browser import PATIENCE_MS

expect.set_options(timeout=PATIENCE_MS)
LIBRARY = Path(__file__).parents[2] / "flows" / "library"
MERSENNE = LIBRARY / "mersenne_factors"
_DROP = """
(files) => {
  const carried = new DataTransfer();
  for (const [name, content] of Object.entries(files)) {
    carried.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
  }
  const target = document.querySelector(".editor");
  for (const type of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(type, {dataTransfer: carried, bubbles: true, cancelable: true}));
  }
}
"""


class Editor:
    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, address: str = "/workflows/new") -> Editor:
        self.page.goto(address)
        expect(self.page.get_by_role("tab", name="Form")).to_be_visible()
        return self

    # the graph

    def node(self, name: str) -> Locator:
        return self.page.locator(f'.react-flow__node[data-id="{name}"]')

    def edge(self, source: str, target: str) -> Locator:
        return self.page.get_by_role("group", name=f"{target} waits for {source}")

    def palette(self, kind: str) -> Locator:
        return self.page.get_by_role("group", name="Add", exact=True).get_by_role("button", name=kind, exact=True)

    def drag_in(self, kind: str, x: int, y: int) -> None:
        self.palette(kind).drag_to(self.page.locator("[data-canvas]"), target_position={"x": x, "y": y})

    def connect(self, source: str, target: str) -> None:
        self.node(source).locator(".react-flow__handle-right").hover()
        self.page.mouse.down()
        self.node(target).locator(".react-flow__handle-left").hover()
        self.page.mouse.up()

    # the forms

    def field(self, label: str) -> Locator:
        return self.page.get_by_role("tabpanel").get_by_label(label, exact=True)

    def rename(self, to: str) -> None:
        self.field("Name").fill(to)
        self.field("Name").press("Enter")

    def whole(self) -> None:
        """Go to the form of the workflow."""
        self.page.get_by_role("button", name="The whole workflow").click()

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    # the text

    @property
    def yaml(self) -> Locator:
        return self.page.get_by_role("textbox", name="The workflow as YAML")

    # files

    def drop(self, folder: Path, names: Sequence[str]) -> None:
        self.page.evaluate(_DROP, {name: base64.b64encode((folder / name).read_bytes()).decode() for name in names})
        listed = self.page.get_by_role("list", name="Files")
        for name in names:
            expect(listed.get_by_text(name, exact=True)).to_be_visible()

    # what is wrong, saving

    @property
    def state(self) -> Locator:
        """What is said beside the name: saved, or a draft."""
        return self.page.locator(".toolbar [role=status]")

    @property
    def problems(self) -> Locator:
        return self.page.get_by_role("region", name="Problems")

    def expect_no_problems(self) -> None:
        expect(self.problems.get_by_text("No problems", exact=True)).to_be_visible()

    def save(self) -> str:
        """Save what is there, and return the workflow's id."""
        self.page.get_by_role("button", name="Save", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        self.page.wait_for_url("**/edit")
        return self.page.url.split("/")[-2]

    def run(self, parameters: Mapping[str, str]) -> str:
        """Start a run of what is saved, and return its id."""
        self.page.get_by_role("button", name="Run", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        for name, value in parameters.items():
            dialog.get_by_label(name, exact=True).fill(value)
        dialog.get_by_role("button", name="Start the run").click()
        self.page.wait_for_url("**/runs/*")
        return self.page.url.split("/runs/")[1].split("/")[0]
