"""Find the files that ship with the service and are no Python modules: console, library of workflows, documentation."""

from __future__ import annotations

from pathlib import Path

_PACKAGES = Path(__file__).resolve().parent.parent

LIBRARY = _PACKAGES / "flows" / "library"
"""The workflows that ship with the service."""

ROOT = _PACKAGES if (_PACKAGES / "prefect.yaml").is_file() else _PACKAGES / "njangi_server"
"""The clone that this module is in, or the folder of an installed service that is laid out like one."""
