"""Archives that are made while they are sent."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile
from collections.abc import AsyncIterator

import pytest

from api.http.archives import ArchiveEntry, ShortEntryError, tarred, zipped
from tests.conftest import NOON

FILES = {"small.json": b"[1]", "empty.json": b"", "large.json": random.Random(3).randbytes(1_000_003), "é/ü.txt": b"x"}


async def entries(*, short: bool = False) -> AsyncIterator[ArchiveEntry]:
    for name, content in FILES.items():

        async def pieces(content: bytes = content) -> AsyncIterator[bytes]:
            for start in range(0, len(content), 60_000):
                yield content[start : start + 60_000]

        yield ArchiveEntry(name, len(content) + short, NOON, pieces)


async def test_a_zip_holds_every_file_and_comes_in_pieces() -> None:
    pieces = [piece async for piece in zipped(entries())]
    assert max(map(len, pieces)) < 200_000
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert archive.getinfo("small.json").date_time == NOON.timetuple()[:6]


async def test_a_tar_holds_every_file_and_comes_in_pieces() -> None:
    pieces = [piece async for piece in tarred(entries())]
    assert max(map(len, pieces)) < 200_000
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        found = {item.name: archive.extractfile(item) for item in archive.getmembers()}
        assert {name: file.read() for name, file in found.items() if file is not None} == FILES


async def test_a_tar_breaks_off_rather_than_lie() -> None:
    with pytest.raises(ShortEntryError, match=r"small\.json should have 4 bytes and has 3"):
        [piece async for piece in tarred(entries(short=True))]
