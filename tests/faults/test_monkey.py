"""The monkey and the audit: a storm that nobody can repeat, or an audit that sees nothing, proves nothing."""

from __future__ import annotations

import asyncio
import signal
import sys
from itertools import islice
from typing import Any

from tests.faults.audit import accepted_and_late
from tests.faults.monkey import Monkey, Strike, strikes
from tests.faults.shapes import SHAPES, shapes

WEIGHTS = {"api": 2, "agent": 1}


def test_the_same_seed_means_the_same_storm() -> None:
    assert list(islice(strikes(7, WEIGHTS, 4.0), 50)) == list(islice(strikes(7, WEIGHTS, 4.0), 50))
    assert list(islice(strikes(7, WEIGHTS, 4.0), 50)) != list(islice(strikes(8, WEIGHTS, 4.0), 50))
    assert list(islice(shapes(7), 25)) == list(islice(shapes(7), 25))


def test_every_kind_of_run_comes_as_often_as_it_should() -> None:
    times = sum(SHAPES.values())
    kinds = [shape.kind for shape in islice(shapes(1), times)]
    assert {make.__name__: kinds.count(make.__name__) for make in SHAPES} == {
        make.__name__: count for make, count in SHAPES.items()
    }


async def test_a_struck_process_dies_and_is_remembered() -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    monkey = Monkey({"victim": [lambda: [victim.pid]]}, iter([Strike(0.0, "victim", 0.5)]))
    await monkey.play()
    assert await victim.wait() == -signal.SIGKILL
    assert [fault.kind for fault in monkey.faults] == ["victim"]


async def test_who_does_not_run_is_spared() -> None:
    monkey = Monkey({"victim": [list]}, iter([Strike(0.0, "victim", 0.5)]))
    await monkey.play()
    assert monkey.faults == []


def an_event(type_: str, *indexes: int) -> dict[str, Any]:
    return {"type": f"subtasks.{type_}", "task": "t", "indexes": list(indexes)}


def test_the_audit_sees_what_was_accepted_twice_or_lent_too_late() -> None:
    happened = [an_event("leased", 0, 1), an_event("completed", 0), an_event("leased", 0), an_event("completed", 0, 1)]
    accepted, leases, again = accepted_and_late(happened)
    assert accepted == {("t", 0): 2, ("t", 1): 1}
    assert leases == 3
    assert again == [("t", 0)]
