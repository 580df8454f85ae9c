"""Run the commands of a page of the documentation, as its reader would: `python -m tests.page_runner PAGE...`.

The service is that of NJANGI_URL, the token that of NJANGI_TOKEN, and the working folder is the current one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.pages import files, sections

_IDS = {"RUN": r"\brun +(r[0-9a-f]{11}-[0-9a-f]{8})", "SCHEDULE": r"\b(s[0-9a-f]{11}-[0-9a-f]{8})"}
_SECONDS = 120


class PageError(Exception):
    """A command of a page failed, or its output is not what the page shows."""


def run_page(page: Path, folder: Path) -> str:
    """Write the files of a page below `folder`, run its commands there, and return all that they printed.

    Raises PageError.
    """
    for name, text in files(page).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    ids: dict[str, str] = {}
    printed = ""
    for commands, expected in sections(page):
        output = ""
        for command in commands:
            output += _run(_filled(command, ids, folder), folder)
            ids |= {name: found[-1] for name, pattern in _IDS.items() if (found := re.findall(pattern, output))}
        printed += output
        missing = [line for line in expected if _plain(line) not in _plain(output)]
        if missing:
            raise PageError(f"{page.name}: {commands[-1]!r} does not print {missing}, but:\n{output}")
    return printed


def _filled(command: str, ids: dict[str, str], folder: Path) -> str:
    if "WORKFLOW" in command:
        shown = _run(f"njangi show {ids['RUN']}", folder)
        ids["WORKFLOW"] = re.findall(r"\((w[0-9a-f]{11}-[0-9a-f]{8})\)", shown)[0]
    return re.sub(r"\b(RUN|WORKFLOW|SCHEDULE)\b", lambda name: ids[name[1]], command)


def _run(command: str, folder: Path) -> str:
    shell = ["bash", "-c", command]
    done = subprocess.run(shell, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        raise PageError(f"{command!r} ends with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _plain(text: str) -> str:
    return " ".join(text.split())


def main() -> int:
    for name in sys.argv[1:]:
        sys.stdout.write(f"== {name}\n{run_page(Path(name), Path.cwd())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
