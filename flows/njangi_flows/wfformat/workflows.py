"""Workflows in WfFormat 1.0 to 1.6 (WfCommons), in and out: tasks, who waits for whom, what was recorded of them.

A recorded workflow runs as it is: without its programs each task becomes a stand-in that lasts as long as the task
did, times a factor, and needs nothing else. What has no place in a workflow of ours (files between tasks, the memory
that was used) is kept in the tasks' metadata and comes out again. Plain functions of plain values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from njangi_flows.wfformat import older_versions as wfformat_before
from njangi_flows.workflow.model import LANGUAGE, MAX_TASKS, TaskSpec, WorkflowSpec, is_slug
from njangi_flows.workflow.placeholders.braces import escaped
from njangi_flows.workflow.problems import InvalidSpecError, Problem, nearest, pointer, reworded

VERSIONS = (*wfformat_before.VERSIONS, "1.5", "1.6")
LARGEST_SCALE = 1000.0
KEPT = "wfformat"
"""The name in a task's metadata under which what was recorded of it is kept."""
_LONGEST = 30 * 86400.0
_SLACK = 10
"""A stand-in may take so many times its time before it counts as hung."""
_LEAST_LIMIT = 600.0
_LEAST_MEMORY = 256 * 1024**2
_LEAST_STORAGE = 64 * 1024**2
_ROOM = 2
"""A recorded program may use so many times the memory and storage that it used on its own machine."""

Fields = dict[str, Any]
Place = tuple[str, ...]


