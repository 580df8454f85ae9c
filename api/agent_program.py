"""The agent as one file that runs on any Python from 3.9 on: `python3 agent.pyz join URL --token TOKEN`."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import njangi_agent

_FIRST_LINE = b"#!/usr/bin/env python3\n"
_MAIN = "import sys\n\nfrom njangi_agent.__main__ import main\n\nsys.exit(main())\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""No file's time is in the archive: the same sources make the same bytes everywhere."""


@dataclass(frozen=True, slots=True)
class Program:
    content: bytes
    etag: str


@cache
def agent_program() -> Program:
    """Return the agent of this checkout, packed once a process."""
    content = packed(Path(njangi_agent.__file__).parent)
    return Program(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def packed(package: Path) -> bytes:
    """Return a package's modules as a zip archive that Python runs."""
    modules = sorted(package.rglob("*.py"))
    sources = {module.relative_to(package.parent).as_posix(): module.read_text() for module in modules}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in {"__main__.py": _MAIN, **sources}.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # as on Unix, whatever packs it
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, text)
    return _FIRST_LINE + buffer.getvalue()
