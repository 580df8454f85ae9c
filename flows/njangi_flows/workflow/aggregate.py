"""Make one result of the results of a task's subtasks: a list, a text, a sum, counters, a table.

Results arrive in the order of their subtasks and are looked at once, so what is held in memory is the
aggregate alone. They come from volunteers: each is checked for what its aggregate needs. A subtask that failed and is
tolerated keeps its place among them.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Iterator

from njangi_agent.dialect import CARRIED_DEPTH
from njangi_agent.texts import lines_in
from pydantic import JsonValue

from njangi_flows.errors import FlowsError
from njangi_flows.workflow.model import AggregateKind, AggregateSpec


class NoResult(enum.Enum):
    """Stands in the place of a subtask that failed. It is no JSON value, so no result is taken for it."""

    FAILED = "failed"


Results = Iterable[JsonValue | NoResult]


class AggregateError(FlowsError, ValueError):
    """A subtask's result does not fit how its task's results are aggregated."""

    def __init__(self, index: int, expected: str, found: str) -> None:
        super().__init__(index, expected, found)
        self.index = index
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"the result of subtask {self.index} must be {self.expected}, not {self.found}"


def aggregate(spec: AggregateSpec, results: Results) -> JsonValue:
    """Return the aggregate of `results`, which come in the order of their subtasks, one for each.

    - list: a list of them, with null in the place of what failed; the others are of those that did not fail
    - concat: they are texts, joined
    - lines ({concat: lines}): they are lists, joined into one; a text counts as the list of its lines
    - sum: they are numbers, or lists or objects of what can be summed, summed element by element; a key
      that only some objects have counts as 0 in the others
    - count: they are counters, objects of numbers, merged by adding; a key may be missing from some
    - table: each is a list of rows (an object by column, or a list) or one such object; the
      result is {"columns": [...], "rows": [[...]]}

    Raises AggregateError for the first result that does not fit.
    """
    if spec.kind == "table":
        return _table(spec.columns, results)
    return _WAYS[spec.kind](results)


def _list(results: Results) -> JsonValue:
    return [None if isinstance(result, NoResult) else result for result in results]


def _there(results: Results) -> Iterator[tuple[int, JsonValue]]:
    """Yield the results that are there, each with the index of its subtask."""
    for index, result in enumerate(results):
        if not isinstance(result, NoResult):
            yield index, result


def _concat(results: Results) -> JsonValue:
    texts: list[str] = []
    for index, result in _there(results):
        if not isinstance(result, str):
            raise AggregateError(index, "text", _kind(result))
        texts.append(result)
    return "".join(texts)


def _lines(results: Results) -> JsonValue:
    lines: list[JsonValue] = []
    for index, result in _there(results):
        if isinstance(result, str):
            lines += lines_in(result)
        elif isinstance(result, list):
            lines += result
        else:
            raise AggregateError(index, "a list, or text of some lines", _kind(result))
    return lines


def _sum(results: Results) -> JsonValue:
    total: JsonValue = None
    for index, result in _there(results):
        _check_summable(index, result)
        total = result if total is None else _added(index, total, result)
    return 0 if total is None else total


def _count(results: Results) -> JsonValue:
    total: dict[str, JsonValue] = {}
    for index, result in _there(results):
        if not isinstance(result, dict) or not all(map(_is_number, result.values())):
            raise AggregateError(index, "an object of numbers", _kind(result))
        for key, number in result.items():
            total[key] = _added(index, total.get(key, 0), number)
    return total


def _table(columns: list[str] | None, results: Results) -> JsonValue:
    """Return the rows under `columns`, or under the columns found, in the order they first appear."""
    at = {column: position for position, column in enumerate(columns or ())}
    rows: list[list[JsonValue]] = []
    for index, result in _there(results):
        if not isinstance(result, (list, dict)):
            raise AggregateError(index, "a list of rows", _kind(result))
        for row in [result] if isinstance(result, dict) else result:
            if columns is None:
                _meet(at, row)
            rows.append(_row(index, at, row))
    for cells in rows:
        cells += [None] * (len(at) - len(cells))
    return {"columns": list(at), "rows": [*rows]}


_WAYS: dict[AggregateKind, Callable[[Results], JsonValue]] = {
    "list": _list,
    "concat": _concat,
    "lines": _lines,
    "sum": _sum,
    "count": _count,
}


def _meet(at: dict[str, int], row: JsonValue) -> None:
    """Add the columns of a row that were not met before; those of a list are called column_1, column_2, ..."""
    if isinstance(row, dict):
        names = list(row)
    else:
        names = [f"column_{number}" for number in range(1, len(row) + 1)] if isinstance(row, list) and not at else []
    for name in names:
        at.setdefault(name, len(at))


def _row(index: int, at: dict[str, int], row: JsonValue) -> list[JsonValue]:
    if isinstance(row, dict):
        return [row.get(column) for column in at]
    if isinstance(row, list) and len(row) == len(at):
        return list(row)
    found = f"a row of {len(row)} cells" if isinstance(row, list) else f"with {_kind(row)} as a row"
    raise AggregateError(index, f"a list of rows, each an object or a list of {len(at)} cells", found)


def _check_summable(index: int, value: JsonValue, depth: int = 0) -> None:
    if depth > CARRIED_DEPTH:
        raise AggregateError(index, f"nested at most {CARRIED_DEPTH} deep", "deeper")
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            _check_summable(index, item, depth + 1)
    elif not _is_number(value):
        raise AggregateError(index, "a number, or a list or an object of numbers", _kind(value))


def _added(index: int, total: JsonValue, value: JsonValue) -> JsonValue:
    if isinstance(total, dict) and isinstance(value, dict):
        common = {key: _added(index, total[key], value[key]) for key in total.keys() & value.keys()}
        return {**total, **value, **common}
    if isinstance(total, list) and isinstance(value, list) and len(total) == len(value):
        return [_added(index, one, other) for one, other in zip(total, value, strict=True)]
    if isinstance(total, (int, float)) and isinstance(value, (int, float)):
        try:
            added_number = total + value
        except OverflowError:
            added_number = math.inf
        if math.isfinite(added_number) if isinstance(added_number, float) else True:
            return added_number
        raise AggregateError(index, "such that the sum stays finite", str(value)[:60])
    raise AggregateError(index, f"{_kind(total)} like those before it", _kind(value))


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kind(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "an object"
