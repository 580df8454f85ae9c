from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from njangi_agent.texts import lines_of
from njangi_flows.workflow.placeholders.filling import Calls
from njangi_flows.workflow.spec import SplitSpec, TaskSpec
from njangi_flows.workflow.split import batch_sizes, chunk, items, items_per_subtask, size_of_chunks, subtask_parameters


def a_split(**fields: Any) -> SplitSpec:
    return SplitSpec.model_validate(fields)


def a_task(split: dict[str, Any] | None) -> TaskSpec:
    return TaskSpec.model_validate({"name": "a", "command": "x", "split": split, "parameters": {"k": 0}})


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        pytest.param(a_split(range=3), [0, 1, 2], id="range-of-n"),
        pytest.param(a_split(range={"start": 5, "stop": 0, "step": -2}), [5, 3, 1], id="range-down"),
        pytest.param(a_split(items=["a", None, {"x": 1}]), ["a", None, {"x": 1}], id="items"),
        pytest.param(
            a_split(grid={"b": [1, 2], "a": ["x", "y"]}),
            [{"b": 1, "a": "x"}, {"b": 1, "a": "y"}, {"b": 2, "a": "x"}, {"b": 2, "a": "y"}],
            id="grid-last-axis-fastest",
        ),
        pytest.param(a_split(lines="n"), ["1", " 2", "3\u2028x"], id="lines-stay-text"),
        pytest.param(a_split(files="*.csv"), ["a.csv", "b.csv"], id="files"),
    ],
)
def test_items_come_in_order(split: SplitSpec, expected: list[Any]) -> None:
    lines = lines_of("\ufeff1\r\n\n 2\r   \n3\u2028x".encode())
    assert list(items(split, {"n": lines}.__getitem__, ["a.csv", "b.csv"])) == expected


@given(st.lists(st.integers()), st.integers(1, 50))
def test_chunks_hold_everything_once_and_in_order(numbers: list[int], size: int) -> None:
    chunks = chunk(numbers, size)
    assert [number for part in chunks for number in part] == numbers
    assert all(len(part) == size for part in chunks[:-1])
    assert all(chunks)


def test_a_chunk_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        chunk([1], 0)


@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_auto_gives_at_most_eight_subtasks_per_slot_unless_they_would_be_too_large(count: int, slots: int) -> None:
    size = items_per_subtask(count, slots)
    subtasks = -(-count // size)
    assert 1 <= size <= 1000
    assert subtasks <= 8 * max(1, slots) or size == 1000
    assert size == 1 or (size - 1) * 8 * max(1, slots) < count


@pytest.mark.parametrize(
    ("per_subtask", "size"), [(None, 1), (1, 1), (7, 7), ("auto", 6)], ids=["absent", "one", "seven", "auto"]
)
def test_the_size_of_chunks(per_subtask: object, size: int) -> None:
    split = a_split(range=192, items_per_subtask=per_subtask)
    assert size_of_chunks(split, 192, slots=4) == size


@pytest.mark.parametrize(
    ("split", "size", "expected"),
    [
        pytest.param({"range": 2}, 1, [{"k": 0, "part": 0}, {"k": 0, "part": 1}], id="the-item-itself"),
        pytest.param({"range": 2, "items_per_subtask": 1}, 1, [{"k": 0, "part": [0]}, {"k": 0, "part": [1]}], id="one"),
        pytest.param({"range": 3, "as": "n", "items_per_subtask": "auto"}, 3, [{"k": 0, "n": [0, 1, 2]}], id="auto"),
        pytest.param({"items": [{"x": 1}]}, 1, [{"k": 0, "part": {"x": 1}}], id="an-object-is-an-item"),
        pytest.param({"grid": {"x": [1], "y": [2]}}, 1, [{"k": 0, "x": 1, "y": 2}], id="axes-are-parameters"),
        pytest.param(
            {"grid": {"x": [1, 2]}, "items_per_subtask": 2}, 2, [{"k": 0, "part": [{"x": 1}, {"x": 2}]}], id="cells"
        ),
    ],
)
def test_what_a_subtask_gets(split: dict[str, Any], size: int, expected: list[dict[str, Any]]) -> None:
    task = a_task(split)
    assert task.split is not None
    chunks = chunk(items(task.split, lambda _: ()), size)
    assert list(subtask_parameters(task, chunks, Calls(None, {"k": 0}))) == expected


def test_a_task_without_a_split_is_one_subtask() -> None:
    assert list(subtask_parameters(a_task(None), [], Calls(None, {"k": 1}))) == [{"k": 1}]


@pytest.mark.parametrize(
    ("subtasks", "size"), [(0, 1), (1, 1), (50, 1), (51, 2), (10_000, 200), (50_000, 1000), (100_000, 1000)]
)
def test_batches(subtasks: int, size: int) -> None:
    assert batch_sizes(subtasks) == size
