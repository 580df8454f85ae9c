"""Read text files: UTF-8, with lines that end in LF, CR LF or CR.

What is no UTF-8 is refused with where that shows and what the bytes look like; nothing is replaced. Agents, flows and
the service read lines here, so that the same file has the same lines everywhere. Standard library only, Python 3.9
and later.
"""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO, Iterator, List, Optional, Tuple

PIECE = 64 * 1024
_BEGINNING = 512  # bytes in which a format is looked for
_CUT_OFF = "UTF-8 that is cut off within a character"

_FORMATS = (
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\x89PNG\r\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (0, b"%PDF-", "PDF"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x7fELF", "a compiled program"),
    (0, b"\xcf\xfa\xed\xfe", "a compiled program"),
    (0, b"MZ", "a compiled program"),
    (0, b"\0asm", "WebAssembly"),
    (0, b"\x89HDF\r\n", "HDF5"),
    (0, b"CDF\x01", "netCDF"),
    (0, b"CDF\x02", "netCDF"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PAR1", "Parquet"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"\x80\x04\x95", "a Python pickle"),
    (0, b"\x80\x05\x95", "a Python pickle"),
    (0, b"RIFF", "RIFF (WAV, WebP)"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (257, b"ustar", "a tar archive"),
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class NotTextError(ValueError):
    """Bytes that are no UTF-8 text: `offset` is the first that shows it, `value` what it is.

    `looks_like` is a format (gzip) or an encoding, None if nobody can tell; of an encoding `iconv` is the name that the
    program of that name knows it by.
    """

    def __init__(self, offset: int, value: int, looks_like: Optional[str], iconv: Optional[str] = None) -> None:
        super().__init__(offset, value, looks_like, iconv)
        self.offset = offset
        self.value = value
        self.looks_like = looks_like
        self.iconv = iconv

    def __str__(self) -> str:
        kind = "UTF-8" if self.value else "text"
        found = f"byte 0x{self.value:02x} at offset {self.offset} is not {kind}"
        return f"{found}; it looks like {self.looks_like}" if self.looks_like else found


class TextReader:
    """Makes text of bytes that come in pieces, the text as it is written: a byte order mark is a character of it."""

    _codec = "utf-8"
    _translated: Optional[bool] = None  # whether every kind of line end becomes LF; None: ends are left alone

    def __init__(self) -> None:
        decoder = codecs.getincrementaldecoder(self._codec)("strict")
        self._decoder = (
            decoder
            if self._translated is None
            else io.IncrementalNewlineDecoder(decoder, translate=self._translated, errors="strict")
        )
        self._beginning = b""
        self._seen = 0

    def read(self, data: bytes, *, final: bool = False) -> str:
        """Return the text of what has come, as far as it is certain. Raises NotTextError."""
        self._seen += len(data)
        if len(self._beginning) < _BEGINNING:
            self._beginning += data[: _BEGINNING - len(self._beginning)]
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            start = self._seen - len(error.object)
            if error.reason == "unexpected end of data":
                raise NotTextError(start + error.start, error.object[error.start], _CUT_OFF) from None
            raise _not_text(self._beginning, error.object, start, error.start) from None


class LineReader(TextReader):
    """Makes lines, without their ends and without a byte order mark, of bytes that come in pieces.

    Unless `nul`, a NUL is not taken for text: where people write lines, it comes of another encoding.
    """

    _codec = "utf-8-sig"
    _translated = True

    def __init__(self, *, nul: bool = True) -> None:
        super().__init__()
        self._nul = nul
        self._rest: List[str] = []

    def read(self, data: bytes, *, final: bool = False) -> str:
        before = self._seen
        text = super().read(data, final=final)
        if not self._nul and (at := data.find(0)) >= 0:
            raise _not_text(self._beginning, data, before, at)
        return text

    def lines(self, data: bytes, *, final: bool = False) -> List[str]:
        """Return the lines that are complete by now; what follows the last line end is a line if it is not empty."""
        *whole, rest = self.read(data, final=final).split("\n")
        if whole:
            whole[0] = "".join([*self._rest, whole[0]])
            self._rest = []
        self._rest.append(rest)
        if final and (last := "".join(self._rest)):
            whole.append(last)
            self._rest = []
        return whole


def lines_of(content: bytes) -> List[str]:
    """Return the lines of a file that somebody wrote. Raises NotTextError."""
    return LineReader(nul=False).lines(content, final=True)


def lines_in(text: str) -> List[str]:
    """Return the lines of a text, of which a byte order mark is no part."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def text_of(content: bytes) -> str:
    """Return the text of a file without a byte order mark. Raises NotTextError."""
    return TextReader().read(content, final=True).removeprefix("\ufeff")


def pieces_of(file: BinaryIO) -> Iterator[Tuple[bytes, bool]]:
    """Yield what a file holds piece by piece, each with whether it is the last, which is empty."""
    while True:
        data = file.read(PIECE)
        yield data, not data
        if not data:
            return


def _not_text(beginning: bytes, data: bytes, start: int, at: int) -> NotTextError:
    offset, value = start + at, data[at]
    for mark, name in _MARKS:
        if beginning.startswith(mark):
            return NotTextError(offset, value, name, name)
    for place, magic, name in _FORMATS:
        if beginning[place : place + len(magic)] == magic:
            return NotTextError(offset, value, name)
    first = max(0, at - _BEGINNING)
    around = data[first : at + _BEGINNING]
    if around.count(0) > 1 and 4 * around.count(0) >= len(around):
        even = (start + first) % 2
        name = "UTF-16BE" if around[even::2].count(0) > around[1 - even :: 2].count(0) else "UTF-16LE"
        return NotTextError(offset, value, f"{name} without a byte order mark", name)
    if all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in around):
        odd = [byte for byte in around if byte >= 128]
        if 2 * len(odd) <= len(around):
            name, iconv = ("Windows-1252", "CP1252") if any(byte < 160 for byte in odd) else ("Latin-1", "LATIN1")
            return NotTextError(offset, value, name, iconv)
        return NotTextError(offset, value, "text in another encoding than UTF-8")
    return NotTextError(offset, value, None)
