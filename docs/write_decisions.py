"""Write docs/decisions/index.md, and give a status line to each decision that has none: `make decisions`."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

FOLDER = Path(__file__).parent / "decisions"
INDEX = "index.md"
_STATUS = re.compile(r"^Status: (?P<status>[a-z][^.\n]*)\. Date: (?P<date>\d{4}-\d{2}-\d{2})\.$", re.MULTILINE)
_HEAD = """\
# Decisions

Why things are as they are. Each decision is short and says what was decided and why. `make decisions` writes this page.

| number | decision | status | date |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """One file of the folder. `status` and `date` are None while the file lacks its status line."""

    file: str
    title: str
    status: str | None
    date: str | None


def read(file: Path) -> Decision:
    """Return what the head of a decision says."""
    text = file.read_text(encoding="utf-8")
    found = _STATUS.search(text)
    title = text.partition("\n")[0].removeprefix("# ")
    return Decision(file.name, title, found and found["status"], found and found["date"])


def decisions() -> list[Decision]:
    """Return all decisions in the order of their numbers."""
    return [read(file) for file in sorted(FOLDER.glob("[0-9]*.md"))]


def index(known: list[Decision]) -> str:
    """Return the text of the index page."""
    rows = (f"| {it.file[:4]} | [{it.title}]({it.file}) | {it.status} | {it.date} |" for it in known)
    return _HEAD + "\n".join(rows) + "\n"


def _first_day(file: Path) -> str:
    """Return the day of the commit that added the file, or today."""
    log = ["git", "log", "--diff-filter=A", "--follow", "--format=%as", "--", str(file)]
    days = subprocess.run(log, check=True, capture_output=True, text=True, cwd=FOLDER).stdout.split()
    return days[-1] if days else date.today().isoformat()  # noqa: DTZ011 - the author's own day


def main() -> int:
    for decision in decisions():
        if decision.status is None:
            file = FOLDER / decision.file
            title, _, rest = file.read_text(encoding="utf-8").partition("\n")
            file.write_text(f"{title}\n\nStatus: accepted. Date: {_first_day(file)}.\n{rest}", encoding="utf-8")
    (FOLDER / INDEX).write_text(index(decisions()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
