"""Read the header Range (RFC 9110): one range of bytes. Several ranges are answered with everything."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class UnsatisfiableError(Exception):
    """The range begins after the last byte."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    first: int
    length: int  # bytes

    def of(self, size: int) -> str:
        """Return the Content-Range of this part of `size` bytes."""
        return f"bytes {self.first}-{self.first + self.length - 1}/{size}"


def part_of(header: str | None, size: int) -> ByteRange | None:
    """Return which part of `size` bytes is asked for; None: all. Raises UnsatisfiableError."""
    asked = _ONE.fullmatch(header.replace(" ", "")) if header else None
    if asked is None or not any(asked.groups()):
        return None
    first, last = asked.groups()
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise UnsatisfiableError
        return ByteRange(size - length, length)
    if last and int(last) < int(first):
        return None  # no valid range: as if there were none
    if int(first) >= size:
        raise UnsatisfiableError
    return ByteRange(int(first), (min(int(last), size - 1) if last else size - 1) - int(first) + 1)
