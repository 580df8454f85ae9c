"""WfFormat 1.0 to 1.4 (at first of WorkflowHub), turned into the shape of 1.5.

There a task holds its files, runtime and command itself, is known by its name, and stands in `workflow.jobs` or, from
1.3 on, in `workflow.tasks`. Until 1.4 sizes are in kilobytes. Plain functions of plain values.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from njangi_flows.workflow.problems import InvalidSpecError, reworded

VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")
_OF_TASKS, _IN_BYTES = "1.3", "1.4"
_KILOBYTE = 1000

Fields = dict[str, Any]
_Size = Annotated[float, Field(ge=0, le=2**53)]
_Cores = Annotated[float, Field(ge=0, le=1024)]


class _Part(BaseModel):
    """Part of a document; what is not used of it is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Command(_Part):
    program: str | None = None
    arguments: list[str] = Field(default_factory=list)


class _File(_Part):
    name: str
    link: str
    size: _Size | None = None
    size_in_bytes: _Size | None = Field(default=None, alias="sizeInBytes")


class _Task(_Part):
    name: Annotated[str, Field(min_length=1, max_length=500)]
    id: str | None = None
    parents: list[str] = Field(default_factory=list)
    children: list[str] = Field(default_factory=list)
    files: list[_File] = Field(default_factory=list)
    runtime: _Size | None = Field(default=None, validation_alias=AliasChoices("runtimeInSeconds", "runtime"))
    cores: _Cores | None = None
    memory: _Size | None = None
    memory_in_bytes: _Size | None = Field(default=None, alias="memoryInBytes")
    command: _Command | None = None


class _Jobs(_Part):
    jobs: Annotated[list[_Task], Field(min_length=1)]


class _Tasks(_Part):
    tasks: Annotated[list[_Task], Field(min_length=1)]


class _OfJobs(_Part):
    workflow: _Jobs


class _OfTasks(_Part):
    workflow: _Tasks


def place_of_tasks(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return the path to the document's tasks."""
    workflow = document.get("workflow")
    found = [name for name in ("jobs", "tasks") if isinstance(workflow, dict) and name in workflow]
    return "workflow", found[0] if found else "jobs" if document["schemaVersion"] < _OF_TASKS else "tasks"


def modern(document: Mapping[str, Any]) -> Fields:
    """Return the document in the shape of 1.5, its tasks in the same order.

    Raises InvalidSpecError, whose pointers lead into the document as it was given.
    """
    model = _OfJobs if place_of_tasks(document)[1] == "jobs" else _OfTasks
    try:
        workflow = model.model_validate(document).workflow
    except ValidationError as error:
        raise InvalidSpecError(reworded(error, model, most=100)) from None
    tasks = workflow.jobs if isinstance(workflow, _Jobs) else workflow.tasks
    unit = 1 if document["schemaVersion"] == _IN_BYTES else _KILOBYTE
    ids = _ids(tasks)
    known = list(zip(tasks, ids, strict=True))
    named = {task.id: id_ for task, id_ in known if task.id}
    named |= {task.name: id_ for task, id_ in known} | {id_: id_ for id_ in ids}
    return {
        **document,
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [_specified(task, id_, named) for task, id_ in known],
                "files": [{"id": name, "sizeInBytes": size} for name, size in _sizes(tasks, unit).items()],
            },
            "execution": {"tasks": [_executed(task, id_, unit) for task, id_ in known if task.runtime is not None]},
        },
    }


def _ids(tasks: list[_Task]) -> list[str]:
    """Return what the tasks are known by: their names, or their ids where names come twice and ids do not."""
    names, ids = [task.name for task in tasks], [task.id or "" for task in tasks]
    return ids if len({*names}) < len(tasks) and len({*ids} - {""}) == len(tasks) else names


def _specified(task: _Task, id_: str, named: Mapping[str, str]) -> Fields:
    return {
        "name": task.name,
        "id": id_,
        "parents": [named.get(name, name) for name in task.parents],
        "children": [named.get(name, name) for name in task.children],
        "inputFiles": list(dict.fromkeys(file.name for file in task.files if file.link.lower() == "input")),
        "outputFiles": list(dict.fromkeys(file.name for file in task.files if file.link.lower() != "input")),
    }


def _sizes(tasks: list[_Task], unit: int) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for task in tasks:
        for file in task.files:
            size = file.size_in_bytes if file.size_in_bytes is not None else (file.size or 0.0) * unit
            sizes[file.name] = max(sizes[file.name], math.ceil(size))
    return dict(sizes)


def _executed(task: _Task, id_: str, unit: int) -> Fields:
    executed: Fields = {"id": id_, "runtimeInSeconds": task.runtime}
    memory = task.memory_in_bytes if task.memory_in_bytes is not None else task.memory and task.memory * unit
    if memory:
        executed["memoryInBytes"] = math.ceil(memory)
    if task.cores:
        executed["coreCount"] = task.cores
    if task.command is not None:
        executed["command"] = task.command.model_dump()
    return executed
