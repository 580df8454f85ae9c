"""Read sizes, durations and tolerances as people write them: "256MiB", "1h30m", "5%"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from njangi_flows.workflow.problems import wrong
from njangi_flows.workflow.written_forms import AlsoWritten, text

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)
_UNITS: dict[str, int] = {
    "": 1,
    "b": 1,
    **{f"{prefix}b": int(1e3) ** power for power, prefix in enumerate("kmgt", start=1)},
    **{f"{prefix}ib": (2**10) ** power for power, prefix in enumerate("kmgt", start=1)},
}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms])\s*)+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PERCENTAGE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", re.ASCII)
_LONGEST_TEXT = 40


def size(value: object) -> int:
    """Return a size in bytes from a whole number or text such as "256MiB" or "1.5GB"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT and (found := _SIZE.fullmatch(value.strip())):
        number, unit = found.groups()
        if unit.lower() in _UNITS:
            return math.ceil(float(number) * _UNITS[unit.lower()])
    raise wrong("size")


def duration(value: object) -> float:
    """Return a duration in seconds from a number of seconds or text such as "10m", "1h30m" or "3d"."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT and _DURATION.fullmatch(value.strip()):
        return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value))
    raise wrong("duration")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many of a task's subtasks may fail without failing the task: a count, or a percentage of all."""

    count: int = 0
    percentage: float | None = None

    def allowed(self, total: int) -> int:
        """Return how many of `total` subtasks may fail."""
        if self.percentage is None:
            return min(self.count, total)
        return math.floor(total * self.percentage / 100)


def tolerance(value: object) -> Tolerance:
    """Return the tolerance that a count such as 3 or text such as "5%" stands for."""
    if isinstance(value, Tolerance):
        return value
    if type(value) is int and 0 <= value < 2**31:
        return Tolerance(count=value)
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT and (found := _PERCENTAGE.fullmatch(value.strip())):
        percentage = float(found[1])
        if percentage <= 100:
            return Tolerance(percentage=percentage)
    raise wrong("tolerance")


def _written(value: Tolerance) -> int | str:
    return value.count if value.percentage is None else f"{value.percentage:.6f}".rstrip("0").rstrip(".") + "%"


Size = Annotated[
    int,
    BeforeValidator(size),
    AlsoWritten("size", text(r"^\s*[0-9]+(\.[0-9]+)?\s*(([KkMmGgTt][Ii]?)?[Bb])?\s*$", _LONGEST_TEXT)),
]
Duration = Annotated[
    float,
    BeforeValidator(duration),
    AlsoWritten("duration", text(r"^\s*([0-9]+(\.[0-9]+)?(ms|[dhms])\s*)+$", _LONGEST_TEXT)),
]
ToleratedFailure = Annotated[
    Tolerance,
    BeforeValidator(tolerance),
    PlainSerializer(_written),
    WithJsonSchema(
        {
            "title": "count or percentage",
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
                text(r"^\s*(100(\.0{1,6})?|0?[0-9]{1,2}(\.[0-9]{1,6})?)\s*%\s*$", _LONGEST_TEXT),
            ],
        }
    ),
]
