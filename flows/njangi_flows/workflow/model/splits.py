"""How a task falls into parts, and how their results become one."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_serializer, model_validator

from njangi_flows.workflow.model.names import Model, Parameter, checked_file, unique
from njangi_flows.workflow.problems import nearest, wrong

MAX_ITEMS = 1_000_000


class RangeSpec(Model):
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
        return unique([checked_file(name) for name in value])
    raise wrong("split-files")


SPLIT_KINDS = ("range", "items", "grid", "lines", "files")


class SplitSpec(Model):
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


class AggregateSpec(Model):
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


def read_aggregate(value: object) -> object:
    if isinstance(value, AggregateSpec):
        return value
    match value:
        case {"concat": "lines", **others} if not others:
            return {"kind": "lines"}
        case {"table": {"columns": columns, **others}, **more} if not others and not more:
            if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns) or not columns:
                raise wrong("table-columns")
            return {"kind": "table", "columns": unique(columns)}
        case str() if value in _AGGREGATES:
            return {"kind": value}
    near = nearest(value, _AGGREGATES) if isinstance(value, str) else ""
    raise wrong("aggregate", known=[*_AGGREGATES], near=near)
