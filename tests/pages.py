"""The examples in README.md and docs: files, commands that a test runs, and what these print.

In a page, a block with a `title` is a file, ```sh are commands that a test runs in order, ```text right after them is
output that must appear, and ```bash are commands that no test runs (they need another machine, or run for ever).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
_BLOCK = re.compile(
    r"^(?P<margin> *)```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^ *```$", re.M | re.S
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    language: str
    title: str | None
    text: str


def pages() -> list[Path]:
    """Return the README and all pages that people write by hand, decisions left out."""
    top = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md")]
    return [*top, *sorted(DOCS.glob("*.md")), *sorted((DOCS / "guides").glob("*.md"))]


def pages_to_run() -> list[Path]:
    """Return the pages whose commands a test runs."""
    return [page for page in pages() if page.name != "CONTRIBUTING.md" and commands(page)]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(it["language"], it["title"], it["text"]) for it in found]


def files(page: Path) -> dict[str, str]:
    """Return the files of a page by name."""
    return {block.title: block.text for block in blocks(page) if block.title is not None}


def commands(page: Path) -> list[str]:
    """Return the command lines that a test runs."""
    return [line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines() if line]


def shown_commands(page: Path) -> Iterator[str]:
    """Yield every command line of a page, also those that no test runs, and those in running text."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(page):
        if block.language in ("sh", "bash"):
            yield from (line for line in block.text.splitlines() if line and not line.startswith("#"))
    yield from re.findall(r"(?<!`)`((?:njangi|make|python -m stack)(?: [^`\n]+)?)`(?!`)", _BLOCK.sub("", text))


def sections(page: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the commands of each ```sh block, with the lines of output that the ```text block after it shows."""
    found = blocks(page)
    for block, following in zip(found, [*found[1:], Block("", None, "")], strict=True):
        if block.language == "sh":
            expected = following.text.splitlines() if following.language == "text" else []
            yield [line for line in block.text.splitlines() if line], expected
