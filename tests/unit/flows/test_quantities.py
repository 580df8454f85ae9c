import pytest
from hypothesis import given
from hypothesis import strategies as st
from njangi_flows.workflow.quantities import Tolerance, duration, size, tolerance


@pytest.mark.parametrize(
    ("written", "number"),
    [(0, 0), ("512", 512), ("1kB", 1000), ("1 KiB", 1024), ("256MiB", 2**28), ("1.5GB", 1_500_000_000)],
)
def test_sizes_are_bytes(written: object, number: int) -> None:
    assert size(written) == number


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(5, 5.0), (0.5, 0.5), ("10m", 600.0), ("1h30m", 5400.0), ("3d", 259200.0), ("250ms", 0.25), ("1m 5s", 65.0)],
)
def test_durations_are_seconds(written: object, seconds: float) -> None:
    assert duration(written) == seconds


@pytest.mark.parametrize("written", [None, True, [], "", "-1", "m", "1 pony", "１MB", "9" * 100])
def test_neither_size_nor_duration(written: object) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        size(written)
    with pytest.raises(ValueError, match="must be a duration"):
        duration(written)


@pytest.mark.parametrize("written", [None, True, -1, 0.5, "5", "-1%", "100.5%", "%"])
def test_no_tolerance(written: object) -> None:
    with pytest.raises(ValueError, match="must be a count"):
        tolerance(written)


@given(st.integers(0, 10**6), st.floats(0, 100))
def test_a_percentage_never_allows_more_than_all(total: int, percentage: float) -> None:
    assert 0 <= Tolerance(percentage=percentage).allowed(total) <= total
