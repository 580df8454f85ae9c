from typing import Any

from njangi_flows import placeholders
from njangi_flows.spec import WorkflowSpec, parse

FILES = ["n.txt", "run.py", "a.csv", "b.csv"]


def a_spec(**task: Any) -> WorkflowSpec:
    return parse(
        {
            "name": "w",
            "inputs": {"numbers": "n.txt"},
            "files": ["b.csv", "a.csv"],
            "parameters": {"bound": 7, "unused": 8},
            "tasks": [
                {"name": "up", "command": "true"},
                {"name": "task", "dependencies": ["up"], **task},
            ],
        },
        files=FILES,
    )


def test_a_command_gets_the_paths_and_parameters_that_it_names() -> None:
    spec = a_spec(command="run {numbers} {up.result} {bound} {own} x{bound}", parameters={"own": "{bound}"})
    task = spec.task("task")
    assert placeholders.paths(spec, task) == {"numbers": "n.txt", "up.result": "up.result.json"}
    assert placeholders.files(spec, task) == ["n.txt"]
    assert placeholders.result_paths(task) == ["up"]
    assert placeholders.result_values(task) == []
    assert placeholders.parameters(spec, task, {"bound": [1, 2], "unused": 8}, {}) == {"bound": [1, 2], "own": [1, 2]}


def test_a_function_gets_its_own_parameters_with_values_filled_in() -> None:
    spec = a_spec(
        python={"source": "", "function": "f"},
        parameters={"rows": "{up.result}", "deep": [{"x": "{bound}"}], "path": "{numbers}", "text": "a {bound} b"},
    )
    task = spec.task("task")
    assert placeholders.result_values(task) == ["up"]
    assert placeholders.files(spec, task) == ["n.txt"]
    assert placeholders.parameters(spec, task, {"bound": 7, "unused": 8}, {"up": [1]}) == {
        "rows": [1],
        "deep": [{"x": 7}],
        "path": "n.txt",
        "text": "a {bound} b",
    }


def test_what_a_placeholder_brings_in_is_not_looked_at_again() -> None:
    spec = a_spec(command="run {own}", parameters={"own": "{bound}"})
    assert placeholders.parameters(spec, spec.task("task"), {"bound": "{up.result}"}, {}) == {"own": "{up.result}"}


def test_braces_that_are_no_placeholder_are_left_alone() -> None:
    for text in ('{"a": 1}', "{}", "{ print }", "x{part}", "{a,b}", "{{part}}", "{part}{part}"):
        assert placeholders.named(text) is None
    assert placeholders.named("{part}") == "part"


def test_a_pattern_picks_files_in_order_and_a_list_keeps_its_own() -> None:
    spec = a_spec(command="run {part}", split={"files": "*.csv"})
    assert placeholders.split_files(spec, spec.task("task")) == ["a.csv", "b.csv"]
    spec = a_spec(command="run {part}", split={"files": ["b.csv", "a.csv"]})
    assert placeholders.split_files(spec, spec.task("task")) == ["b.csv", "a.csv"]
    assert placeholders.files(spec, spec.task("task")) == ["b.csv", "a.csv"]
