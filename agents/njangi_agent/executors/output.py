"""Make the result of a task from its output: JSON text, a file for large results, or bytes.

Never holds more than a piece of a large result in memory, except for `json`, which has to be read
as a whole to be checked and is therefore bounded on its own. Text is UTF-8: what is not is refused with the reason,
never replaced (see `texts`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, Optional

from njangi_agent import dialect
from njangi_agent.errors import AttemptFailedError
from njangi_agent.protocol import INLINE_RESULT_BYTES
from njangi_agent.texts import LineReader, NotTextError, TextReader, pieces_of, text_of

JSON_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class TaskOutput:
    """A result: JSON `text` when it is small, else the file at `path` with its hex SHA-256."""

    size: int
    text: Optional[str] = None
    path: Optional[Path] = None
    sha256: Optional[str] = None


def answer_of(parse: str, stdout: Path, spill: Path) -> TaskOutput:
    """Read a command's standard output as `parse` says. Raises AttemptFailedError (BadOutput, OutputTooLarge).

    Under `bytes` the answer is that very file, however small.
    """
    with open_plain(stdout) as file:
        if parse == "bytes":
            return _bytes(file, stdout)
        try:
            pieces = _PARSERS[parse](file)
            return keep(pieces, spill)
        except (ValueError, csv.Error) as error:
            raise AttemptFailedError(
                "BadOutput", f"its standard output is not {parse}: {_reason(error, file)}"
            ) from error


def _reason(error: Exception, file: BinaryIO) -> str:
    """Say what is wrong with an output, and what would be right where it is no text at all."""
    if isinstance(error, UnicodeDecodeError):  # of a reader that does not know where in the file it is
        file.seek(0)
        reader = TextReader()
        try:
            for data, final in pieces_of(file):
                reader.read(data, final=final)
        except NotTextError as found:
            error = found
    if not isinstance(error, NotTextError):
        return str(error)
    way = f" (`iconv -f {error.iconv} -t UTF-8`)" if error.iconv else ""
    return f"{error}. Keep the bytes as they are with `parse: bytes`, or write text in UTF-8{way}"


def open_plain(path: Path) -> BinaryIO:
    """Open a file that a task may have replaced: no link is followed, no FIFO or device waits for us."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise AttemptFailedError("BadOutput", f"{path.name} is not a plain file: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AttemptFailedError("BadOutput", f"{path.name} is not a plain file")
    return open(handle, "rb")  # noqa: PTH123 - a descriptor, not a path


def keep(pieces: Iterator[str], spill: Path) -> TaskOutput:
    """Join ASCII pieces of JSON text; beyond INLINE_RESULT_BYTES they go to the file `spill`."""
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > INLINE_RESULT_BYTES:
            return _spilled(text, pieces, spill)
    return TaskOutput(len(text), text=text)


def _spilled(text: str, pieces: Iterator[str], spill: Path) -> TaskOutput:
    digest, size = hashlib.sha256(), 0
    with spill.open("wb") as file:
        while text:
            data = text.encode("ascii")
            digest.update(data)
            file.write(data)
            size += len(data)
            text = next(pieces, "")
    return TaskOutput(size, path=spill, sha256=digest.hexdigest())


def _bytes(file: BinaryIO, path: Path) -> TaskOutput:
    digest, size = hashlib.sha256(), 0
    for data, _ in pieces_of(file):
        digest.update(data)
        size += len(data)
    return TaskOutput(size, path=path, sha256=digest.hexdigest())


def _text(file: BinaryIO) -> Iterator[str]:
    reader = TextReader()
    yield '"'
    for data, final in pieces_of(file):
        piece = json.dumps(reader.read(data, final=final))[1:-1]
        if piece:
            yield piece
    yield '"'


def _json(file: BinaryIO) -> Iterator[str]:
    data = file.read(JSON_BYTES + 1)
    if len(data) > JSON_BYTES:
        raise AttemptFailedError("OutputTooLarge", f"JSON on standard output is limited to {JSON_BYTES} bytes")
    yield json.dumps(dialect.loads(text_of(data)), separators=(",", ":"))


def _lines(file: BinaryIO) -> Iterator[str]:
    reader = LineReader()
    yield from _list(line for data, final in pieces_of(file) for line in reader.lines(data, final=final))


def _csv(file: BinaryIO) -> Iterator[str]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from _list(csv.reader(text, strict=True))
    finally:
        text.detach()  # what went wrong is looked for in the file


def _list(items: Iterator[Any]) -> Iterator[str]:
    before = "["
    for item in items:
        yield before + json.dumps(item, separators=(",", ":"))
        before = ","
    yield "]" if before == "," else "[]"


_PARSERS: Dict[str, Callable[[BinaryIO], Iterator[str]]] = {"text": _text, "json": _json, "lines": _lines, "csv": _csv}
