"""How a task falls into subtasks and batches."""

from __future__ import annotations

from typing import Any

import pytest
from njangi_flows import volunteer_task
from njangi_flows.engine import compile as compiler
from njangi_flows.engine.compile import Plan
from njangi_flows.protocol import FileRef
from njangi_flows.workflow.placeholders.filling import Calls, calls_of
from njangi_flows.workflow.spec import TaskSpec, WorkflowSpec, parse


def workflow(*tasks: dict[str, Any], **fields: Any) -> WorkflowSpec:
    files = ["run.py", "data.txt", "more.txt"]
    return parse({"name": "w", "tasks": list(tasks), **fields}, files=files)


def task(**fields: Any) -> TaskSpec:
    return workflow({"name": "t", "command": ["x"], **fields}).tasks[0]


@pytest.mark.parametrize(
    ("split", "items", "slots", "expected"),
    [
        (None, 0, 4, Plan(1, 1, 1)),
        ({"range": 50}, 50, 4, Plan(1, 50, 1)),
        ({"range": 51}, 51, 4, Plan(1, 51, 2)),
        ({"range": 10_000}, 10_000, 4, Plan(1, 10_000, 200)),
        ({"range": 1000, "items_per_subtask": 300}, 1000, 4, Plan(300, 4, 1)),
        ({"range": 1000, "items_per_subtask": "auto"}, 1000, 2, Plan(63, 16, 1)),
    ],
)
def test_a_plan_follows_from_the_split(split: Any, items: int, slots: int, expected: Plan) -> None:
    plan = compiler.plan(task(split=split) if split else task(), items, slots)
    assert plan == expected
    assert Plan.from_json(plan.to_json()) == plan


def test_batches_hold_every_item_once_and_in_order() -> None:
    spec = task(split={"range": 1000, "items_per_subtask": 3})
    plan = compiler.plan(spec, 1000, 1)
    batches = list(compiler.batch_parameters(spec, plan, range(1000), Calls(None, {"shared": 1})))
    assert [len(batch) for batch in batches] == [len(plan.indexes(index)) for index in range(plan.batches)]
    parts = [parameters["part"] for batch in batches for parameters in batch]
    assert [item for part in parts for item in part] == list(range(1000))  # type: ignore[union-attr]
    assert batches[0][0] == {"shared": 1, "part": [0, 1, 2]}


def test_a_node_is_named_after_its_subtasks() -> None:
    assert compiler.node_name("t", Plan(1, 1, 1), 0) == "t"
    assert compiler.node_name("t", Plan(1, 5, 1), 3) == "t [3]"
    assert compiler.node_name("t", Plan(1, 5, 2), 1) == "t [2..3]"
    assert compiler.node_name("t", Plan(1, 5, 2), 2) == "t [4]"


def test_tasks_come_after_those_they_depend_on() -> None:
    spec = workflow(
        {"name": "c", "command": ["x"], "dependencies": ["b"]},
        {"name": "b", "command": ["x"], "dependencies": ["a"]},
        {"name": "a", "command": ["x"]},
    )
    assert [made.name for made in compiler.order(spec)] == ["a", "b", "c"]


def test_a_definition_brings_files_and_the_results_that_the_command_reads() -> None:
    spec = workflow(
        {"name": "a", "command": ["x"]},
        {
            "name": "b",
            "command": ["python3", "run.py", "{data}", "{a.result}"],
            "files": ["run.py"],
            "dependencies": ["a"],
            "resources": {"cpu": 2, "memory": "1MiB", "storage": 0},
            "parse": "json",
        },
        inputs={"data": "data.txt"},
    )
    files = {name: FileRef(sha256=name, size=1) for name in ("run.py", "data.txt")}
    made = compiler.definition(
        spec,
        spec.task("b"),
        calls_of(spec, spec.task("b"), {}, {}),
        files,
        {"a.result": FileRef(sha256="r", size=2)},
        None,
    )
    assert made == {
        "name": "b",
        "command": ["python3", "run.py", "{data}", "{a.result}"],
        "source": None,
        "function": None,
        "isolate": False,
        "files": [
            {"name": "run.py", "sha256": "run.py", "size": 1},
            {"name": "data.txt", "sha256": "data.txt", "size": 1},
            {"name": "a.result.json", "sha256": "r", "size": 2},
        ],
        "paths": {"data": "data.txt", "a.result": "a.result.json"},
        "parse": "json",
        "cpu": 2.0,
        "memory": 1024 * 1024,
        "storage": 0,
        "start_to_close": 600.0,
        "schedule_to_start": None,
        "schedule_to_close": None,
        "heartbeat": 30.0,
    }


@pytest.mark.parametrize("isolate", [True, False])
def test_a_definition_says_whether_calls_are_isolated(isolate: bool) -> None:
    source = "def f(): return 1"
    spec = workflow({"name": "a", "python": {"source": source, "function": "f", "isolate": isolate}})
    assert compiler.definition(spec, spec.task("a"), Calls(None, {}), {}, {}, source)["isolate"] is isolate

    @volunteer_task(isolate=isolate)
    def f() -> int:
        return 1

    assert f.definition.fields["isolate"] is isolate
    assert f.with_options(isolate=not isolate).definition.fields["isolate"] is not isolate
