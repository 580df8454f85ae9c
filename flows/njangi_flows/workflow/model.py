"""The workflow as a submitter writes it: which fields there are, what they may hold, what they default to.

Each model decides what one object alone can tell; what needs a look across tasks and files is `checks`.
A model written out with `model_dump(mode="json")` reads back as the same model.
"""

from __future__ import annotations

import math
import re
import shlex
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from njangi_flows.workflow.kinds import KINDS, OnParentCancel, Span, WaitSpec, has_field
from njangi_flows.workflow.problems import nearest, wrong, wrong_around
from njangi_flows.workflow.quantities import Duration, Size, Tolerance, ToleratedFailure

LANGUAGE = 2
"""The number of the language that workflows are written in today; `placeholders` says what 1 meant."""
MAX_TASKS = 1000
MAX_ITEMS = 1_000_000
DAY = 86400.0
LONGEST_DEADLINE = 366 * DAY
_MEBIBYTE = 1024 * 1024
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FILE_PART = re.compile(r"[^/\\\x00-\x1f\x7f]+")


def is_slug(name: object) -> bool:
    return isinstance(name, str) and len(name) <= 64 and _SLUG.fullmatch(name) is not None


def _slug(name: str) -> str:
    if not is_slug(name):
        raise wrong("slug")
    return name


def _parameter(name: str) -> str:
    if len(name) > 64 or not _PARAMETER.fullmatch(name):
        raise wrong("parameter-name")
    return name


def _file(name: str) -> str:
    parts = name.split("/")
    if len(name) > 200 or any(part in ("", ".", "..") or not _FILE_PART.fullmatch(part) for part in parts):
        raise wrong("file-name")
    return name


