"""Which interpreter tasks get."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from njangi_agent.sandbox.isolation import base_python


def test_tasks_get_the_interpreter_below_a_virtual_environment_on_old_pythons_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    inner = tmp_path / "venv" / "bin" / "python"
    for path in (base / "bin" / "python3", inner):
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(sys, "base_prefix", str(base))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr(sys, "executable", str(inner))
    monkeypatch.setattr(sys, "_base_executable", str(inner), raising=False)
    assert base_python().executable == str(base / "bin" / "python3")
