"""A volunteer's clock may show any time and jump: no moment of it enters the protocol or a decision (decision 0025)."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import njangi_agent
import pytest

from .conftest import a_lease
from .service import FakeService
from .test_loop import TASK, Work, at_work, until

SOURCES = sorted(Path(njangi_agent.__file__).parent.rglob("*.py"))
HOURS = 8 * 3600.0
CLOCKS = {"time", "time_ns", "gmtime", "localtime", "ctime", "asctime", "clock_gettime"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_module_of_the_agent_asks_what_time_it_is(source: Path) -> None:
    assert list(_asked_for_the_time(ast.parse(source.read_text()))) == []


def _asked_for_the_time(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
            if node.attr in CLOCKS:
                yield f"time.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime"):
            yield f"from {node.module}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name == "datetime")


async def test_an_agent_whose_clock_runs_back_by_hours_at_every_look_works_as_any_other(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = count(1)
    monkeypatch.setattr(time, "time", lambda: 2e9 - next(looks) * HOURS)
    service.lend(TASK, *(a_lease(f"s{number}", seconds=0.3) for number in range(20)))
    async with at_work(service, tmp_path, Work()):
        await until(service, lambda: len(service.reports) == 20 and service.parked == 1 and not service.held)
    assert set(service.times_reported.values()) == {1}