def _title(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise wrong("title")
    return text


def _unique(names: list[str]) -> list[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise wrong("given-twice", name=name)
        seen.add(name)
    return names


def _argument_vector(command: object) -> object:
    """Split a command given as one text as a shell would; no shell ever sees it."""
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise wrong("not-splittable", why=str(error).lower()) from None
    if not isinstance(command, list):
        raise wrong("command")
    return command


def _argument(text: str) -> str:
    if "\0" in text:
        raise wrong("argument-nul")
    return text


Slug = Annotated[str, AfterValidator(_slug)]
Parameter = Annotated[str, AfterValidator(_parameter)]
FileName = Annotated[str, AfterValidator(_file)]
Limit = Annotated[Duration, Field(gt=0, le=365 * DAY)]
Title = Annotated[str, Field(max_length=100), AfterValidator(_title)]
Tag = Annotated[str, Field(max_length=64), AfterValidator(_title)]
Tags = Annotated[list[Tag], Field(max_length=50)]
Priority = Annotated[int, Field(ge=0, le=100)]
Command = Annotated[
    list[Annotated[str, AfterValidator(_argument)]],
    BeforeValidator(_argument_vector),
    Field(min_length=1, max_length=10_000),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, serialize_by_alias=True)


class PythonSpec(_Model):
    """A function to call: from a file that accompanies the workflow, or from source written in place.

    Calls that one machine runs in a row share the module's globals and what imported modules keep, unless they are
    told to `isolate`: then each has a process of its own.
    """

    function: str
    file: FileName | None = None
    source: str | None = Field(default=None, max_length=256 * 1024)
    isolate: bool = False

    @field_validator("function")
    @classmethod
    def _is_a_name(cls, function: str) -> str:
        if len(function) > 200 or not function.isidentifier():
            raise wrong("function-name")
        return function

    @field_validator("source")
    @classmethod
    def _is_one_source(cls, source: str | None, info: ValidationInfo) -> str | None:
        if source is not None and info.data.get("file") is not None:
            raise wrong_around("two-sources")
        return source

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.file is None and self.source is None:
            raise wrong("no-source")
        return self


LEAST_MEMORY = 32 * _MEBIBYTE
LEAST_STORAGE = _MEBIBYTE
"""Agents hold no subtask to less: a program needs as much to start."""


class Resources(_Model):
    """What one subtask needs while it runs: cores, and bytes of memory and of storage."""

    cpu: float = Field(default=1.0, gt=0, le=1024, allow_inf_nan=False)
    memory: Size = Field(default=256 * _MEBIBYTE, gt=0, lt=2**50)
    storage: Size = Field(default=64 * _MEBIBYTE, ge=0, lt=2**50)


def _start_to_close(given: dict[str, Any]) -> float:
    """Return what one attempt may take where nothing is said: ten minutes, but no longer than the whole."""
    return min(600.0, given.get("schedule_to_close") or math.inf)


class Timeouts(_Model):
    """Seconds, with Temporal's meaning.

    `schedule_to_start` limits how long a subtask may wait for an attempt, `start_to_close` one attempt,
    `schedule_to_close` all from first queueing to the end, attempts and retries included, and `heartbeat`
    how long an agent may be silent.
    """

    schedule_to_close: Limit | None = None
    schedule_to_start: Limit | None = None
    start_to_close: Duration = Field(default_factory=_start_to_close, gt=0, le=30 * DAY)
    heartbeat: Duration = Field(default=30.0, ge=1, le=DAY)

    @field_validator("schedule_to_start", "start_to_close")
    @classmethod
    def _fits_into_the_whole(cls, limit: float | None, info: ValidationInfo) -> float | None:
        whole = info.data.get("schedule_to_close")
        if limit is not None and whole is not None and limit > whole:
            raise wrong("longer-than-whole", limit=whole)
        return limit


class Retry(_Model):
    """What follows a task's own error; the words and defaults are Temporal's. Intervals in seconds."""

    maximum_attempts: int = Field(default=3, ge=1, le=100)
    initial_interval: Duration = Field(default=1.0, ge=0, le=DAY)
    backoff_coefficient: float = Field(default=2.0, ge=1, le=100)
    maximum_interval: Duration = Field(default=60.0, ge=0, le=DAY)
    non_retryable: list[Title] = Field(default_factory=list, max_length=100)

    def interval(self, attempt: int) -> float:
        """Return the seconds to wait after attempt number `attempt` (1, 2, ...) failed."""
        try:
            interval = self.initial_interval * self.backoff_coefficient ** (attempt - 1)
        except OverflowError:
            return self.maximum_interval
        return min(interval, self.maximum_interval)


class RangeSpec(_Model):
    """Whole numbers from `start` up to but not including `stop`, `step` apart, as in Python."""

    start: int = 0
    stop: int
    step: int = 1

    @model_validator(mode="after")
    def _is_neither_empty_nor_endless(self) -> Self:
        if self.step == 0:
            raise wrong("step-zero")
        count = len(range(self.start, self.stop, self.step))
        if not 1 <= count <= MAX_ITEMS:
            raise wrong("range-size", limit=MAX_ITEMS, count=count)
        return self


def _range(value: object) -> object:
    return {"stop": value} if type(value) is int else value


def _per_subtask(value: object) -> object:
    if value is None or value == "auto" or (type(value) is int and 1 <= value <= MAX_ITEMS):
        return value
    raise wrong("items-per-subtask")


def _files(value: object) -> object:
    if value is None or (isinstance(value, str) and 0 < len(value) <= 200):
        return value
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        return _unique([_file(name) for name in value])
    raise wrong("split-files")


SPLIT_KINDS = ("range", "items", "grid", "lines", "files")


class SplitSpec(_Model):
    """What a task is split over (exactly one of the first five), and how much of it one subtask gets.

    Without `items_per_subtask` each subtask gets one item, and its parameter is that item. With a number
    or "auto" the parameter is a list of items, even where that is a list of one.
    """

    range: Annotated[RangeSpec | None, BeforeValidator(_range)] = None
    items: list[JsonValue] | None = Field(default=None, min_length=1, max_length=MAX_ITEMS)
    grid: dict[Parameter, Annotated[list[JsonValue], Field(min_length=1)]] | None = Field(default=None, min_length=1)
    lines: str | None = Field(default=None, max_length=200)
    files: Annotated[list[str] | str | None, BeforeValidator(_files)] = None
    items_per_subtask: Annotated[int | Literal["auto"] | None, BeforeValidator(_per_subtask)] = None
    as_: Parameter = Field(default="part", alias="as")

    @field_validator("grid")
    @classmethod
    def _is_no_endless_grid(cls, grid: dict[str, list[JsonValue]] | None) -> dict[str, list[JsonValue]] | None:
        cells = math.prod(len(axis) for axis in (grid or {}).values())
        if cells > MAX_ITEMS:
            raise wrong("grid-size", limit=MAX_ITEMS, count=cells)
        return grid

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        given = [kind for kind in SPLIT_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise wrong("not-one-of", known=[*SPLIT_KINDS], given=given)
        return self

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that the split gives to each subtask."""
        if self.grid is not None and self.items_per_subtask is None:
            return list(self.grid)
        return [self.as_]


AggregateKind = Literal["list", "concat", "lines", "sum", "count", "table"]
_AGGREGATES = ("list", "concat", "sum", "count", "table")


class AggregateSpec(_Model):
    """How the results of a task's subtasks become the task's result; `aggregate` says what each kind does.

    Written as a word ("sum"), or where there is more to say as {concat: lines} or {table: {columns: [...]}}.
    """

    kind: AggregateKind = "list"
    columns: list[str] | None = None

    @model_serializer
    def _written(self) -> JsonValue:
        if self.kind == "lines":
            return {"concat": "lines"}
        if self.columns is not None:
            return {"table": {"columns": [*self.columns]}}
        return self.kind


def _aggregate(value: object) -> object:
    if isinstance(value, AggregateSpec):
        return value
    match value:
        case {"concat": "lines", **others} if not others:
            return {"kind": "lines"}
        case {"table": {"columns": columns, **others}, **more} if not others and not more:
            if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns) or not columns:
                raise wrong("table-columns")
            return {"kind": "table", "columns": _unique(columns)}
        case str() if value in _AGGREGATES:
            return {"kind": value}
    near = nearest(value, _AGGREGATES) if isinstance(value, str) else ""
    raise wrong("aggregate", known=[*_AGGREGATES], near=near)


class TaskSpec(_Model):
    """A node of the workflow: one command or Python function, once or once for every part of a split.

    Or what needs no volunteer: a wait for a signal, a sleep of so many seconds, a run of another workflow.
    """

    name: Slug
    command: Command | None = None
    python: PythonSpec | None = None
    wait: WaitSpec | None = None
    sleep: Span | None = None
    workflow: Annotated[Title | None, Field(validate_default=True)] = None
    on_parent_cancel: OnParentCancel = "cancel"
    parameters: dict[Parameter, JsonValue] = Field(default_factory=dict)
    files: Annotated[list[FileName], AfterValidator(_unique)] = Field(default_factory=list, max_length=1000)
    dependencies: Annotated[list[str], AfterValidator(_unique)] = Field(default_factory=list, max_length=MAX_TASKS)
    resources: Resources = Field(default_factory=Resources)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    retry: Retry = Field(default_factory=Retry)
    split: SplitSpec | None = None
    aggregate: Annotated[AggregateSpec | None, Field(validate_default=True)] = None
    parse: Literal["text", "json", "lines", "csv", "bytes"] = "text"
    tolerated_failure: ToleratedFailure = Tolerance()
    priority: Priority = 50
    tags: Tags = Field(default_factory=list)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("workflow")
    @classmethod
    def _is_of_one_kind(cls, workflow: str | None, info: ValidationInfo) -> str | None:
        known = {**info.data, "workflow": workflow}
        given = [kind for kind in KINDS if known.get(kind) is not None]
        if len(given) > 1 or (not given and known.keys() >= set(KINDS)):
            raise wrong_around("not-one-of", known=[*KINDS], given=given)
        return workflow

    @field_validator("aggregate", mode="wrap")
    @classmethod
    def _gathers_a_split(
        cls, value: object, read: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> AggregateSpec | None:
        aggregate: AggregateSpec | None = None if value is None else read(_aggregate(value))
        if "split" in info.data and info.data["split"] is None and aggregate is not None:
            raise wrong("nothing-to-aggregate")
        if info.data.get("split") is not None and aggregate is None:
            return AggregateSpec()
        return aggregate

    @field_validator("parse")
    @classmethod
    def _reads_a_command(cls, parse: str, info: ValidationInfo) -> str:
        if parse != "text" and info.data.get("python") is not None:
            raise wrong("nothing-to-parse")
        aggregate = info.data.get("aggregate")
        if parse == "bytes" and aggregate is not None and aggregate.kind not in ("list", "concat"):
            raise wrong("bytes-aggregate")
        return parse

    @property
    def has_bytes(self) -> bool:
        """Whether its result is bytes; otherwise it is JSON, a list of where bytes are included."""
        return self.parse == "bytes" and (self.aggregate is None or self.aggregate.kind == "concat")

    @model_serializer(mode="wrap")
    def _without_what_means_nothing(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if has_field(self.kind, name)}

    @property
    def kind(self) -> str:
        """Which of KINDS the task is."""
        return next((kind for kind in KINDS if getattr(self, kind) is not None), "command")

    @property
    def on_volunteers(self) -> bool:
        """Whether volunteers run the task."""
        return self.kind in ("command", "python")


class WorkflowSpec(_Model):
    """A named graph of tasks with the files and parameters they use.

    `language` is the number of the language that it is written in; a stored one that names none is of language 1.
    """

    name: Title
    language: int = 1
    description: str = Field(default="", max_length=10_000)
    priority: Priority = 50
    tags: Tags = Field(default_factory=list)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    inputs: dict[Parameter, FileName] = Field(default_factory=dict, max_length=1000)
    files: Annotated[list[FileName], AfterValidator(_unique)] = Field(default_factory=list, max_length=10_000)
    parameters: dict[Parameter, JsonValue] = Field(default_factory=dict, max_length=1000)
    deadline: Duration | None = Field(default=None, gt=0, le=LONGEST_DEADLINE)
    cleanup: str | None = None
    tolerated_failure: ToleratedFailure = Tolerance()
    tasks: list[TaskSpec] = Field(min_length=1, max_length=MAX_TASKS)

    @field_validator("language")
    @classmethod
    def _is_known(cls, language: int) -> int:
        if not 1 <= language <= LANGUAGE:
            raise wrong("language", limit=LANGUAGE, given=str(language))
        return language

    @field_validator("tasks")
    @classmethod
    def _inherit(cls, tasks: list[TaskSpec], info: ValidationInfo) -> list[TaskSpec]:
        """Give each task the workflow's priority and tolerance where it names none of its own."""
        common = {name: info.data[name] for name in ("priority", "tolerated_failure") if name in info.data}
        return [
            task.model_copy(update={name: value for name, value in common.items() if name not in task.model_fields_set})
            if task.on_volunteers
            else task
            for task in tasks
        ]

    def task(self, name: str) -> TaskSpec:
        """Return the task of that name. Raises KeyError if there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def file(self, name: str) -> str:
        """Return the file that `name` stands for: an input's file, or the file of that very name."""
        return self.inputs.get(name, name)

    def data_files(self) -> list[str]:
        """Return the files that `split: {files: pattern}` picks from: `files` and those of `inputs`, sorted."""
        return sorted({*self.files, *self.inputs.values()})
