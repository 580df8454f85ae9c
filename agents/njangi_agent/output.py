"""Turn what a task put out into its result: JSON text, small enough to travel in a report or kept in a file.

Never holds more than a piece of a large result in memory, except for `json`, which has to be read
as a whole to be checked and is therefore bounded on its own.
"""

from __future__ import annotations

import codecs
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
from njangi_agent.errors import AttemptFailed
from njangi_agent.protocol import INLINE_RESULT_BYTES

JSON_BYTES = 32 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """A result: `text` when it is small, else the file at `path` with its hex SHA-256."""

    size: int
    text: Optional[str] = None
    path: Optional[Path] = None
    sha256: Optional[str] = None


def answer_of(parse: str, stdout: Path, spill: Path) -> Answer:
    """Read a command's standard output as `parse` says. Raises AttemptFailed (BadOutput, OutputTooLarge)."""
    with open_plain(stdout) as file:
        try:
            pieces = _PARSERS[parse](file)
            return keep(pieces, spill)
        except (ValueError, csv.Error) as error:
            raise AttemptFailed("BadOutput", f"its standard output is not {parse}: {error}") from error


def open_plain(path: Path) -> BinaryIO:
    """Open a file that a task may have replaced: no link is followed, no FIFO or device waits for us."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise AttemptFailed("BadOutput", f"{path.name} is not a plain file: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AttemptFailed("BadOutput", f"{path.name} is not a plain file")
    return open(handle, "rb")  # noqa: PTH123 - a descriptor, not a path


def keep(pieces: Iterator[str], spill: Path) -> Answer:
    """Join ASCII pieces of JSON text; beyond INLINE_RESULT_BYTES they go to the file `spill`."""
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > INLINE_RESULT_BYTES:
            return _spilled(text, pieces, spill)
    return Answer(len(text), text=text)


def _spilled(text: str, pieces: Iterator[str], spill: Path) -> Answer:
    digest, size = hashlib.sha256(), 0
    with spill.open("wb") as file:
        while text:
            data = text.encode("ascii")
            digest.update(data)
            file.write(data)
            size += len(data)
            text = next(pieces, "")
    return Answer(size, path=spill, sha256=digest.hexdigest())


def _text(file: BinaryIO) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    yield '"'
    while True:
        data = file.read(_CHUNK)
        piece = json.dumps(decoder.decode(data, final=not data))[1:-1]
        if piece:
            yield piece
        if not data:
            break
    yield '"'


def _json(file: BinaryIO) -> Iterator[str]:
    data = file.read(JSON_BYTES + 1)
    if len(data) > JSON_BYTES:
        raise AttemptFailed("OutputTooLarge", f"JSON on standard output is limited to {JSON_BYTES} bytes")
    yield json.dumps(dialect.loads(data), separators=(",", ":"))


def _lines(file: BinaryIO) -> Iterator[str]:
    with io.TextIOWrapper(file, encoding="utf-8", errors="replace") as text:
        yield from _list(line[:-1] if line.endswith("\n") else line for line in text)


def _csv(file: BinaryIO) -> Iterator[str]:
    with io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="") as text:
        yield from _list(csv.reader(text))


def _list(items: Iterator[Any]) -> Iterator[str]:
    before = "["
    for item in items:
        yield before + json.dumps(item, separators=(",", ":"))
        before = ","
    yield "]" if before == "," else "[]"


_PARSERS: Dict[str, Callable[[BinaryIO], Iterator[str]]] = {"text": _text, "json": _json, "lines": _lines, "csv": _csv}
