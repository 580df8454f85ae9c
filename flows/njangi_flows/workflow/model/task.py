"""The task of a workflow: what it runs or waits for, over which parts, within which limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
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
from njangi_flows.workflow.model.limits import Resources, Retry, Timeouts
from njangi_flows.workflow.model.names import (
    UNIQUE,
    Command,
    FileName,
    FunctionName,
    Model,
    Parameter,
    Priority,
    Slug,
    Tags,
    Title,
    unique,
)
from njangi_flows.workflow.model.splits import AggregateSpec, SplitSpec, read_aggregate
from njangi_flows.workflow.problems import wrong, wrong_around
from njangi_flows.workflow.quantities import Tolerance, ToleratedFailure
from njangi_flows.workflow.written_forms import Schema, one_of

MAX_TASKS = 1000


def _inherited(schema: Schema) -> None:
    """Tell no default of a field that has the workflow's value where it is left out."""
    del schema["default"]


class PythonSpec(Model):
    """A Python function to call, from a file or from source in place: exactly one of `file` and `source`."""

    model_config = ConfigDict(json_schema_extra=one_of("file", "source"))

    function: FunctionName = Field(
        description="The name of the function. Its arguments are the parameters of the subtask, by name.",
        examples=["simulate"],
    )
    file: FileName | None = Field(
        default=None,
        description="The Python file with the function. It accompanies the workflow.",
        examples=["model.py"],
    )
    source: str | None = Field(
        default=None,
        max_length=256 * 1024,
        description="The source text of the function, instead of a file. Braces in it belong to Python.",
        examples=["def double(part):\n    return 2 * part\n"],
    )
    isolate: bool = Field(
        default=False,
        description=(
            "Whether each call runs in a process of its own. Otherwise the calls that one machine runs in a row share "
            "the state of modules: globals, caches, settings of libraries."
        ),
        examples=[True],
    )

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


class TaskSpec(Model):
    """A task of the workflow: exactly one of `command`, `python`, `wait`, `sleep` and `workflow`.

    Volunteers run tasks with `command` or `python`, once or once for each part of a split. The others give volunteers
    nothing to run.
    """

    model_config = ConfigDict(json_schema_extra=one_of(*KINDS))

    name: Slug = Field(
        description="The name of the task. Each task of a workflow has a different name.",
        examples=["factor"],
    )
    command: Command | None = Field(
        default=None,
        description=(
            "The program to run, with its arguments: a list, or one text, which Njangi splits as a shell does. No "
            "shell runs it. Njangi fills placeholders such as `{part}`. The result is the standard output, read as "
            "`parse` says."
        ),
        examples=["python3 factor.py {part}", ["sh", "-c", 'seq "$1" | wc -l', "sh", "{part}"]],
    )
    python: PythonSpec | None = Field(
        default=None,
        description="The Python function to call. The result is its return value, which must be a JSON value.",
        examples=[{"file": "model.py", "function": "simulate"}],
    )
    wait: WaitSpec | None = Field(
        default=None,
        description="The signal to wait for, from a person or from a program. The result is the payload of the signal.",
        examples=[{"signal": "approved", "timeout": "2h"}],
    )
    sleep: Span | None = Field(
        default=None,
        description="How long the task sleeps. The result is null.",
        examples=["8h"],
    )
    workflow: Annotated[Title | None, Field(validate_default=True)] = Field(
        default=None,
        description=(
            "The name of a workflow to run. If the owner has several workflows with this name, the newest one runs. "
            "The result is an object with the small results of its tasks."
        ),
        examples=["publishing"],
    )
    on_parent_cancel: OnParentCancel = Field(
        default="cancel",
        description=(
            "What happens to the run that the task started when the task's own run is cancelled or ends: `cancel` "
            "cancels it, `abandon` lets it continue."
        ),
        examples=["abandon"],
    )
    parameters: dict[Parameter, JsonValue] = Field(
        default_factory=dict,
        description=(
            "Values for the placeholders of the command, for the arguments of the function, or for the parameters of "
            "the workflow to run. They can hold placeholders."
        ),
        examples=[{"bound": 1000, "primes": [2, 3, 5]}],
    )
    files: Annotated[list[FileName], AfterValidator(unique)] = Field(
        default_factory=list,
        max_length=1000,
        description="Files that each subtask finds in its folder under these names. They accompany the workflow.",
        examples=[["factor.py", "data/primes.txt"]],
        json_schema_extra=UNIQUE,
    )
    dependencies: Annotated[list[str], AfterValidator(unique)] = Field(
        default_factory=list,
        max_length=MAX_TASKS,
        description=(
            "The tasks that must complete before this task starts. `{NAME.result}` stands for the result of the task "
            "NAME."
        ),
        examples=[["prepare", "approval"]],
        json_schema_extra=UNIQUE,
    )
    resources: Resources = Field(
        default_factory=Resources,
        description="What one subtask needs: cores, memory, storage.",
        examples=[{"cpu": 2, "memory": "1GiB", "storage": "500MB"}],
    )
    timeouts: Timeouts = Field(
        default_factory=Timeouts,
        description="How long a subtask may wait, how long it may run, and how long its machine may be silent.",
        examples=[{"start_to_close": "30m", "schedule_to_close": "6h"}],
    )
    retry: Retry = Field(
        default_factory=Retry,
        description="How many attempts a subtask gets when it fails, and how long Njangi waits between them.",
        examples=[{"maximum_attempts": 5, "initial_interval": "10s"}],
    )
    split: SplitSpec | None = Field(
        default=None,
        description="How the task is split into subtasks. Without it the task is one subtask.",
        examples=[{"range": 1000, "items_per_subtask": 50}],
    )
    aggregate: Annotated[AggregateSpec | None, Field(validate_default=True)] = Field(
        default=None,
        description=(
            "How the results of the subtasks become the result of the task. Only a task with a `split` can have it. "
            "Without it the result of such a task is the list of the results."
        ),
        examples=["sum", {"concat": "lines"}, {"table": {"columns": ["year", "rain"]}}],
    )
    parse: Literal["text", "json", "lines", "csv", "bytes"] = Field(
        default="text",
        description="How Njangi reads the standard output of the command to get its result.",
        examples=["json"],
    )
    tolerated_failure: ToleratedFailure = Field(
        default=Tolerance(),
        description=(
            "How many subtasks may fail before the task fails. "
            "Without it the `tolerated_failure` of the workflow counts."
        ),
        examples=["5%", 3],
        json_schema_extra=_inherited,
    )
    priority: Priority = Field(
        default=50,
        description=(
            "Tasks with a higher priority get machines first. Without it the `priority` of the workflow counts."
        ),
        examples=[80],
        json_schema_extra=_inherited,
    )
    tags: Tags = Field(
        default_factory=list,
        description="Words by which you find the task.",
        examples=[["nightly", "climate"]],
    )
    metadata: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Anything that you want to keep with the task. Njangi does not use it.",
        examples=[{"ticket": 4711}],
    )

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
        aggregate: AggregateSpec | None = None if value is None else read(read_aggregate(value))
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
