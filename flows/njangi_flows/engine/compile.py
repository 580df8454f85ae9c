"""Compile a run's spec into a plan: the order of tasks, their splits and their definitions.

Plain functions of plain values. A second start of a run passes the plan that the first one left behind and gets
the same subtasks under the same indexes.
"""

from __future__ import annotations

import graphlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from njangi_agent.dialect import CARRIED_DEPTH, check
from pydantic import JsonValue, TypeAdapter

from njangi_flows.protocol import FileRef
from njangi_flows.workflow import split
from njangi_flows.workflow.placeholders import parsing as placeholders
from njangi_flows.workflow.placeholders.filling import Calls
from njangi_flows.workflow.spec import TaskSpec, WorkflowSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """How a task falls into subtasks and batches; the service keeps it as JSON for a second start."""

    items_per_subtask: int
    subtasks: int
    batch_size: int

    @property
    def batches(self) -> int:
        return math.ceil(self.subtasks / self.batch_size)

    def indexes(self, batch: int) -> range:
        """Return the indexes of a batch's subtasks."""
        return range(batch * self.batch_size, min((batch + 1) * self.batch_size, self.subtasks))

    def to_json(self) -> JsonValue:
        return asdict(self)

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        return TypeAdapter(cls).validate_python(value)


def order(spec: WorkflowSpec) -> list[TaskSpec]:
    """Return the tasks, each after those it depends on, without the one that cleans up after a cancellation."""
    graph = {task.name: task.dependencies for task in spec.tasks if task.name != spec.cleanup}
    return [spec.task(name) for name in graphlib.TopologicalSorter(graph).static_order()]


def plan(task: TaskSpec, items: int, slots: int) -> Plan:
    """Return how a task over `items` items is split when volunteers can run `slots` subtasks at once."""
    if task.split is None:
        return Plan(items_per_subtask=1, subtasks=1, batch_size=1)
    size = split.size_of_chunks(task.split, items, slots)
    subtasks = math.ceil(items / size)
    return Plan(items_per_subtask=size, subtasks=subtasks, batch_size=split.batch_sizes(subtasks))


def batch_parameters(
    task: TaskSpec, plan: Plan, items: Sequence[JsonValue], calls: Calls
) -> Iterator[list[dict[str, JsonValue]]]:
    """Yield each batch's parameters, one object per subtask, making them only as they are asked for."""
    for batch in range(plan.batches):
        indexes = plan.indexes(batch)
        part = items[indexes.start * plan.items_per_subtask : indexes.stop * plan.items_per_subtask]
        yield list(split.subtask_parameters(task, split.chunk(part, plan.items_per_subtask), calls))


def definition(
    spec: WorkflowSpec,
    task: TaskSpec,
    calls: Calls,
    files: Mapping[str, FileRef],
    results: Mapping[str, FileRef],
    source: str | None,
) -> dict[str, Any]:
    """Return the TaskDefinition (without its task_id) of a task.

    `files` are the workflow's, `results` those of what upstream tasks came to that a command reads,
    `source` is the text of a Python task.
    """
    refs = {
        **{name: files[name] for name in placeholders.files(spec, task)},
        **{placeholders.upstream_file(name): ref for name, ref in results.items()},
    }
    return {
        "name": task.name,
        "command": calls.command,
        "source": source,
        "function": task.python.function if task.python else None,
        "isolate": task.python is not None and task.python.isolate,
        "files": [{"name": name, "sha256": ref.sha256, "size": ref.size} for name, ref in refs.items()],
        "paths": dict(calls.paths),
        "parse": task.parse,
        "cpu": task.resources.cpu,
        "memory": task.resources.memory,
        "storage": task.resources.storage,
        "start_to_close": task.timeouts.start_to_close,
        "heartbeat": task.timeouts.heartbeat,
        "schedule_to_start": task.timeouts.schedule_to_start,
        "schedule_to_close": task.timeouts.schedule_to_close,
    }


def node_name(task: str, plan: Plan, batch: int) -> str:
    """Return what the Prefect task run of a batch is called: `{task}` or `{task} [first..last]`."""
    if plan.batches == 1:
        return task
    indexes = plan.indexes(batch)
    last = indexes.stop - 1
    return f"{task} [{indexes.start}]" if indexes.start == last else f"{task} [{indexes.start}..{last}]"


def compact(value: JsonValue) -> bytes:
    """Return a value as JSON text in UTF-8 without spaces. Raises NotCarriedError for what would not arrive equal."""
    check(value, depth=CARRIED_DEPTH)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
