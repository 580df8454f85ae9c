"""The editor: the graph, the forms and the text of a workflow are one thing, and nothing of it is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from flows.library.mersenne_factors import check
from tests.ui.conftest import BrowserAs
from tests.ui.editor import MERSENNE, Editor
from tests.ui.pages import ENDED, until
from tests.ui.site import Site

FILES = ("exponents.txt", "factor.py", "report.py")
BOUND = 2000
CHAIN = """# kept
name: {name}
tasks:
  - name: first   # the very first
    command: echo 1
  - name: second
    dependencies: [first]
    command: cat {{first.result}}
"""


def made(site: Site, spec: str, who: str = "ada") -> str:
    answer = site.session(who).post("/v1/workflows", json={"spec": spec})
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def spec_of(site: Site, workflow: str) -> dict[str, Any]:
    found: dict[str, Any] = site.session("ada").get(f"/v1/workflows/{workflow}").raise_for_status().json()
    return found


def test_a_person_builds_the_mersenne_workflow_by_mouse_and_runs_it(browser_as: BrowserAs, site: Site) -> None:
    editor = Editor(browser_as("kofi")).open()
    page = editor.page
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    editor.drop(MERSENNE, FILES)
    editor.drag_in("Command", 200, 150)
    expect(editor.node("command")).to_be_visible()
    editor.rename("factor")
    editor.field("Command").fill("python3 factor.py {bound} {part}")
    editor.field("factor.py").check()
    editor.field("Split over").select_option(label="Lines of a file")
    editor.field("File with the lines").select_option("exponents.txt")
    editor.field("Items per subtask").select_option(label="Chosen automatically")
    editor.field("How to read the output").select_option(label="JSON")
    editor.field("How to combine the results").select_option(label="A table")
    editor.field("Columns of the table").fill("p, factor")
    editor.drag_in("Command", 420, 300)
    editor.rename("report")
    editor.field("Command").fill("python3 report.py {factor.result}")
    editor.field("report.py").check()
    editor.field("How to read the output").select_option(label="JSON")

    # what is wrong is told, and leads to where it is
    expect(editor.problems.get_by_text("2 problems")).to_be_visible()
    editor.problems.get_by_role("button", name="“factor” must be one of this task’s dependencies").click()
    expect(editor.field("Command")).to_be_focused()
    editor.connect("factor", "report")
    expect(editor.edge("factor", "report")).to_be_attached()
    editor.problems.get_by_role("button", name="{bound} does not refer to anything").click()
    expect(editor.field("Command")).to_have_value("python3 factor.py {bound} {part}")
    editor.whole()
    page.get_by_role("button", name="Add a parameter").click()
    editor.field("Name of parameter").fill("bound")
    editor.field("Name of parameter").press("Enter")
    editor.field("Value of bound").fill("750000")
    editor.field("Name").fill("mersenne by mouse")
    editor.expect_no_problems()

    workflow = editor.save()
    spec = spec_of(site, workflow)
    assert (spec["name"], spec["owner"], spec["version"]) == ("mersenne by mouse", "kofi", 1)
    assert [task["name"] for task in spec["spec"]["tasks"]] == ["factor", "report"]
    assert set(spec["files"]) == set(FILES)
    run = editor.run({"bound": str(BOUND)})
    kofi = site.session("kofi")
    until(lambda: kofi.get(f"/v1/runs/{run}").json()["status"] in ENDED)
    assert kofi.get(f"/v1/runs/{run}").json()["status"] == "COMPLETED"
    assert check.problems(kofi.get(f"/v1/runs/{run}/results/factor").json(), BOUND) == []


def test_a_person_builds_it_by_keyboard_alone(browser_as: BrowserAs, site: Site) -> None:
    editor = Editor(browser_as("kofi")).open()
    page = editor.page

    def press(role: str, name: str) -> None:
        page.get_by_role(role, name=name, exact=True).first.focus()  # type: ignore[arg-type]
        page.keyboard.press("Enter")

    def choose(label: str, letters: str) -> None:
        editor.field(label).focus()
        page.keyboard.type(letters)

    def write(label: str, text: str) -> None:
        editor.field(label).focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(text)

    page.get_by_role("tab", name="Form").focus()
    page.keyboard.press("ArrowLeft")
    with page.expect_file_chooser() as chooser:
        press("button", "Choose files")
    chooser.value.set_files([MERSENNE / name for name in FILES])
    expect(page.get_by_role("list", name="Files").get_by_text("report.py", exact=True)).to_be_visible()
    press("button", "List of tasks")
    for name, command, file in (
        ("factor", "python3 factor.py 2000 {part}", "factor.py"),
        ("report", "python3 report.py {factor.result}", "report.py"),
    ):
        editor.palette("Command").focus()
        page.keyboard.press("Enter")
        write("Name", name)
        page.keyboard.press("Enter")
        write("Command", command)
        editor.field(file).focus()
        page.keyboard.press("Space")
        choose("How to read the output", "JSON")
    page.get_by_role("list", name="List of tasks").get_by_label("Add a dependency").focus()
    page.keyboard.type("factor")
    expect(page.get_by_role("list", name="List of tasks").get_by_text("after factor")).to_be_visible()
    press("button", "factor Command · python3 factor.py 2000 {part}")
    choose("Split over", "Lines")
    choose("File with the lines", "exp")
    choose("Items per subtask", "Chosen")
    choose("How to combine the results", "A table")
    press("button", "The whole workflow")
    write("Name", "mersenne by keyboard")
    editor.expect_no_problems()
    page.keyboard.press("Control+s")
    page.get_by_role("dialog").get_by_role("button", name="Save").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit")
    spec = spec_of(site, page.url.split("/")[-2])["spec"]
    assert spec["tasks"][1]["dependencies"] == ["factor"]
    assert spec["tasks"][0]["split"] == {"lines": "exponents.txt", "items_per_subtask": "auto"}


def test_the_graph_follows_the_text_and_the_text_the_graph(browser_as: BrowserAs, site: Site) -> None:
    editor = Editor(browser_as("ada")).open(f"/workflows/{made(site, CHAIN.format(name='follow me'))}/edit")
    page = editor.page
    editor.tab("YAML")
    editor.yaml.click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("  - name: third\n    dependencies: [second]\n    sleep: 5s\n")
    expect(editor.edge("second", "third")).to_be_attached()
    page.keyboard.insert_text("  - name: [")
    expect(page.get_by_text("You see the tasks of the last readable text")).to_be_visible()
    expect(editor.node("third")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.get_by_text("You see the tasks of the last readable text")).to_be_hidden()

    editor.node("first").click()
    editor.tab("Form")
    editor.rename("start")
    editor.tab("YAML")
    for line in ("# kept", "- name: start # the very first", "dependencies: [start]", "command: cat {start.result}"):
        expect(editor.yaml).to_contain_text(line)
    expect(editor.edge("start", "second")).to_be_attached()
    editor.expect_no_problems()

    # undo goes all the way back, redo all the way forth
    page.get_by_role("tab", name="Form").click()
    undo, redo = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    while undo.is_enabled():
        undo.click()
    expect(editor.state).to_have_text("Saved as version 1")
    expect(editor.node("third")).to_be_hidden()
    while redo.is_enabled():
        redo.click()
    expect(editor.edge("start", "second")).to_be_attached()


def test_files_and_places_are_undone_too(browser_as: BrowserAs, site: Site) -> None:
    editor = Editor(browser_as("ada")).open(f"/workflows/{made(site, CHAIN.format(name='there and back'))}/edit")
    page = editor.page
    undo, redo = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    expect(undo).to_be_disabled()
    editor.drop(MERSENNE, ["factor.py"])
    file = page.get_by_role("list", name="Files").get_by_text("factor.py", exact=True)
    undo.click()
    expect(file).to_have_count(0)
    expect(editor.state).to_have_text("Saved as version 1")
    redo.click()
    expect(file).to_be_visible()
    node = editor.node("first")
    place = node.evaluate("node => node.style.transform")
    node.hover()
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(200 + 20 * step, 300 + 20 * step)
    page.mouse.up()
    until(lambda: node.evaluate("node => node.style.transform") != place)
    undo.click()
    until(lambda: node.evaluate("node => node.style.transform") == place)
    expect(file).to_be_visible()
    editor.expect_no_problems()
    assert set(spec_of(site, editor.save())["files"]) == {"factor.py"}


def test_tasks_are_copied_to_another_workflow_and_circles_refused(browser_as: BrowserAs, site: Site) -> None:
    page = browser_as("ada")
    editor = Editor(page).open(f"/workflows/{made(site, CHAIN.format(name='origin'))}/edit")
    editor.connect("second", "first")
    expect(page.get_by_text("Not connected: the tasks would wait for each other in a circle")).to_be_visible()
    editor.node("first").click()
    page.keyboard.press("Control+a")
    expect(page.get_by_role("heading", name="2 tasks selected")).to_be_visible()
    page.keyboard.press("Control+d")
    expect(editor.edge("first-2", "second-2")).to_be_attached()
    page.keyboard.press("Delete")
    expect(editor.node("first-2")).to_be_hidden()
    editor.node("first").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    editor.open(f"/workflows/{made(site, 'name: target' + chr(10) + 'tasks: [{name: lone, sleep: 1s}]')}/edit")
    editor.node("lone").click()
    page.keyboard.press("Control+v")
    expect(editor.edge("first", "second")).to_be_attached()
    expect(editor.node("lone")).to_be_visible()
    editor.expect_no_problems()


def test_who_saves_second_sees_what_the_first_changed(
    browser_as: BrowserAs, site: Site, axe: Callable[[Page], None]
) -> None:
    workflow = made(site, CHAIN.format(name="shared work"))
    first, second = (Editor(browser_as("ada")).open(f"/workflows/{workflow}/edit") for _ in range(2))
    first.node("first").click()
    first.field("Command").fill("echo theirs")
    second.node("second").click()
    second.field("Command").fill("cat {first.result} /dev/null")
    first.save()
    expect(second.page.get_by_text("Somebody else has saved version 2 in the meantime.")).to_be_visible()
    second.page.get_by_role("button", name="Save", exact=True).click()
    dialog = second.page.get_by_role("dialog")
    expect(dialog.get_by_text("ada saved version 2 while you were working on version 1.")).to_be_visible()
    expect(dialog.get_by_text("Task first: command changed")).to_be_visible()
    expect(dialog.get_by_text("echo theirs")).to_be_visible()
    axe(second.page)
    dialog.get_by_role("button", name="Continue with my draft").click()
    expect(second.field("Command")).to_have_value("cat {first.result} /dev/null")

    second.page.get_by_role("button", name="Show that version").click()
    dialog.get_by_role("button", name="Use version 2 instead of mine").click()
    second.node("first").click()
    expect(second.field("Command")).to_have_value("echo theirs")
    second.page.get_by_role("button", name="Undo", exact=True).click()
    second.page.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_text("Task first: command changed")).to_be_visible()
    axe(second.page)
    dialog.get_by_role("button", name="Save as version 3").click()
    expect(dialog).to_be_hidden()
    assert spec_of(site, workflow)["version"] == 3


def test_a_draft_survives_a_reload_and_being_offline(browser_as: BrowserAs, site: Site) -> None:
    page = browser_as("ada", allow=["net::ERR_INTERNET_DISCONNECTED"])
    workflow = made(site, CHAIN.format(name="not lost"))
    editor = Editor(page).open(f"/workflows/{workflow}/edit")
    page.context.set_offline(True)
    editor.node("first").click()
    editor.field("Command").fill("echo offline")
    expect(editor.problems.get_by_text("the checks continue when it is back")).to_be_visible()
    editor.drop(MERSENNE, ["factor.py"])
    expect(editor.state).to_have_text("Draft in this browser, not saved yet")
    page.context.set_offline(False)
    editor.expect_no_problems()
    page.reload()
    expect(page.get_by_text("Restored from your draft")).to_be_visible()
    editor.node("first").click()
    expect(editor.field("Command")).to_have_value("echo offline")
    editor.tab("Files")
    expect(page.get_by_role("list", name="Files").get_by_text("995 byte")).to_be_visible()
    editor.save()
    assert set(spec_of(site, workflow)["files"]) == {"factor.py"}

    editor.tab("Form")
    editor.field("Command").fill("echo thrown away")
    expect(editor.state).to_have_text("Draft in this browser, not saved yet")
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Discard the draft").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard the draft").click()
    expect(editor.state).to_have_text("Saved as version 2")
    page.reload()
    expect(page.get_by_text("Restored from your draft")).to_be_hidden()


def test_a_template_begins_with_its_files_and_can_be_tried_dry(
    browser_as: BrowserAs, axe: Callable[[Page], None]
) -> None:
    editor = Editor(browser_as("kofi")).open("/workflows/new?template=mersenne-factors")
    editor.expect_no_problems()
    editor.page.get_by_role("button", name="Dry run").click()
    dialog = editor.page.get_by_role("dialog")
    row = dialog.get_by_role("row", name="factor")
    expect(row.get_by_role("cell", name=str(len((MERSENNE / "exponents.txt").read_text().split())))).to_be_visible()
    expect(dialog.get_by_role("row", name="In total")).to_be_visible()
    axe(editor.page)
    dialog.get_by_role("button", name="Close").click()
    editor.tab("YAML")
    editor.yaml.click()
    editor.page.keyboard.press("Control+End")
    editor.page.keyboard.insert_text("\n  - name: giant\n    command: echo 1\n    resources: {memory: 200TiB}\n")
    editor.page.get_by_role("button", name="Dry run").click()
    expect(dialog.get_by_role("alert")).to_contain_text("One task would wait")
    expect(dialog.get_by_role("alert").get_by_role("listitem")).to_contain_text("giant")


def test_a_viewer_reads_and_changes_nothing(browser_as: BrowserAs, site: Site) -> None:
    workflow = made(site, CHAIN.format(name="for reading"))
    site.session("ada").post(f"/v1/workflows/{workflow}:share", json={"with": ["esi"]}).raise_for_status()
    editor = Editor(browser_as("esi")).open(f"/workflows/{workflow}/edit")
    editor.node("first").click()
    expect(editor.field("Command")).to_be_disabled()
    editor.page.keyboard.press("Delete")
    expect(editor.node("first")).to_be_visible()
    expect(editor.page.get_by_role("button", name="Save", exact=True)).to_be_hidden()
    editor.page.goto("/workflows/new")
    expect(editor.page.get_by_role("heading", name="You can read workflows here, but not create them")).to_be_visible()


def test_a_thousand_tasks_can_be_edited(browser_as: BrowserAs, site: Site) -> None:
    lines = ["name: a thousand", "tasks:"]
    for number in range(1000):
        after = f", dependencies: [t{number - 20}]" if number >= 20 else ""
        lines.append(f"  - {{name: t{number}, command: echo {number}{after}}}")
    editor = Editor(browser_as("ada")).open(f"/workflows/{made(site, chr(10).join(lines))}/edit")
    page = editor.page
    expect(page.get_by_text("1,000 tasks")).to_be_visible()
    expect(editor.node("t0")).to_be_attached()
    page.evaluate(_WATCH)
    shown = page.locator(".react-flow__node").first
    shown.click()
    editor.field("Command").fill("echo changed")
    shown.drag_to(page.locator("[data-canvas]"), target_position={"x": 300, "y": 300})
    page.get_by_role("button", name="Undo", exact=True).click()
    slowest = max(json.loads(page.evaluate("JSON.stringify(window.slow)")), default=0)
    assert slowest < SLOWEST, f"the slowest of what was done took {slowest:.0f} ms"


SLOWEST = 1000.0
"""Milliseconds, since the machine may do much else: what was measured stands in docs/decisions/0060, the aim is 100."""
_WATCH = """
() => {
  window.slow = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.slow.push(entry.duration);
  }).observe({type: "event", durationThreshold: 16, buffered: false});
}
"""


def test_axe_finds_nothing_in_the_editor(browser_as: BrowserAs, site: Site, axe: Callable[[Page], None]) -> None:
    page = browser_as("ada")
    editor = Editor(page).open()
    axe(page)
    editor.open(f"/workflows/{made(site, CHAIN.format(name='for axe'))}/edit")
    editor.node("second").click()
    axe(page)
    for tab in ("YAML", "Files"):
        editor.tab(tab)
        axe(page)
    page.get_by_role("button", name="List of tasks").click()
    axe(page)
    page.keyboard.press("Shift+?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    axe(page)
