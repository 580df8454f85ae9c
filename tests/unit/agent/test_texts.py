from __future__ import annotations

import pytest
from njangi_agent.texts import LineReader, NotTextError, lines_in, lines_of, text_of

TOWNS = "Yaound\u00e9\r\nDouala\rBuea\n\n  \nGaroua"
LINES = ["Yaound\u00e9", "Douala", "Buea", "", "  ", "Garoua"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_lines_are_the_same_however_a_file_comes_in_pieces(size: int, mark: str) -> None:
    content = (mark + TOWNS).encode()
    reader = LineReader()
    found: list[str] = []
    for start in range(0, len(content), size):
        found += reader.lines(content[start : start + size])
    found += reader.lines(b"", final=True)
    assert found == LINES == lines_of(content) == lines_in(mark + TOWNS)


def test_only_ends_of_lines_end_lines() -> None:
    assert lines_of("a\u2028b\x0cc\x1cd\x85e\n".encode()) == ["a\u2028b\x0cc\x1cd\x85e"]


def test_a_byte_order_mark_is_no_part_of_the_text_of_a_file() -> None:
    assert text_of(b"\xef\xbb\xbfimport math\r\n") == "import math\r\n"


@pytest.mark.parametrize(
    ("content", "offset", "looks_like", "iconv"),
    [
        ("Yaound\u00e9\n".encode("latin-1"), 6, "Latin-1", "LATIN1"),
        ("\u017elu\u0165ou\u010dk\u00fd k\u016f\u0148".encode("cp1250"), 0, "Windows-1252", "CP1252"),
        ("\u65e5\u672c\u8a9e\u30c6\u30ad\u30b9\u30c8\n".encode("shift-jis"), 0, "text in another encoding", None),
        ("Yaound\u00e9\n".encode("utf-16"), 0, "UTF-16", "UTF-16"),
        ("Yaound\u00e9\n".encode("utf-32"), 0, "UTF-32", "UTF-32"),
        ("Douala\n".encode("utf-16-le"), 1, "UTF-16LE without a byte order mark", "UTF-16LE"),
        ("Douala\n".encode("utf-16-be"), 0, "UTF-16BE without a byte order mark", "UTF-16BE"),
        (b"\x89PNG\r\n\x1a\n\0\0", 0, "a PNG picture", None),
        (b"a\xff\xfe\x01" * 50, 1, None, None),
        (b"a\n" * 70_000 + b"\0", 140_000, None, None),
    ],
    ids=["Latin-1", "8 bits", "Japanese", "UTF-16", "UTF-32", "UTF-16LE", "UTF-16BE", "PNG", "bytes", "NUL"],
)
def test_what_is_no_text_is_refused_with_what_it_looks_like(
    content: bytes, offset: int, looks_like: str | None, iconv: str | None
) -> None:
    with pytest.raises(NotTextError) as refused:
        lines_of(content)
    assert (refused.value.offset, refused.value.iconv) == (offset, iconv)
    assert (refused.value.looks_like or "").startswith(looks_like or "nothing") is (looks_like is not None)


def test_the_offset_counts_from_the_beginning_of_the_file() -> None:
    reader = LineReader()
    reader.lines(b"\xef\xbb\xbf" + b"x" * 100_000)
    with pytest.raises(NotTextError, match="byte 0xe9 at offset 100004"):
        reader.lines(b"y\xe9z")
