"""Which part of a blob a request asks for."""

from __future__ import annotations

import pytest

from api.http.ranges import ByteRange, UnsatisfiableError, part_of


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=3-", ByteRange(3, 7)),
        ("bytes=3-5", ByteRange(3, 3)),
        ("bytes=3-500", ByteRange(3, 7)),
        ("bytes=-4", ByteRange(6, 4)),
        ("bytes=-40", ByteRange(0, 10)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
        ("bytes=\u0663-", None),
    ],
)
def test_one_range_is_understood_and_what_is_none_means_everything(header: str | None, part: ByteRange | None) -> None:
    assert part_of(header, 10) == part


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_a_range_after_the_end_cannot_be_had(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableError):
        part_of(header, size)


def test_a_part_says_where_it_is_from() -> None:
    assert ByteRange(3, 4).of(10) == "bytes 3-6/10"
