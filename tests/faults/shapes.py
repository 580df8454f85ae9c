"""Workflows to run under faults, each with what it must come to whatever is killed meanwhile.

A new kind of task gets a shape here, a function from a random generator to a `Shape`, and a line in `SHAPES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.end_to_end.submitting import python

HEARTBEAT_SECONDS = 5
WIDE = 1000
LUCK = "import random\n"
SQUARE = "def f(part):\n    return part * part\n"

Task = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A workflow and its one right ending. `results` and `subtasks` (accepted ones) are by task.

    `cancel`: whoever submits it asks for its end as soon as something of it is lent. `signals` are sent to it once it
    is submitted. `child` is the workflow that its task `child` starts.
    """

    kind: str
    tasks: list[Task]
    ending: str = "COMPLETED"
    results: Mapping[str, Any] = field(default_factory=dict)
    subtasks: Mapping[str, int] = field(default_factory=dict)
    cancel: bool = False
    signals: Mapping[str, Any] = field(default_factory=dict)
    child: Shape | None = None

    def named(self, child: str) -> list[Task]:
        """Return the tasks, with `child` as the name of the workflow that is started."""
        return [{**task, "workflow": child} if "workflow" in task else task for task in self.tasks]

    @property
    def total(self) -> int:
        """How many subtasks must be accepted."""
        return sum(self.subtasks.values())


def _task(name: str, source: str, **fields: Any) -> Task:
    return python(
        name,
        source,
        resources={"cpu": 1, "memory": "64MiB", "storage": "1MiB"},
        timeouts={"heartbeat": HEARTBEAT_SECONDS, "start_to_close": 60},
        **fields,
    )


def chain(random: Random) -> Shape:
    """Tasks one after the other, each of the last one's result."""
    start, length = random.randrange(1000), random.randint(3, 6)
    tasks = [_task("t0", f"def f():\n    return {start}\n")]
    for n in range(1, length):
        given = {"parameters": {"x": f"{{t{n - 1}.result}}"}, "dependencies": [f"t{n - 1}"]}
        tasks.append(_task(f"t{n}", "def f(x):\n    return 2 * x + 1\n", **given))
    results, value = {}, start
    for n in range(length):
        results[f"t{n}"] = value
        value = 2 * value + 1
    return Shape("chain", tasks, results=results, subtasks={f"t{n}": 1 for n in range(length)})


def diamond(random: Random) -> Shape:
    """One task, two split ones that need it, one that needs both."""
    base, parts = random.randrange(100), random.randint(3, 12)
    given = {"parameters": {"x": "{a.result}"}, "dependencies": ["a"], "split": {"range": parts}, "aggregate": "sum"}
    tasks = [
        _task("a", f"def f():\n    return {base}\n"),
        _task("b", "import time\ndef f(part, x):\n    time.sleep(0.05)\n    return part + x\n", **given),
        _task("c", "def f(part, x):\n    return part * x\n", **given),
        _task(
            "d",
            "def f(b, c):\n    return [b, c]\n",
            parameters={"b": "{b.result}", "c": "{c.result}"},
            dependencies=["b", "c"],
        ),
    ]
    b = sum(part + base for part in range(parts))
    c = sum(part * base for part in range(parts))
    return Shape(
        "diamond",
        tasks,
        results={"a": base, "b": b, "c": c, "d": [b, c]},
        subtasks={"a": 1, "b": parts, "c": parts, "d": 1},
    )


def wide(random: Random) -> Shape:
    """A thousand subtasks whose results are wanted in their order, and one that needs them all."""
    tasks = [
        _task("squares", SQUARE, split={"range": WIDE}, aggregate="list"),
        _task("size", "def f(x):\n    return len(x)\n", parameters={"x": "{squares.result}"}, dependencies=["squares"]),
    ]
    return Shape(
        "wide",
        tasks,
        results={"squares": [n * n for n in range(WIDE)], "size": WIDE},
        subtasks={"squares": WIDE, "size": 1},
    )


def flaky(random: Random) -> Shape:
    """Subtasks that fail one time in four, and have tries enough."""
    parts = random.randint(8, 40)
    source = f"{LUCK}def f(part):\n    assert random.random() > 0.25, 'bad luck'\n    return part\n"
    retry = {"maximum_attempts": 20, "initial_interval": "200ms", "backoff_coefficient": 1.2}
    tasks = [_task("flaky", source, split={"range": parts}, aggregate="list", retry=retry)]
    return Shape("flaky", tasks, results={"flaky": list(range(parts))}, subtasks={"flaky": parts})


