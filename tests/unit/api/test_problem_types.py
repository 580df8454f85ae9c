"""Every type of problem that the code can answer is documented, and no other."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from api.http import connections, errors, refusals

ROOT = Path(__file__).parents[3]
BY_FRAMEWORK = (400, 404, 405)
"""Starlette and FastAPI raise these by themselves."""


def calls(name: str) -> Iterator[ast.Call]:
    for path in sorted((ROOT / "api").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield node


def in_code() -> dict[str, set[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for status, type_ in [*errors._TABLE.values(), (422, "refused"), (429, "quota-exceeded")]:
        found[type_].add(status)
    for status in [*BY_FRAMEWORK, *raised()]:
        found[errors.BY_STATUS[status]].add(status)
    for status, (type_, _) in connections.REFUSALS.items():
        found[type_].add(status)
    for call in calls("problem"):
        status_, type__ = call.args[:2]
        if isinstance(status_, ast.Constant) and isinstance(type__, ast.Constant):
            found[str(type__.value)].add(int(str(status_.value)))
    return found


def raised() -> set[int]:
    statuses = [call.args[0] for call in calls("HTTPException")]
    assert all(isinstance(status, ast.Constant) for status in statuses), "HTTPException(status) takes a plain number"
    plain = {int(str(status.value)) for status in statuses if isinstance(status, ast.Constant)}
    return plain | {status for status, _ in refusals.REFUSALS.values()}


def in_documentation() -> dict[str, set[int]]:
    rows = re.findall(r"^\| `([a-z-]+)` \| ([0-9, ]+) \|", (ROOT / "docs" / "errors.md").read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a type is documented twice"
    return {type_: {int(status) for status in statuses.split(",")} for type_, statuses in rows}


def test_every_type_of_problem_is_documented_with_its_statuses() -> None:
    assert dict(in_code()) == in_documentation()


def test_the_scan_sees_what_the_code_answers() -> None:
    assert {"under-way", "too-large", "slow-body", "range", "internal"} <= in_code().keys()
    assert {401, 403, 415} <= raised()


def test_a_problem_without_a_name_of_its_own_has_that_of_its_status() -> None:
    assert raised() | set(BY_FRAMEWORK) == errors.BY_STATUS.keys()


def test_whatever_may_succeed_later_says_when() -> None:
    for status in (423, 429, 503):
        assert errors.problem(status, "any", "try again").headers["Retry-After"] == "2"
        own = errors.problem(status, "any", "try again", headers={"Retry-After": "60"})
        assert own.headers["Retry-After"] == "60"
    assert "Retry-After" not in errors.problem(404, "not-found", "no").headers
