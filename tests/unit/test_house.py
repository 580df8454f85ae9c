"""How the code is laid out: small folders, small files, and one class for each name."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "coordinator", "storage", "stack", "agents/njangi_agent", "flows/njangi_flows", "benchmarks")
GENERATED = {ROOT / "flows/njangi_flows/client/models.py"}
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if path not in GENERATED]


def test_no_folder_has_more_than_25_modules() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in [*SOURCES, *GENERATED])
    assert {folder: count for folder, count in counts.items() if count > 25} == {}


def test_no_module_has_more_than_450_lines() -> None:
    lines = {path.relative_to(ROOT).as_posix(): path.read_text().count("\n") for path in SOURCES}
    assert {path: count for path, count in lines.items() if count > 450} == {}


def test_no_two_public_classes_have_one_name() -> None:
    homes = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}