def hopeless(random: Random) -> Shape:
    """One subtask of a task always fails: the run FAILS, some others are not begun, and what depends on it neither."""
    parts = random.randint(3, 10)
    bad = random.randrange(parts)
    source = f"def f(part):\n    if part == {bad}:\n        raise ValueError('hopeless')\n    return part\n"
    retry = {"maximum_attempts": 2, "initial_interval": "200ms"}
    tasks = [
        _task("first", SQUARE, split={"range": 3}, aggregate="sum"),
        _task("bad", source, split={"range": parts}, aggregate="sum", retry=retry),
        _task("after", "def f(x):\n    return x\n", parameters={"x": "{bad.result}"}, dependencies=["bad"]),
    ]
    return Shape("hopeless", tasks, ending="FAILED", results={"first": 5}, subtasks={"first": 3, "after": 0})


def tolerant(random: Random) -> Shape:
    """Some subtasks always fail, which the task tolerates."""
    parts = 10 * random.randint(1, 4)
    source = "def f(part):\n    if part % 10 == 0:\n        raise ValueError('tolerated')\n    return part\n"
    retry = {"maximum_attempts": 2, "initial_interval": "200ms"}
    task = _task(
        "some", source, split={"range": parts}, aggregate="sum", retry=retry, tolerated_failure="10%", dependencies=[]
    )
    kept = [part for part in range(parts) if part % 10]
    return Shape("tolerant", [task], results={"some": sum(kept)}, subtasks={"some": len(kept)})


def cancelled(random: Random) -> Shape:
    """Work without end, cancelled once it has begun."""
    slow = _task("slow", "import time\ndef f(part):\n    time.sleep(30)\n", split={"range": 50}, aggregate="count")
    return Shape("cancelled", [slow], ending="CANCELLED", cancel=True)


def timed(random: Random) -> Shape:
    """A timer between two tasks."""
    seconds, value = random.randint(1, 8), random.randrange(100)
    tasks = [
        _task("before", f"def f():\n    return {value}\n"),
        {"name": "rest", "sleep": f"{seconds}s", "dependencies": ["before"]},
        _task(
            "after",
            "def f(x):\n    return x + 1\n",
            parameters={"x": "{before.result}"},
            dependencies=["rest", "before"],
        ),
    ]
    results = {"before": value, "rest": None, "after": value + 1}
    return Shape("timed", tasks, results=results, subtasks={"before": 1, "after": 1})


def signalled(random: Random) -> Shape:
    """Two waits, for signals that come early, and work on what they carried."""
    given = {"first": random.randrange(100), "second": random.randrange(100)}
    tasks: list[Task] = [{"name": name, "wait": {"signal": name, "timeout": "1h"}} for name in given]
    inputs = {name: f"{{{name}.result}}" for name in given}
    add = "def f(first, second):\n    return first + second\n"
    tasks.append(_task("sum", add, parameters=inputs, dependencies=list(given)))
    results = {**given, "sum": sum(given.values())}
    return Shape("signalled", tasks, results=results, subtasks={"sum": 1}, signals=given)


def family(random: Random) -> Shape:
    """A task that runs another workflow, and one that works on its result."""
    child = diamond(random)
    tasks: list[Task] = [
        {"name": "child", "workflow": ""},
        _task("last", "def f(x):\n    return x['d']\n", parameters={"x": "{child.result}"}, dependencies=["child"]),
    ]
    results = {"child": child.results, "last": child.results["d"]}
    return Shape("family", tasks, results=results, subtasks={"last": 1}, child=child)


SHAPES: Mapping[Callable[[Random], Shape], int] = {
    chain: 4,
    diamond: 3,
    flaky: 3,
    timed: 2,
    signalled: 2,
    family: 2,
    wide: 1,
    hopeless: 1,
    tolerant: 1,
    cancelled: 1,
}
"""How often each comes, in twenty."""


def shapes(seed: int) -> Iterator[Shape]:
    """Yield shapes without end, the same for the same seed; every twenty hold each kind as often as it should come."""
    random = Random(seed)
    deck: list[Callable[[Random], Shape]] = []
    while True:
        if not deck:
            deck = [make for make, times in SHAPES.items() for _ in range(times)]
            random.shuffle(deck)
        yield deck.pop()(random)
