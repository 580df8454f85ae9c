"""Pack files into an archive while they are read: memory does not grow with the archive."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from storage.errors import NjangiError


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A file of an archive: `size` bytes, whose pieces are asked for when it is its turn."""

    name: str
    size: int
    at: datetime
    pieces: Callable[[], AsyncIterable[bytes]]


class ShortEntryError(NjangiError):
    """A file of an archive has not the size that it was announced with."""

    def __str__(self) -> str:
        return f"{self.args[0]} should have {self.args[1]} bytes and has {self.args[2]}"


class _Sink(io.RawIOBase):
    """What zipfile writes to: it cannot go back, and is emptied again and again."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._held += piece
        return len(piece)

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


async def zipped(entries: AsyncIterable[ArchiveEntry]) -> AsyncIterator[bytes]:
    """Yield a ZIP of the entries, compressed."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        async for entry in entries:
            info = zipfile.ZipInfo(entry.name, entry.at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.file_size = entry.size
            info.external_attr = 0o644 << 16
            with archive.open(info, "w") as file:
                async for piece in entry.pieces():
                    file.write(piece)
                    if held := sink.take():
                        yield held
            yield sink.take()
    yield sink.take()


async def tarred(entries: AsyncIterable[ArchiveEntry]) -> AsyncIterator[bytes]:
    """Yield a tar (pax) of the entries, not compressed."""
    async for entry in entries:
        info = tarfile.TarInfo(entry.name)
        info.size, info.mtime, info.mode = entry.size, int(entry.at.timestamp()), 0o644
        yield info.tobuf(tarfile.PAX_FORMAT)
        written = 0
        async for piece in entry.pieces():
            written += len(piece)
            yield piece
        if written != entry.size:
            raise ShortEntryError(entry.name, entry.size, written)
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