class _Part(BaseModel):
    """Part of a document; what later versions add to it is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _whole(value: object) -> object:
    return round(value) if isinstance(value, float) and math.isfinite(value) else value


Bytes = Annotated[int, BeforeValidator(_whole), Field(ge=0, lt=2**63)]
Cores = Annotated[float, Field(ge=0, le=1024)]


class _Task(_Part):
    name: str
    id: Annotated[str, Field(min_length=1, max_length=500)]
    parents: list[str] = Field(default_factory=list)
    children: list[str] = Field(default_factory=list)
    inputs: list[str] = Field(default_factory=list, alias="inputFiles")
    outputs: list[str] = Field(default_factory=list, alias="outputFiles")


class _File(_Part):
    id: str
    size: Bytes = Field(alias="sizeInBytes")


class _Specification(_Part):
    tasks: Annotated[list[_Task], Field(min_length=1)]
    files: list[_File] = Field(default_factory=list)


class _Command(_Part):
    program: str | None = None
    arguments: list[str] = Field(default_factory=list)


class _Executed(_Part):
    id: str
    runtime: float = Field(alias="runtimeInSeconds", ge=0, allow_inf_nan=False)
    command: _Command | None = None
    cores: Cores | None = Field(default=None, alias="coreCount")
    memory: Bytes | None = Field(default=None, alias="memoryInBytes")


class _Execution(_Part):
    tasks: list[_Executed] = Field(default_factory=list)


class _Workflow(_Part):
    specification: _Specification
    execution: _Execution | None = None


class _Document(_Part):
    name: str
    description: str = ""
    workflow: _Workflow


def is_wfformat(document: object) -> bool:
    """Whether a document says that it is in WfFormat, of whatever version."""
    return isinstance(document, dict) and "schemaVersion" in document and isinstance(document.get("workflow"), dict)


def read(document: Mapping[str, Any], *, scale: float = 1.0, commands: bool = False) -> Fields:
    """Return the document of our workflow that a WfFormat document describes, for `spec.parse`.

    With `commands` tasks run the programs that were recorded of them, else stand-ins that last the recorded seconds
    times `scale`. Raises InvalidSpecError, whose pointers lead into the WfFormat document, with everything that is
    wrong; what only a look across the graph tells, such as a cycle, `spec.parse` finds.
    """
    version = document.get("schemaVersion")
    if version not in VERSIONS:
        problem = Problem.of("/schemaVersion", "wfformat-version", known=[*VERSIONS], given=repr(version))
        raise InvalidSpecError([problem])
    place: Place = ("workflow", "specification", "tasks")
    if version in wfformat_before.VERSIONS:
        place = wfformat_before.place_of_tasks(document)
        document = wfformat_before.modern(document)
    try:
        given = _Document.model_validate(document)
    except ValidationError as error:
        raise InvalidSpecError(reworded(error, _Document, most=100)) from None
    tasks = given.workflow.specification.tasks
    executed = {item.id: item for item in (given.workflow.execution.tasks if given.workflow.execution else ())}
    if problems := [*_problems(tasks, place), *_not_recorded(tasks, executed, commands, place)]:
        raise InvalidSpecError(problems)
    names = _names(tasks)
    parents = _parents(tasks)
    sizes = {file.id: file.size for file in given.workflow.specification.files}
    return {
        "name": _title(given.name),
        "language": LANGUAGE,
        "description": given.description[:10_000],
        "tags": [KEPT],
        "tasks": [
            {
                "name": names[task.id],
                "command": _command(executed[task.id], scale, commands),
                **_dependencies([names[parent] for parent in parents[task.id]]),
                "resources": _resources(executed[task.id], [*task.inputs, *task.outputs], sizes, commands),
                "timeouts": {"start_to_close": _limit(executed[task.id].runtime, scale, commands)},
                "metadata": {KEPT: _kept(task, executed[task.id], sizes)},
            }
            for task in tasks
        ],
    }


def _problems(tasks: Sequence[_Task], place: Place) -> Iterator[Problem]:
    if len(tasks) > MAX_TASKS:
        yield Problem.of(pointer(*place), "too-many-tasks", limit=MAX_TASKS, count=len(tasks))
    known: set[str] = set()
    for index, task in enumerate(tasks):
        if task.id in known:
            yield Problem.of(pointer(*place, index, "id"), "id-taken", name=task.id[:100])
        known.add(task.id)
    for index, task in enumerate(tasks):
        for field_, ids in (("parents", task.parents), ("children", task.children)):
            for at, id_ in enumerate(ids):
                if id_ not in known:
                    where, near = pointer(*place, index, field_, at), nearest(id_, known)
                    yield Problem.of(where, "no-such-id", name=id_[:100], known=sorted(known), near=near)


def _not_recorded(
    tasks: Sequence[_Task], executed: Mapping[str, _Executed], commands: bool, place: Place
) -> Iterator[Problem]:
    for index, task in enumerate(tasks):
        found = executed.get(task.id)
        if found is None:
            yield Problem.of(pointer(*place, index, "id"), "not-executed", name=task.id[:100])
        elif commands and (found.command is None or not found.command.program):
            yield Problem.of(pointer(*place, index, "id"), "no-program")


def _names(tasks: Sequence[_Task]) -> dict[str, str]:
    """Return a name of ours for each task's id: the id itself where it can be one, else the nearest that is free."""
    names = {task.id: task.id for task in tasks if is_slug(task.id)}
    taken = set(names.values())
    for task in tasks:
        if task.id in names:
            continue
        stem = re.sub(r"[^a-z0-9_-]+", "-", task.id.lower()).strip("-_")[:56] or "task"
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        names[task.id] = name
    return names


def _parents(tasks: Sequence[_Task]) -> dict[str, list[str]]:
    """Return the parents of each task, whichever end of an edge names the other."""
    parents: dict[str, dict[str, None]] = {task.id: dict.fromkeys(task.parents) for task in tasks}
    for task in tasks:
        for child in task.children:
            parents[child].setdefault(task.id)
    return {id_: list(found) for id_, found in parents.items()}


def _dependencies(names: list[str]) -> Fields:
    return {"dependencies": names} if names else {}


def _command(executed: _Executed, scale: float, commands: bool) -> list[str]:
    if commands and executed.command is not None and executed.command.program:
        return [escaped(text) for text in (executed.command.program, *executed.command.arguments)]
    return ["sleep", f"{executed.runtime * scale:.6f}".rstrip("0").rstrip(".")]


def _limit(runtime: float, scale: float, commands: bool) -> float:
    seconds = runtime * (1.0 if commands else scale)
    return min(_LONGEST, max(_LEAST_LIMIT, math.ceil(seconds * _SLACK)))


