"""Cut the output of attempts to its end, and make it text.

The text is for people to read. It is no value that anybody computes with, so what is no text is shown, not refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from njangi_agent.protocol import OUTPUT_TAIL_BYTES


@dataclass(frozen=True)
class Written:
    """The end of what an attempt wrote, as text, and how many bytes it wrote in all.

    Of standard output that is the result there is no text: nobody stores it twice.
    """

    stdout: str = ""
    stderr: str = ""
    stdout_bytes: int = 0
    stderr_bytes: int = 0


NOTHING = Written()


class Tail:
    """The last OUTPUT_TAIL_BYTES of a stream, and how many bytes there were."""

    def __init__(self) -> None:
        self._data = b""
        self.size = 0

    def add(self, data: bytes) -> None:
        self._data = (self._data + data[-OUTPUT_TAIL_BYTES:])[-OUTPUT_TAIL_BYTES:]
        self.size += len(data)

    def text(self) -> str:
        return shown(self._data)


def shown(data: bytes) -> str:
    """Return the last OUTPUT_TAIL_BYTES of `data` as text, whatever bytes they are.

    A byte that is no UTF-8 is shown as U+FFFD, and NUL as U+2400, the symbol for it.
    """
    return _from_first_character(data[-OUTPUT_TAIL_BYTES:]).decode("utf-8", "replace").replace("\0", "\u2400")


def shown_text(text: str) -> str:
    """Return the end of `text` as `shown` does; it may hold lone surrogates."""
    return shown(text[-OUTPUT_TAIL_BYTES:].encode("utf-8", "surrogatepass"))


def _from_first_character(data: bytes) -> bytes:
    """Leave out the rest of a character that was cut in two."""
    if len(data) == OUTPUT_TAIL_BYTES:
        rest = 0
        while rest < 3 and 0x80 <= data[rest] < 0xC0:
            rest += 1
        return data[rest:]
    return data
