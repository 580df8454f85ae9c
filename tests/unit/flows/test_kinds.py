"""Tasks that volunteers have no part in: what they may hold, and what a submitter is told who mixes them up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from njangi_flows.workflow.kinds import signal_name
from njangi_flows.workflow.spec import InvalidSpecError, parse

SLEEP = {"name": "t", "sleep": "1h"}
WAIT = {"name": "t", "wait": {"signal": "approved"}}
CHILD = {"name": "t", "workflow": "another"}


def told(*tasks: dict[str, Any], **fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidSpecError) as caught:
        parse({"name": "w", "tasks": list(tasks), **fields}, files=["run.py"])
    return [(problem.pointer, problem.detail) for problem in caught.value.problems]


def test_every_kind_reads_and_is_written_as_the_same() -> None:
    spec = parse(
        {
            "name": "release",
            "priority": 80,
            "parameters": {"version": 1},
            "tasks": [
                {"name": "build", "command": "make {version}"},
                {"name": "approval", "wait": {"signal": "approved", "timeout": "2h"}, "dependencies": ["build"]},
                {"name": "night", "sleep": "3d", "tags": ["slow"], "metadata": {"why": "calm"}},
                {
                    "name": "rollout",
                    "workflow": "Roll out",
                    "parameters": {"who": "{approval.result}", "version": "{version}"},
                    "on_parent_cancel": "abandon",
                    "dependencies": ["approval", "night"],
                },
            ],
        },
        files=(),
    )
    build, approval, night, rollout = spec.tasks
    assert [task.kind for task in spec.tasks] == ["command", "wait", "sleep", "workflow"]
    assert [task.on_volunteers for task in spec.tasks] == [True, False, False, False]
    assert approval.wait is not None and (approval.wait.signal, approval.wait.timeout) == ("approved", 7200.0)
    assert (night.sleep, rollout.workflow, rollout.on_parent_cancel) == (259_200.0, "Roll out", "abandon")
    assert build.priority == 80
    written = json.loads(json.dumps(spec.model_dump(mode="json")))
    assert "resources" not in written["tasks"][1]
    assert parse(written, files=()) == spec


@pytest.mark.parametrize(
    ("task", "pointer", "detail"),
    [
        pytest.param(SLEEP | WAIT, "/tasks/0", "not wait and sleep", id="wait-and-sleep"),
        pytest.param(CHILD | {"command": "x"}, "/tasks/0", "not command and workflow", id="workflow-and-command"),
        pytest.param({"name": "t", "sleep": "soon"}, "/tasks/0/sleep", '"1h30m"', id="no-duration"),
        pytest.param({"name": "t", "sleep": 0}, "/tasks/0/sleep", "more than 0", id="no-time"),
        pytest.param({"name": "t", "sleep": "1000d"}, "/tasks/0/sleep", "31,622,400", id="for-ever"),
        pytest.param({"name": "t", "wait": {}}, "/tasks/0/wait/signal", "is required", id="wait-for-nothing"),
        pytest.param({"name": "t", "wait": {"signal": "a b"}}, "/tasks/0/wait/signal", "letters, digits", id="name"),
        pytest.param(
            {"name": "t", "wait": {"signal": "a", "timeuot": 1}},
            "/tasks/0/wait/timeuot",
            "did you mean 'timeout'?",
            id="unknown-field",
        ),
        pytest.param(SLEEP | {"split": {"range": 3}}, "/tasks/0/split", "command or python", id="split"),
        pytest.param(WAIT | {"retry": {}}, "/tasks/0/retry", "command or python", id="retry"),
        pytest.param(
            CHILD | {"resources": {}},
            "/tasks/0/resources",
            "set it in the workflow that this task runs",
            id="resources",
        ),
        pytest.param(WAIT | {"timeouts": {}}, "/tasks/0/timeouts", "does not run on volunteers", id="timeouts"),
        pytest.param(CHILD | {"files": ["run.py"]}, "/tasks/0/files", "command or python", id="files"),
        pytest.param(SLEEP | {"priority": 3}, "/tasks/0/priority", "command or python", id="priority"),
        pytest.param(WAIT | {"parameters": {"x": 1}}, "/tasks/0/parameters", "runs nothing", id="parameters"),
        pytest.param(
            SLEEP | {"on_parent_cancel": "cancel"}, "/tasks/0/on_parent_cancel", "only a workflow", id="sleep"
        ),
        pytest.param(
            {"name": "t", "command": "x", "on_parent_cancel": "abandon"},
            "/tasks/0/on_parent_cancel",
            "only a workflow",
            id="command",
        ),
        pytest.param(CHILD | {"on_parent_cancel": "kill"}, "/tasks/0/on_parent_cancel", "cancel, abandon", id="kill"),
        pytest.param(
            CHILD | {"parameters": {"x": "{nope}"}}, "/tasks/0/parameters/x", "does not refer to anything", id="nothing"
        ),
    ],
)
def test_a_contradiction_is_told_at_its_place_with_what_would_be_right(
    task: dict[str, Any], pointer: str, detail: str
) -> None:
    [(place, told_detail)] = told(task)
    assert place == pointer
    assert detail in told_detail


def test_all_misplaced_fields_of_all_tasks_are_told_at_once_even_beside_a_mistake() -> None:
    pointers = [
        pointer
        for pointer, _ in told(
            SLEEP | {"name": "a", "retry": {}, "parse": "json", "resources": {"cpu": 1}},
            CHILD | {"name": "b", "split": {"range": 2}, "dependencies": ["zz"]},
            priority=101,
        )
    ]
    assert pointers == [
        "/priority",
        "/tasks/0/parse",
        "/tasks/0/resources",
        "/tasks/0/retry",
        "/tasks/1/dependencies/0",
        "/tasks/1/split",
    ]


def test_what_waits_cannot_clean_up() -> None:
    [(pointer, detail)] = told(WAIT, {"name": "work", "command": "x"}, cleanup="t")
    assert (pointer, detail) == ("/cleanup", "only a command or python task can clean up, not a wait task")


@pytest.mark.parametrize("name", ["", "a/b", "-a", "é", "a" * 49, "a b", "a.b"])
def test_a_signals_name_can_be_part_of_a_path_and_of_a_task_name(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        signal_name(name)
    assert signal_name("Approved_by-2") == "Approved_by-2"
