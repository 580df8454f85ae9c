"""A census of Python's standard library on volunteers' machines, as a Prefect flow in plain Python.

Every .py file of the interpreter's own library, tests included, is parsed somewhere; its lines, functions, classes
and identifiers are counted. The files travel in groups of about the same size, each group to one volunteer.
`single_process` counts the same alone, for `problems` to compare.
"""

from __future__ import annotations

import ast
import collections
import heapq
import sysconfig
import tokenize
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from njangi_flows import volunteer_task
from prefect import flow
from prefect.artifacts import create_table_artifact

GROUPS = 120
MOST_FREQUENT = 20
ARTIFACTS = {"rows": "stdlib-census-modules", "identifiers": "stdlib-census-identifiers"}
"""Where Prefect's UI shows the tables of a finished run."""
_LEFT_OUT = {"site-packages", "dist-packages", "__pycache__"}

Source = list[str]
"""A file as it travels: its path in the library and its text."""


def files(library: Path | None = None) -> list[Path]:
    """Return the library's own .py files, in order."""
    root = library or Path(sysconfig.get_path("stdlib"))
    return sorted(path for path in root.rglob("*.py") if not _LEFT_OUT.intersection(path.relative_to(root).parts))


def groups(paths: Iterable[Path], count: int = GROUPS) -> list[list[Path]]:
    """Return the paths in at most `count` groups of about the same number of bytes: the largest first, each
    into the group that has least."""
    heap: list[tuple[int, int]] = [(0, number) for number in range(count)]
    made: list[list[Path]] = [[] for _ in range(count)]
    for size, path in sorted(((path.stat().st_size, path) for path in paths), reverse=True):
        held, number = heapq.heappop(heap)
        made[number].append(path)
        heapq.heappush(heap, (held + size, number))
    return [group for group in made if group]


def read(path: Path, library: Path) -> Source:
    """Return a file as it travels; one whose text cannot be decoded travels as a text that does not parse."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except (SyntaxError, UnicodeDecodeError):
        text = path.read_bytes().decode("ascii", "replace")
    return [path.relative_to(library).as_posix(), text]


def count(sources: list[list[str]]) -> dict[str, Any]:
    """Count the lines, functions, classes and identifiers of some files, by top-level module."""
    modules: dict[str, collections.Counter[str]] = {}
    identifiers: collections.Counter[str] = collections.Counter()
    counted = {ast.FunctionDef: "functions", ast.AsyncFunctionDef: "functions", ast.ClassDef: "classes"}
    named = {ast.Name: "id", ast.Attribute: "attr", ast.arg: "arg", **dict.fromkeys(counted, "name")}
    for path, text in sources:
        first = path.split("/")[0]
        counts = modules.setdefault(first.removesuffix(".py"), collections.Counter())
        counts["files"] += 1
        counts["lines"] += text.count("\n")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            counts["unparsable"] += 1
            continue
        # Half the time of ast.walk, which visits the field-less Load and Store of every name as well.
        nodes: list[Any] = [tree]
        while nodes:
            node = nodes.pop()
            kind = type(node)
            if kind in named:
                identifiers[getattr(node, named[kind])] += 1
            if kind in counted:
                counts[counted[kind]] += 1
            for field in node._fields:
                value = getattr(node, field, None)
                if isinstance(value, list):
                    nodes.extend(item for item in value if isinstance(item, ast.AST))
                elif isinstance(value, ast.AST) and value._fields:
                    nodes.append(value)
    return {"modules": {module: dict(counts) for module, counts in modules.items()}, "identifiers": dict(identifiers)}


count_group = volunteer_task(retries=2, memory="512MiB", timeout=300)(count)


def table(counted: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Reduce the groups' counts to one row per top-level module and the most frequent identifiers."""
    modules: collections.defaultdict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    identifiers: collections.Counter[str] = collections.Counter()
    for part in counted:
        for module, counts in part["modules"].items():
            modules[module].update(counts)
        identifiers.update(part["identifiers"])
    columns = ["files", "lines", "functions", "classes", "unparsable"]
    frequent = sorted(identifiers.items(), key=lambda item: (-item[1], item[0]))[:MOST_FREQUENT]
    return {
        "columns": ["module", *columns],
        "rows": [[module, *(modules[module][column] for column in columns)] for module in sorted(modules)],
        "identifiers": [list(item) for item in frequent],
    }


@flow(name="stdlib-census", persist_result=False)
def stdlib_census(groups_wanted: int = GROUPS, package: str = "") -> dict[str, Any]:
    """Count the standard library of this interpreter on volunteers' machines, or one package of it."""
    library = Path(sysconfig.get_path("stdlib"), package)
    sources = [[read(path, library) for path in group] for group in groups(files(library), groups_wanted)]
    census = table(count_group.map(sources).result())
    for key in ARTIFACTS:
        heads = census["columns"] if key == "rows" else ["identifier", "times"]
        create_table_artifact([dict(zip(heads, row, strict=True)) for row in census[key]], key=ARTIFACTS[key])
    return census


def from_artifacts(tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the census that a flow run left in its artifacts, by their keys."""
    rows, identifiers = (tables[key] for key in ARTIFACTS.values())
    return {
        "columns": list(rows[0]),
        "rows": [list(row.values()) for row in rows],
        "identifiers": [list(row.values()) for row in identifiers],
    }


def single_process(package: str = "") -> dict[str, Any]:
    """Return what `stdlib_census` returns, counted in this process alone."""
    library = Path(sysconfig.get_path("stdlib"), package)
    return table(count([read(path, library)]) for path in files(library))


def problems(result: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Return where a census differs from the one expected, which `single_process` makes; empty if nowhere."""
    found = [f"{key} differ" for key in ("columns", "identifiers") if result.get(key) != expected[key]]
    rows = {row[0]: row for row in result.get("rows", [])}
    wanted = {row[0]: row for row in expected["rows"]}
    found += [f"module {name} is missing" for name in wanted.keys() - rows.keys()]
    found += [f"module {name} is not in the library" for name in rows.keys() - wanted.keys()]
    found += [
        f"module {name}: {rows[name][1:]} instead of {wanted[name][1:]}"
        for name in sorted(wanted.keys() & rows.keys())
        if rows[name] != wanted[name]
    ]
    return found
