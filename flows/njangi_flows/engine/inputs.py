"""Collect a task's inputs: the files of the workflow, and the results of earlier tasks.

Small results travel as JSON text, large ones as blobs named by their SHA-256; here both become what a
task needs, a value or a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from njangi_agent.texts import lines_of, text_of
from pydantic import JsonValue

from njangi_flows.engine.compile import compact
from njangi_flows.engine.flow_client import INLINE_BYTES, FlowService
from njangi_flows.engine.run_lease import HeldRun
from njangi_flows.protocol import FileRef, SubtaskInput
from njangi_flows.workflow import split
from njangi_flows.workflow.placeholders import parsing as placeholders
from njangi_flows.workflow.placeholders.filling import Calls, calls_of, filled_split, values_of
from njangi_flows.workflow.spec import TaskSpec, WorkflowSpec


@dataclass(frozen=True, slots=True)
class ResultRef:
    """Where a result is: in `text` as JSON, or in the blob called `blob`, as JSON or, if it is `raw`, as bytes."""

    text: str | None = None
    blob: str | None = None
    raw: bool = False


@dataclass(frozen=True, slots=True)
class TaskInputs:
    """What a task needs before it can be split."""

    calls: Calls
    items: Any  # a sequence of JSON values; empty without a split
    source: str | None
    results: Mapping[str, FileRef]


async def gather_inputs(
    held: HeldRun, spec: WorkflowSpec, task: TaskSpec, given: Mapping[str, JsonValue], results: Mapping[str, ResultRef]
) -> TaskInputs:
    """Return a task's inputs; `given` are the run's parameters, `results` those of the tasks it depends on.

    Raises NotFilledError.
    """
    service = held.service
    values: dict[str, JsonValue] = {}
    files = {
        name: await _result_file(service, await _upstream(held, name, results))
        for name in placeholders.upstream_paths(spec, task)
    }
    for name in placeholders.upstream_values(spec, task):
        ref = await _upstream(held, name, results)
        if ref.raw:  # bytes are no value: a file holds them, and its path stands for them
            values[name] = placeholders.upstream_file(name)
            files[name] = await _result_file(service, ref)
        else:
            values[name] = await result_value(service, ref)
    return TaskInputs(
        calls=calls_of(spec, task, given, values),
        items=await _items(held, spec, task, values_of(spec, given, values)),
        source=await _source(held, task),
        results=files,
    )


async def _upstream(held: HeldRun, name: str, results: Mapping[str, ResultRef]) -> ResultRef:
    """Return where that is what a name of an upstream task stands for."""
    task = placeholders.upstream(name) or ""
    if name.endswith(placeholders.FAILED):
        return ResultRef(text=compact(list(await held.service.failed_parts(held.lease, task))).decode())
    return results[task]


async def result_value(service: FlowService, ref: ResultRef) -> JsonValue:
    """Return a result as a value."""
    return cast(JsonValue, json.loads(await result_text(service, ref)))


async def result_text(service: FlowService, ref: ResultRef) -> str:
    """Return a result as JSON text."""
    return (ref.text if ref.blob is None else (await service.get_blob(ref.blob)).decode()) or "null"


async def stored_result(service: FlowService, value: JsonValue) -> ResultRef:
    """Return where `value` is kept: inline, or as a blob that is stored by this call."""
    content = compact(value)
    if len(content) <= INLINE_BYTES:
        return ResultRef(text=content.decode())
    return ResultRef(blob=(await service.put_blob(content)).sha256)


async def subtask_input(
    service: FlowService, index: int, parameters: dict[str, JsonValue], most_bytes: int = INLINE_BYTES
) -> tuple[SubtaskInput, int]:
    """Return a subtask to queue and the bytes it takes in a request; large parameters are stored as a blob."""
    content = compact(parameters)
    if len(content) <= most_bytes:
        return SubtaskInput(index, parameters), len(content)
    ref = await service.put_blob(content)
    return SubtaskInput(index, parameters_blob=ref.sha256), len(ref.sha256)


async def _result_file(service: FlowService, ref: ResultRef) -> FileRef:
    if ref.blob is None:
        return await service.put_blob((ref.text or "null").encode())
    return FileRef(sha256=ref.blob, size=await service.blob_size(ref.blob))


async def _items(held: HeldRun, spec: WorkflowSpec, task: TaskSpec, values: Mapping[str, JsonValue]) -> Any:
    if task.split is None:
        return []
    lines: dict[str, list[str]] = {}
    if task.split.lines is not None:
        lines[task.split.lines] = lines_of(await _content(held, spec.file(task.split.lines)))
    filled = filled_split(task.split, values, spec.language)
    return split.items(filled, lines.__getitem__, placeholders.split_files(spec, task))


async def _source(held: HeldRun, task: TaskSpec) -> str | None:
    if task.python is None:
        return None
    if task.python.file is not None:
        return text_of(await _content(held, task.python.file))
    return task.python.source


async def _content(held: HeldRun, file: str) -> bytes:
    return await held.service.get_blob(held.run.files[file].sha256)
