"""Files that cannot lie in one folder are refused where a workflow is sent."""

from typing import Any

import pytest
from njangi_flows.workflow.spec import InvalidSpecError, Problem, parse, unfilled, warnings


def told(there: set[str], task: dict[str, Any], **fields: Any) -> list[tuple[str, str]]:
    tasks = [{"name": "up", "command": "true"}, {"name": "t", "dependencies": ["up"], "command": "true", **task}]
    found: list[Problem]
    try:
        found = warnings(parse({"name": "w", "language": 2, **fields, "tasks": tasks}, files=there))
    except InvalidSpecError as error:
        found = error.problems
    return [(problem.pointer, problem.code) for problem in found]


@pytest.mark.parametrize(
    ("files", "task", "fields", "expected"),
    [
        ({"data", "data/x"}, {"files": ["data/x", "data"]}, {}, [("/tasks/1/files/1", "files-clash")]),
        ({"a", "a/b/c"}, {}, {"files": ["a/b/c", "a"]}, [("/files/1", "files-clash")]),
        ({"a", "a/b"}, {}, {"inputs": {"x": "a", "y": "a/b"}}, [("/inputs/x", "files-clash")]),
        ({"a", "a/b"}, {"split": {"files": ["a/b"]}}, {"files": ["a"]}, [("/files/0", "files-clash")]),
        ({"a", "a-b", "ab/c"}, {}, {"files": ["a", "a-b", "ab/c"]}, []),
        ({"é" * 128}, {}, {"files": ["é" * 128]}, [("/files/0", "file-part-too-long")]),
        ({"a/" + "é" * 127}, {}, {"files": ["a/" + "é" * 127]}, []),
        ({"A.csv", "a.csv"}, {}, {"files": ["A.csv", "a.csv"]}, [("/files/1", "files-alike")]),
        ({"é", "e\u0301"}, {}, {"files": ["é", "e\u0301"]}, [("/files/1", "files-alike")]),
        (
            {"up.result.json"},
            {"files": ["up.result.json"], "command": ["x", "{up.result}"]},
            {},
            [("/tasks/1", "file-of-result")],
        ),
        (
            {"up.result.json"},
            {"command": ["x", "-r{up.result}", "{mine}"]},
            {"inputs": {"mine": "up.result.json"}},
            [("/tasks/1", "file-of-result")],
        ),
        ({"up.result.json"}, {"files": ["up.result.json"]}, {}, []),
    ],
)
def test_names_that_clash(
    files: set[str], task: dict[str, Any], fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert told(files, task, **fields) == expected


def test_a_stored_workflow_may_have_files_that_clash_where_no_task_has_both() -> None:
    both = {"language": 1, "files": ["a", "a/b"]}
    assert told({"a", "a/b"}, {"files": ["a"]}, **both) == []
    assert told({"a", "a/b"}, {"files": ["a", "a/b"]}, **both) == [("/tasks/1", "files-clash")]


@pytest.mark.parametrize("name", ["a/../b", "/a", "a/", "./a", "a//b", "..", "a\\b", "a\nb", ""])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    assert ("/files/0", "file-name") in told({name}, {}, files=[name])


def test_a_folder_holds_no_more_files_than_a_sandbox_can_show() -> None:
    names = [f"f{number}" for number in range(2501)]
    assert told({*names}, {"split": {"files": names}}) == [("/tasks/1", "too-many-files")]


@pytest.mark.parametrize(
    ("command", "split", "expected"),
    [
        (["x", "{part}"], {"range": 16_000, "items_per_subtask": 8_000}, None),
        (["x", "{part}"], {"range": 1_000_000, "items_per_subtask": 100_000}, None),
        (["x", "{part}"], {"range": 1_000_000, "items_per_subtask": 500_000}, "arguments-too-long"),
        (["x", "{part}"], {"items": ["a", "b" * 131_071]}, None),
        (["x", "{part}"], {"items": ["a", "b" * 131_072]}, "argument-too-long"),
        (["x", "é{part}"], {"items": ["b" * 131_070]}, "argument-too-long"),
        (["x", "{x}{y}"], {"grid": {"x": ["a" * 70_000, 1], "y": ["b" * 70_000]}}, "argument-too-long"),
    ],
)
def test_a_call_that_linux_cannot_make_is_refused(command: list[str], split: Any, expected: str | None) -> None:
    task = {"name": "t", "command": command, "split": split}
    spec = parse({"name": "w", "language": 2, "tasks": [task]}, files=())
    found = [(problem.pointer, problem.code) for problem in unfilled(spec, {})]
    assert found == ([("/tasks/0/command", expected)] if expected else [])
