"""The task of a workflow: what it runs or waits for, over which parts, within which limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
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
from njangi_flows.workflow.model.names import Command, FileName, Model, Parameter, Priority, Slug, Tags, Title, unique
from njangi_flows.workflow.model.splits import AggregateSpec, SplitSpec, read_aggregate
from njangi_flows.workflow.problems import wrong, wrong_around
from njangi_flows.workflow.quantities import Tolerance, ToleratedFailure

MAX_TASKS = 1000


class PythonSpec(Model):
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


class TaskSpec(Model):
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
    files: Annotated[list[FileName], AfterValidator(unique)] = Field(default_factory=list, max_length=1000)
    dependencies: Annotated[list[str], AfterValidator(unique)] = Field(default_factory=list, max_length=MAX_TASKS)
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
