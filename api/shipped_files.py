"""Find the files that ship with the service and are no Python modules: console, library of workflows, documentation."""

from __future__ import annotations

from pathlib import Path

_ABOVE = Path(__file__).resolve().parent.parent
ROOT = _ABOVE if (_ABOVE / "prefect.yaml").is_file() else _ABOVE / "njangi_server"
"""The clone that this module is in, or the folder of an installed service that is laid out like one."""