def _resources(executed: _Executed, files: Sequence[str], sizes: Mapping[str, int], commands: bool) -> Fields:
    """Return what the task needs here: a program room for what it used there, a stand-in its cores alone."""
    resources: Fields = {}
    if executed.cores:
        resources["cpu"] = executed.cores
    if commands and executed.memory:
        resources["memory"] = max(_LEAST_MEMORY, _ROOM * executed.memory)
    if commands and (stored := sum(sizes.get(name, 0) for name in set(files))):
        resources["storage"] = max(_LEAST_STORAGE, _ROOM * stored)
    return resources


def _kept(task: _Task, executed: _Executed, sizes: Mapping[str, int]) -> Fields:
    kept: Fields = {"id": task.id, "name": task.name, "runtime": executed.runtime}
    if executed.memory is not None:
        kept["memory"] = executed.memory
    for name, files in (("inputs", task.inputs), ("outputs", task.outputs)):
        if files:
            kept[name] = {file: sizes.get(file, 0) for file in files}
    if executed.command is not None and executed.command.program:
        kept["command"] = [executed.command.program, *executed.command.arguments]
    return kept


def _title(name: str) -> str:
    text = "".join(character if character.isprintable() else " " for character in name).strip()
    return text[:100] or "imported"


@dataclass(slots=True)
class _Written:
    """What has been written of a document."""

    tasks: list[Fields] = field(default_factory=list)
    executed: list[Fields] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)


def write(spec: WorkflowSpec, sizes: Mapping[str, int], seconds: Mapping[str, float], executed_at: str) -> Fields:
    """Return a workflow in WfFormat 1.5.

    `sizes` are those of its files, in bytes. `seconds` are what its tasks took in a run that began at `executed_at`
    (ISO 8601); tasks that it leaves out took what was recorded of them when they were imported. Where that is not
    known of every task, nothing is said of an execution, as the format has it.
    """
    ids = {task.name: str(_recorded(task).get("id", task.name)) for task in spec.tasks}
    children: dict[str, list[str]] = {task.name: [] for task in spec.tasks}
    for task in spec.tasks:
        for above in task.dependencies:
            children[above].append(ids[task.name])
    written = _Written()
    for task in spec.tasks:
        _write(written, spec, task, ids, children[task.name], sizes, seconds.get(task.name))
    workflow: Fields = {
        "specification": {
            "tasks": written.tasks,
            "files": [{"id": name, "sizeInBytes": size} for name, size in sorted(written.files.items())],
        }
    }
    if len(written.executed) == len(spec.tasks):
        workflow["execution"] = {
            "makespanInSeconds": sum(item["runtimeInSeconds"] for item in written.executed),
            "executedAt": executed_at,
            "tasks": written.executed,
        }
    return {
        "name": spec.name,
        "description": spec.description or spec.name,
        "schemaVersion": "1.5",
        "workflow": workflow,
    }


def _write(
    written: _Written,
    spec: WorkflowSpec,
    task: TaskSpec,
    ids: Mapping[str, str],
    children: list[str],
    sizes: Mapping[str, int],
    took: float | None,
) -> None:
    recorded = _recorded(task)
    inputs = {name: sizes.get(name, 0) for name in dict.fromkeys(spec.file(name) for name in task.files)}
    inputs = recorded.get("inputs") or inputs
    outputs = recorded.get("outputs") or {}
    written.files |= inputs | outputs
    written.tasks.append(
        {
            "name": recorded.get("name", task.name),
            "id": ids[task.name],
            "parents": [ids[name] for name in task.dependencies],
            "children": children,
            "inputFiles": list(inputs),
            "outputFiles": list(outputs),
        }
    )
    runtime = took if took is not None else recorded.get("runtime")
    if runtime is None:
        return
    executed: Fields = {"id": ids[task.name], "runtimeInSeconds": runtime}
    if command := recorded.get("command") or task.command:
        arguments = [argument for argument in command[1:] if argument]
        executed["command"] = {"program": command[0], "arguments": arguments}
    if task.on_volunteers:
        executed["coreCount"] = max(1.0, task.resources.cpu)
        if memory := recorded.get("memory") if recorded else task.resources.memory:
            executed["memoryInBytes"] = memory
    written.executed.append(executed)


def _recorded(task: TaskSpec) -> Mapping[str, Any]:
    kept = task.metadata.get(KEPT)
    return kept if isinstance(kept, dict) else {}
