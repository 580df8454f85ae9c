"""How deep runs may be nested."""

from __future__ import annotations

import pytest

from coordinator.decisions.children import MOST_DEPTH, too_deep


@pytest.mark.parametrize(
    ("above", "refused"),
    [
        pytest.param(1, False, id="child-of-a-root"),
        pytest.param(10, False, id="tenth"),
        pytest.param(11, True, id="11th"),
    ],
)
def test_a_run_stands_below_at_most_ten_others(above: int, refused: bool) -> None:
    assert MOST_DEPTH == 10
    assert too_deep(["again"] * above) is refused
