"""Decide how a task falls into subtasks: which items, how many of them in one subtask, under which name.

Everything here is a function of its arguments alone, so that a second start of a run splits a task into
the same subtasks with the same indexes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pydantic import JsonValue

from njangi_flows.workflow.model import SplitSpec, TaskSpec
from njangi_flows.workflow.placeholders.filling import Calls

SUBTASKS_PER_SLOT = 8
MAX_ITEMS_PER_SUBTASK = 1000
FEW_SUBTASKS = 50
MAX_SUBTASKS_PER_BATCH = 1000
_Item = TypeVar("_Item")


def items(split: SplitSpec, read: Callable[[str], Sequence[str]], files: Sequence[str] = ()) -> Sequence[JsonValue]:
    """Return what a task is split over, in order.

    `read` returns the lines of the input or file that `lines` names, `files` are those that a task split over
    files gets one by one (`placeholders.split_files`). Lines come without their ends, blank ones are
    left out, and they stay text even where they look like numbers. A grid's items are objects of
    one value per axis; the last axis varies fastest.
    """
    if split.range is not None:
        return range(split.range.start, split.range.stop, split.range.step)
    if split.items is not None:
        return split.items
    if split.grid is not None:
        return [dict(zip(split.grid, values, strict=True)) for values in itertools.product(*split.grid.values())]
    if split.lines is not None:
        return not_blank(read(split.lines))
    return list(files)


def not_blank(lines: Iterable[str]) -> list[str]:
    """Return the lines that have more in them than white space."""
    return [line for line in lines if line.strip()]


def items_per_subtask(count: int, slots: int) -> int:
    """Return how many of `count` items one subtask gets under `items_per_subtask: auto`.

    `slots` are the subtasks that the volunteers of the moment can run at once. Factoring (Hummel,
    Schonberg and Flynn 1992, CACM 35(8)) hands out half of what is left in each round, N/2P items to each
    of P workers, then N/4P, then N/8P. Sizes here must not depend on how the run goes, so all
    subtasks get the size of its third round: about eight subtasks per slot, few enough to be cheap and
    small enough that a slow machine holding the last one delays the end by little. At most 1,000.
    """
    return max(1, min(MAX_ITEMS_PER_SUBTASK, math.ceil(count / (SUBTASKS_PER_SLOT * max(1, slots)))))


def chunk(items: Sequence[_Item], size: int) -> list[list[_Item]]:
    """Return `items` in consecutive lists of `size`; the last may be shorter."""
    if size < 1:
        raise ValueError(f"a chunk holds at least one item, not {size}")
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def size_of_chunks(split: SplitSpec, count: int, slots: int) -> int:
    """Return how many of `count` items each subtask gets: what the split says, else one."""
    if split.items_per_subtask == "auto":
        return items_per_subtask(count, slots)
    return split.items_per_subtask or 1


def subtask_parameters(
    task: TaskSpec, chunks: Sequence[Sequence[JsonValue]], calls: Calls
) -> Iterator[dict[str, JsonValue]]:
    """Yield the parameters of each subtask, one per chunk: the shared ones, the split's, and what names those.

    The split's parameter is the item itself where the split has no `items_per_subtask`, else always
    a list of items; without it each axis of a grid is a parameter of its own. A task without a split
    yields one set of parameters, whatever the chunks. Raises NotFilledError.
    """
    if task.split is None:
        yield calls.parameters({})
        return
    for items in chunks:
        yield calls.parameters(part(task.split, items))


def batch_sizes(n_subtasks: int) -> int:
    """Return how many subtasks share one batch.

    A small fan-out has batches of one, so that each subtask shows as a Prefect task run of its own. Larger ones
    have about fifty batches, until a batch holds 1,000 subtasks; beyond that there are more batches.
    """
    if n_subtasks <= FEW_SUBTASKS:
        return 1
    return min(MAX_SUBTASKS_PER_BATCH, math.ceil(n_subtasks / FEW_SUBTASKS))


def part(split: SplitSpec, items: Sequence[JsonValue]) -> dict[str, JsonValue]:
    """Return the parameters that one part of a split gets."""
    if split.items_per_subtask is not None:
        return {split.as_: list(items)}
    [item] = items
    if split.grid is not None and isinstance(item, dict):
        return dict(item)
    return {split.as_: item}
