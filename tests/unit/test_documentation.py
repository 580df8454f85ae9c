"""Every command, workflow and link in README.md and docs is real, and the list of decisions is complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from njangi_flows.cli import folder
from njangi_flows.cli.app import app
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from docs.write_decisions import decisions, index
from stack.__main__ import main as stack
from tests.pages import CHECKOUT, DOCS, files, pages, shown_commands

NJANGI = get_command(app)
TARGETS = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.M))
PAGES = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(CHECKOUT)))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
_ELSEWHERE = ("http://", "https://", "mailto:")


def problem_of(line: str) -> str | None:
    """Return what is wrong with a command line, None if its command and options exist."""
    words = shlex.split(line.partition(" | ")[0], comments=True)
    words = words[next((at for at, word in enumerate(words) if "=" not in word), 0) :]
    words = words[1:] if words[:1] == ["until"] else words
    if not words:
        return None
    program, *arguments = words
    if program.endswith("bin/njangi") or program == "njangi":
        return unknown_to_njangi(arguments)
    if program == "make":
        return next((f"no target {word}" for word in arguments if "=" not in word and word not in TARGETS), None)
    if words[:3] == ["python", "-m", "stack"] or program == "njangi-server":
        with pytest.raises(SystemExit) as ended:
            stack([*arguments[2:], "--help"] if program == "python" else [*arguments, "--help"])
        return None if ended.value.code == 0 else f"not taken: {line}"
    return None


def unknown_to_njangi(arguments: list[str]) -> str | None:
    """Return the first command or option of `njangi` that does not exist."""
    command: object = NJANGI
    options = {"--help", "--version", "--install-completion", "--show-completion"}
    for word in (word.rstrip(",.;") for word in arguments):
        if isinstance(command, TyperGroup):
            if word.startswith("-"):
                if word not in options:
                    return f"no option {word}"
            elif word in command.commands:
                command = command.commands[word]
            elif not word.isupper():
                return f"no command {word}"
        elif isinstance(command, TyperCommand):
            known = options | {name for item in command.params for name in item.opts}
            if word.startswith("-") and not command.ignore_unknown_options and word not in known:
                return f"no option {word} of {command.name}"
    return None


@PAGES
def test_every_command_of_a_page_exists(page: Path) -> None:
    wrong = {line: problem for line in shown_commands(page) if (problem := problem_of(line)) is not None}
    assert wrong == {}


@PAGES
def test_every_workflow_of_a_page_is_valid(page: Path, tmp_path: Path) -> None:
    for name, text in files(page).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "hello").mkdir(exist_ok=True)
    (tmp_path / "hello" / "text.txt").write_text("made by a command of the quickstart\n")
    for photo in ("dawn", "noon", "dusk"):
        (tmp_path / "images" / "photos").mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / "photos" / f"{photo}.pgm").write_text("made by a command of the guide\n")
    for name in files(page):
        if name.endswith(".yaml"):
            assert list(folder.read(tmp_path / name).warnings) == [], name


@pytest.mark.parametrize("name", ["njangi nothing", "njangi submit --nothing", "make nothing", "njangi-server nothing"])
def test_a_command_that_does_not_exist_is_found(name: str) -> None:
    assert problem_of(name) is not None


def test_every_link_between_pages_leads_to_a_file() -> None:
    markdown = [*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")]
    broken = [
        f"{page.relative_to(CHECKOUT)}: {link}"
        for page in markdown
        for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
        if not link.startswith((*_ELSEWHERE, "#")) and not (page.parent / link.partition("#")[0]).exists()
    ]
    assert broken == []


def test_the_list_of_decisions_is_complete() -> None:
    """When this fails: `make decisions`."""
    known = decisions()
    assert [decision.file for decision in known if decision.status is None] == []
    assert (DOCS / "decisions" / "index.md").read_text(encoding="utf-8") == index(known)


def test_no_page_of_the_site_loads_anything_from_elsewhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    subprocess.run(build, cwd=CHECKOUT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
    loads = re.compile(
        r"<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)=\"?(?:https?:)?//|url\(\"?(?:https?:)?//"
    )
    found = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]
    assert (tmp_path / "quickstart.html") in found
    assert [str(page) for page in found if loads.search(page.read_text(encoding="utf-8"))] == []
