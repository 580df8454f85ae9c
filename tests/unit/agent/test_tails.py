from __future__ import annotations

import pytest
from njangi_agent.output_tails import Tail, shown, shown_text
from njangi_agent.protocol import OUTPUT_TAIL_BYTES


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("Yaound\u00e9\n".encode(), "Yaound\u00e9\n"),
        (b"Yaound\xe9\n", "Yaound\ufffd\n"),
        (b"a\0b", "a\u2400b"),
        (b"\x1b[31mred", "\x1b[31mred"),
        (b"x" * 70_000, "x" * OUTPUT_TAIL_BYTES),
        ("\u00e9".encode() * 40_000 + b"!", "\u00e9" * (OUTPUT_TAIL_BYTES // 2 - 1) + "!"),
        (b"\xff" * 70_000, "\ufffd" * OUTPUT_TAIL_BYTES),
    ],
    ids=["nothing", "text", "Latin-1", "NUL", "control", "long", "cut within a character", "long and no text"],
)
def test_whatever_an_attempt_wrote_is_shown_as_text_within_bounds(data: bytes, text: str) -> None:
    assert shown(data) == text


def test_text_with_lone_surrogates_is_shown() -> None:
    assert shown_text("file \udce9.txt") == "file \ufffd\ufffd\ufffd.txt"


def test_a_tail_holds_the_end_and_counts_all() -> None:
    tail = Tail()
    for _ in range(30):
        tail.add(b"0123456789" * 1000)
    tail.add(b"end")
    assert tail.size == 300_003
    assert len(tail.text()) == OUTPUT_TAIL_BYTES
    assert tail.text().endswith("789end")
