"""How a task falls into parts, and how their results become one."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from njangi_flows.workflow.model.names import FILE_SCHEMA, Model, Parameter, checked_file, unique
from njangi_flows.workflow.problems import nearest, wrong
from njangi_flows.workflow.written_forms import AlsoWritten, Schema, one_of

MAX_ITEMS = 1_000_000


class RangeSpec(Model):
    """Whole numbers from `start` up to but not including `stop`, as Python's `range` has them."""

    start: int = Field(default=0, description="The first number.", examples=[100])
    stop: int = Field(description="The end. It is not one of the numbers.", examples=[200])
    step: int = Field(
        default=1,
        description="The distance from one number to the next. It can be negative, but not 0.",
        examples=[10],
        json_schema_extra={"not": {"const": 0}},
    )

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


Range = Annotated[
    RangeSpec,
    BeforeValidator(_range),
    AlsoWritten("range", {"type": "integer", "minimum": 1, "maximum": MAX_ITEMS}),
]


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


_FILES_SCHEMA: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": 200, "title": "pattern"},
        {"type": "array", "items": FILE_SCHEMA, "minItems": 1, "uniqueItems": True},
        {"type": "null"},
    ]
}
_PER_SUBTASK_SCHEMA: Schema = {
    "anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_ITEMS}, {"const": "auto"}, {"type": "null"}]
}
SPLIT_KINDS = ("range", "items", "grid", "lines", "files")


class SplitSpec(Model):
    """How a task is split: over exactly one of `range`, `items`, `grid`, `lines` and `files`.

    The task gets a subtask for each item. With `items_per_subtask` a subtask gets several items: then its parameter is
    a list, even if it has only one item.
    """

    model_config = ConfigDict(json_schema_extra=one_of(*SPLIT_KINDS))

    range: Range | None = Field(
        default=None,
        description=(
            "Split over whole numbers: a number n means 0, 1, 2 and so on up to n - 1. "
            f"There can be at most {MAX_ITEMS:,} numbers."
        ),
        examples=[1000, {"start": 1, "stop": 101, "step": 2}],
    )
    items: list[JsonValue] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_ITEMS,
        description=(
            "Split over a list of values of any kind. A placeholder for a list becomes the items of that list: "
            '`["{NAME.result}"]` makes a subtask for each item of the result of the task NAME.'
        ),
        examples=[["spring", "summer", "autumn"]],
    )
    grid: dict[Parameter, Annotated[list[JsonValue], Field(min_length=1)]] | None = Field(
        default=None,
        min_length=1,
        description=(
            "Split over every combination of values, for a parameter sweep. Each name becomes a parameter that has "
            f"one of its values. There can be at most {MAX_ITEMS:,} combinations."
        ),
        examples=[{"growth": [0.5, 0.8], "hunting": [0.02, 0.03, 0.04]}],
    )
    lines: str | None = Field(
        default=None,
        max_length=200,
        description=(
            "Split over the lines of a text file, given as the name of an input or of a file. Blank lines do not "
            "count. A line is always text, even if it looks like a number."
        ),
        examples=["exponents"],
    )
    files: Annotated[list[str] | str | None, BeforeValidator(_files), WithJsonSchema(_FILES_SCHEMA)] = Field(
        default=None,
        description=(
            "Split over the names of files: a list of names, or a pattern that picks from the `files` and `inputs` of "
            "the workflow. Each subtask finds all these files in its folder."
        ),
        examples=["data/*.csv", ["data/a.csv", "data/b.csv"]],
    )
    items_per_subtask: Annotated[
        int | Literal["auto"] | None, BeforeValidator(_per_subtask), WithJsonSchema(_PER_SUBTASK_SCHEMA)
    ] = Field(
        default=None,
        description=(
            "How many items one subtask gets. `auto` chooses by the number of items and of machines, at most 1,000. "
            "Without it each subtask gets one item, and its parameter is the item itself, not a list."
        ),
        examples=[50, "auto"],
    )
    as_: Parameter = Field(
        default="part",
        alias="as",
        description="The name of the parameter that holds the item, or the list of items, of a subtask.",
        examples=["seed"],
    )

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


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


class AggregateSpec(Model):
    """How the results of the subtasks become the result of the task.

    It is written as a word (`sum`), or where there is more to say as `{concat: lines}` or `{table: {columns: [...]}}`.
    """

    kind: AggregateKind = "list"
    columns: list[str] | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        """Return the schema of what people write, which `read_aggregate` reads."""
        handler(core)
        columns = {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "uniqueItems": True,
            "description": "The columns of the table, in this order.",
        }
        return {
            "title": "aggregate",
            "description": "How the results of the subtasks become the result of the task.",
            "anyOf": [
                {"title": "word", "enum": [*_AGGREGATES]},
                _object(concat={"const": "lines", "description": "Join lists, or the lines of texts, into one list."}),
                _object(table={**_object(columns=columns), "description": "Gather rows under these columns."}),
            ],
        }

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
