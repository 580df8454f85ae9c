"""Recorded workflows come in with their graph, files and needs, and go out as they came."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from njangi_flows.engine import compile
from njangi_flows.wfformat import workflows as wfformat
from njangi_flows.workflow.problems import InvalidSpecError
from njangi_flows.workflow.spec import Resources, parse

from tests.wfformat_shapes import SHAPES, recorded

SMALL: dict[str, Any] = {
    "name": "small",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {
            "tasks": [
                {"name": "First", "id": "First.1", "parents": [], "children": ["first-1"], "outputFiles": ["a.dat"]},
                {"name": "second", "id": "first-1", "parents": [], "children": [], "inputFiles": ["a.dat", "b.dat"]},
                {"name": "third", "id": "third", "parents": ["First.1", "first-1"], "children": []},
            ],
            "files": [{"id": "a.dat", "sizeInBytes": 1000}, {"id": "b.dat", "sizeInBytes": 24}],
        },
        "execution": {
            "makespanInSeconds": 9,
            "executedAt": "2024-03-01T12:00:00Z",
            "tasks": [
                {"id": "First.1", "runtimeInSeconds": 2.5, "coreCount": 4, "memoryInBytes": 2e9},
                {
                    "id": "first-1",
                    "runtimeInSeconds": 1200,
                    "command": {"program": "bwa", "arguments": ["-a", "b.dat"]},
                },
                {"id": "third", "runtimeInSeconds": 0},
            ],
        },
    },
}


def changed(**places: Any) -> dict[str, Any]:
    """Return SMALL with values put at places, such as tasks__0__id."""
    document = copy.deepcopy(SMALL)
    for place, value in places.items():
        at: Any = document["workflow"]["specification"]
        *path, last = [int(part) if part.isdigit() else part for part in place.split("__")]
        for part in path:
            at = at[part]
        at[last] = value
    return document


def test_edges_files_and_needs_come_in_whichever_end_names_an_edge() -> None:
    spec = parse(wfformat.read(SMALL, scale=0.1), files=[])
    first, second, third = spec.tasks
    assert [task.name for task in spec.tasks] == ["first-1-2", "first-1", "third"]
    assert (second.dependencies, third.dependencies) == (["first-1-2"], ["first-1-2", "first-1"])
    assert first.resources.cpu == 4
    assert [task.command for task in spec.tasks] == [["sleep", "0.25"], ["sleep", "120"], ["sleep", "0"]]
    assert second.timeouts.start_to_close >= 1200


def test_recorded_sizes_limit_no_stand_in_and_leave_a_recorded_program_room() -> None:
    document = copy.deepcopy(SMALL)
    executed = document["workflow"]["execution"]["tasks"]
    for at, memory in enumerate((2e9, 336, 0)):
        executed[at] |= {"memoryInBytes": memory, "command": {"program": "p"}}
    document["workflow"]["specification"]["files"][0]["sizeInBytes"] = 10**9
    defaults = Resources()
    for task in parse(wfformat.read(document), files=[]).tasks:
        assert (task.resources.memory, task.resources.storage) == (defaults.memory, defaults.storage)
    first, second, third = parse(wfformat.read(document, commands=True), files=[]).tasks
    assert (first.resources.memory, second.resources.memory) == (4_000_000_000, defaults.memory)
    assert (first.resources.storage, third.resources.storage) == (2_000_000_000, defaults.storage)


OLD: dict[str, Any] = {
    "name": "old",
    "schemaVersion": "1.2",
    "workflow": {
        "makespan": 3,
        "executedAt": "20200301T120000Z",
        "jobs": [
            {
                "name": "First_ID1",
                "id": "ID1",
                "type": "compute",
                "runtime": 2.5,
                "cores": 2,
                "memory": 1000,
                "command": {"program": "make", "arguments": ["a"]},
                "parents": [],
                "files": [
                    {"name": "in.dat", "size": 2, "link": "input"},
                    {"name": "a.dat", "size": 0.5, "link": "output"},
                ],
            },
            {
                "name": "second_ID2",
                "id": "ID2",
                "type": "compute",
                "runtime": 0.5,
                "parents": ["First_ID1"],
                "files": [{"name": "a.dat", "size": 0.5, "link": "input"}],
            },
        ],
    },
}


def of_version(version: str) -> dict[str, Any]:
    """Return OLD as that schema has it."""
    document = copy.deepcopy(OLD) | {"schemaVersion": version}
    workflow = document["workflow"]
    for job in workflow["jobs"]:
        if version in ("1.0", "1.1"):
            job["arguments"] = job.pop("command", {}).get("arguments", [])
            del job["id"]
        if version == "1.4":
            job["runtimeInSeconds"] = job.pop("runtime")
            job["memoryInBytes"] = 1000 * job.get("memory", 0)
            for file in job["files"]:
                file["sizeInBytes"] = round(1000 * file.pop("size"))
    if version in ("1.3", "1.4"):
        workflow["tasks"] = workflow.pop("jobs")
    return document


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4"])
def test_older_schemas_tell_the_same(version: str) -> None:
    first, second = parse(wfformat.read(of_version(version), scale=2), files=[]).tasks
    assert (first.command, second.command) == (["sleep", "5"], ["sleep", "1"])
    assert (first.dependencies, second.dependencies) == ([], [first.name])
    kept = first.metadata["wfformat"]
    assert isinstance(kept, dict)
    assert (kept["name"], kept["memory"], kept["runtime"]) == ("First_ID1", 1_000_000, 2.5)
    assert (kept["inputs"], kept["outputs"]) == ({"in.dat": 2000}, {"a.dat": 500})
    assert first.resources.cpu == 2
    if version >= "1.2":
        assert kept["command"] == ["make", "a"]


def test_parents_of_older_schemas_may_be_names_or_ids() -> None:
    document = of_version("1.4")
    document["workflow"]["tasks"][1]["parents"] = ["ID1"]
    assert parse(wfformat.read(document), files=[]).tasks[1].dependencies
    for task in document["workflow"]["tasks"]:
        task["name"] = "same"
    assert [len(task.dependencies) for task in parse(wfformat.read(document), files=[]).tasks] == [0, 1]


def test_recorded_programs_run_if_wanted_and_are_missed_where_there_are_none() -> None:
    with pytest.raises(InvalidSpecError) as error:
        wfformat.read(SMALL, commands=True)
    assert [problem.pointer[-6:] for problem in error.value.problems] == ["s/0/id", "s/2/id"]
    document = recorded("blast", 10)
    spec = parse(wfformat.read(document, commands=True), files=[])
    assert spec.tasks[1].command == ["blastall", "--in", "x"]


def test_what_came_in_goes_out_as_it_was() -> None:
    document = recorded("montage", 60)
    spec = parse(wfformat.read(document, scale=0.001), files=[])
    out = wfformat.write(spec, {}, {}, "2024-03-01T12:00:00Z")
    came, goes = document["workflow"], out["workflow"]
    assert goes["specification"]["files"] == sorted(came["specification"]["files"], key=lambda file: file["id"])
    for before, after in zip(came["specification"]["tasks"], goes["specification"]["tasks"], strict=True):
        assert {**before, "children": sorted(before["children"])} == {**after, "children": sorted(after["children"])}
    for before, after in zip(came["execution"]["tasks"], goes["execution"]["tasks"], strict=True):
        assert before | after == before, "nothing recorded changes, and nothing is made up"
    again = parse(wfformat.read(out, scale=0.001), files=[])
    assert again.tasks == spec.tasks


def test_a_workflow_of_ours_goes_out_with_what_its_run_took() -> None:
    tasks = [
        {"name": "a", "command": "echo hi", "files": ["x.txt"]},
        {"name": "b", "sleep": 5, "dependencies": ["a"]},
    ]
    spec = parse({"name": "ours", "tasks": tasks}, files=["x.txt"])
    out = wfformat.write(spec, {"x.txt": 7}, {"a": 1.5}, "2024-03-01T12:00:00Z")
    assert "execution" not in out["workflow"], "b is not known to have taken any time"
    out = wfformat.write(spec, {"x.txt": 7}, {"a": 1.5, "b": 5.0}, "2024-03-01T12:00:00Z")
    assert out["workflow"]["specification"]["files"] == [{"id": "x.txt", "sizeInBytes": 7}]
    assert [item["runtimeInSeconds"] for item in out["workflow"]["execution"]["tasks"]] == [1.5, 5.0]


@pytest.mark.parametrize(
    ("document", "place", "says"),
    [
        pytest.param({**SMALL, "schemaVersion": "0.9"}, "/schemaVersion", "1.5 or 1.6", id="no version"),
        pytest.param({**SMALL, "schemaVersion": "1.4"}, "/workflow/tasks", "", id="another shape than its version"),
        pytest.param(
            {**OLD, "workflow": {"jobs": [{**OLD["workflow"]["jobs"][1]}]}},
            "/workflow/jobs/0/parents/0",
            "'First_ID1'",
            id="no parent in an older version",
        ),
        *(
            pytest.param(
                {**OLD, "workflow": {"jobs": [{**OLD["workflow"]["jobs"][0], field: value}]}},
                f"/workflow/jobs/0/{field}",
                "or less",
                id=f"{field} in an older version",
            )
            for field, value in (("memory", 1e18), ("cores", 5000), ("runtime", 1e300))
        ),
        pytest.param(
            changed(tasks__2__parents=["thrid"]), "/tasks/2/parents/0", "did you mean 'third'", id="no parent"
        ),
        pytest.param(changed(tasks__0__id="third"), "/tasks/2/id", "already the id", id="an id twice"),
        pytest.param(changed(tasks__0__name=5), "/tasks/0/name", "must be text", id="a wrong type"),
        pytest.param(changed(tasks=[]), "/tasks", "at least 1", id="no tasks"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(document: dict[str, Any], place: str, says: str) -> None:
    with pytest.raises(InvalidSpecError) as error:
        wfformat.read(document)
    assert any(place in problem.pointer and says in problem.detail for problem in error.value.problems), str(
        error.value
    )


def test_a_cycle_is_found_by_the_check_of_workflows() -> None:
    with pytest.raises(InvalidSpecError, match="circular"):
        parse(wfformat.read(changed(tasks__0__parents=["third"])), files=[])


@pytest.mark.parametrize("name", SHAPES)
def test_a_thousand_recorded_tasks_come_in_and_compile(name: str) -> None:
    document = recorded(name, 1000, ("1.5", "1.6")[len(name) % 2])
    given = document["workflow"]["specification"]["tasks"]
    assert 900 <= len(given) <= 1000
    spec = parse(wfformat.read(document, scale=0.01), files=[])
    place = {task.name: at for at, task in enumerate(compile.order(spec))}
    assert len(place) == len(given)
    names = {task.metadata["wfformat"]["id"]: task.name for task in spec.tasks}  # type: ignore[index,call-overload]
    for task in given:
        assert {names[parent] for parent in task["parents"]} == set(spec.task(names[task["id"]]).dependencies)
        assert all(place[names[parent]] < place[names[task["id"]]] for parent in task["parents"])
    assert all(compile.plan(task, 1, 10).subtasks == 1 for task in spec.tasks)
