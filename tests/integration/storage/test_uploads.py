"""Blobs on their way in, against a real MongoDB."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest

from storage.errors import BlobMismatchError, NotFoundError, TooLargeError, UploadBusyError, UploadOffsetError
from storage.files.chunks import CHUNK_BYTES, CHUNKS_A_WRITE
from storage.files.uploads import BUSY, KEPT, WRITE_DOWN, Upload
from storage.stores import Stores
from tests.conftest import NOON

WHOLE = random.Random(1).randbytes(CHUNKS_A_WRITE * CHUNK_BYTES + 3 * CHUNK_BYTES + 12_345)
SHA256 = hashlib.sha256(WHOLE).hexdigest()
LIMIT = 2 * len(WHOLE)


class LineCutError(Exception):
    pass


async def pieces(content: bytes, size: int = 70_001, *, cut: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
    if cut:
        raise LineCutError


async def begin(stores: Stores, length: int = len(WHOLE), sha256: str | None = SHA256) -> Upload:
    return await stores.uploads.create(length, sha256, by="ada", limit=LIMIT, now=NOON)


async def append(stores: Stores, upload: Upload, offset: int, content: AsyncIterator[bytes]) -> Upload:
    return await stores.uploads.append(upload.id, offset, content, by="ada", clock=lambda: NOON)


async def content_of(stores: Stores, sha256: str) -> bytes:
    return b"".join([piece async for piece in stores.blobs.read(sha256)])


async def chunks_of_all(stores: Stores) -> int:
    return await stores.database["blobs.chunks"].count_documents({})


@pytest.mark.parametrize("cuts", [[], [0], [1, 2], [CHUNK_BYTES], [CHUNK_BYTES - 1, CHUNK_BYTES + 1, len(WHOLE) - 1]])
async def test_an_upload_goes_on_where_the_line_was_cut(stores: Stores, cuts: Sequence[int]) -> None:
    upload = await begin(stores)
    start = 0
    for end in cuts:
        with pytest.raises(LineCutError):
            await append(stores, upload, start, pieces(WHOLE[start:end], cut=True))
        assert (await stores.uploads.get(upload.id, by="ada", now=NOON)).offset == end
        start = end
    done = await append(stores, upload, start, pieces(WHOLE[start:]))
    assert (done.done, done.sha256, done.offset) == (True, SHA256, len(WHOLE))
    assert await content_of(stores, SHA256) == WHOLE
    assert await stores.blobs.stored_bytes("ada") == len(WHOLE)


async def test_who_does_not_know_the_hash_is_told_it(stores: Stores) -> None:
    done = await append(stores, await begin(stores, sha256=None), 0, pieces(WHOLE))
    assert done.sha256 == SHA256


async def test_bytes_that_are_not_expected_next_are_refused_with_what_is(stores: Stores) -> None:
    upload = await begin(stores)
    with pytest.raises(UploadOffsetError, match="has 0 bytes"):
        await append(stores, upload, 5, pieces(WHOLE[5:]))


async def test_two_requests_do_not_write_the_same_upload(stores: Stores) -> None:
    upload = await begin(stores)

    async def slow() -> AsyncIterator[bytes]:
        yield WHOLE[:1000]
        with pytest.raises(UploadBusyError):
            await append(stores, upload, 0, pieces(WHOLE))
        yield WHOLE[1000:2000]

    assert (await append(stores, upload, 0, slow())).offset == 2000


async def test_a_request_that_lost_its_upload_writes_nothing_more(stores: Stores) -> None:
    upload = await begin(stores)

    async def hanging() -> AsyncIterator[bytes]:
        yield WHOLE[:1000]
        later = await stores.uploads.append(
            upload.id, 0, pieces(WHOLE), by="ada", clock=lambda: NOON + BUSY + timedelta(seconds=1)
        )
        assert later.done
        yield b"something else"

    with pytest.raises(UploadBusyError):
        await append(stores, upload, 0, hanging())
    assert await content_of(stores, SHA256) == WHOLE


async def test_on_a_slow_line_it_is_written_down_every_few_seconds(stores: Stores) -> None:
    upload, times = await begin(stores), iter(range(1000))
    seen: list[int] = []

    async def dripping() -> AsyncIterator[bytes]:
        for number in range(3):
            yield WHOLE[number * 100 : number * 100 + 100]
            seen.append((await stores.uploads.get(upload.id, by="ada", now=NOON)).offset)

    def clock() -> datetime:
        return NOON + next(times) * WRITE_DOWN

    await stores.uploads.append(upload.id, 0, dripping(), by="ada", clock=clock)
    assert seen == [100, 200, 300]


async def test_what_is_not_what_was_announced_leaves_nothing(stores: Stores) -> None:
    upload = await begin(stores, sha256="0" * 64)
    with pytest.raises(BlobMismatchError):
        await append(stores, upload, 0, pieces(WHOLE))
    assert await chunks_of_all(stores) == 0
    with pytest.raises(NotFoundError):
        await stores.uploads.get(upload.id, by="ada", now=NOON)


async def test_more_than_announced_is_refused(stores: Stores) -> None:
    upload = await begin(stores, length=10, sha256=None)
    with pytest.raises(TooLargeError):
        await append(stores, upload, 0, pieces(WHOLE[:11]))
    with pytest.raises(TooLargeError):
        await begin(stores, length=LIMIT + 1)


async def test_an_upload_is_nobody_elses(stores: Stores) -> None:
    upload = await begin(stores)
    with pytest.raises(NotFoundError):
        await stores.uploads.get(upload.id, by="bob", now=NOON)
    with pytest.raises(NotFoundError):
        await stores.uploads.append(upload.id, 0, pieces(WHOLE), by="bob", clock=lambda: NOON)


async def test_one_whose_request_died_before_the_blob_was_named_is_completed_by_the_next_look(stores: Stores) -> None:
    upload = await begin(stores)
    with pytest.raises(LineCutError):
        await append(stores, upload, 0, pieces(WHOLE, cut=True))
    assert await stores.blobs.find(SHA256) is None
    there = await stores.uploads.get(upload.id, by="ada", now=NOON)
    assert (await stores.uploads.complete(there, by="ada", now=NOON)).done
    assert await content_of(stores, SHA256) == WHOLE


@pytest.mark.parametrize("content", [b"", b"small", WHOLE[:CHUNK_BYTES], WHOLE[: CHUNK_BYTES + 1], WHOLE])
async def test_a_blob_in_one_go_is_stored_once(stores: Stores, content: bytes) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    for who, fresh in (("ada", True), ("bob", False)):
        put = await stores.uploads.put(sha256, pieces(content), by=who, limit=LIMIT, now=NOON)
        assert put is fresh
        assert await stores.blobs.stored_bytes(who) == len(content)
    assert await content_of(stores, sha256) == content
    assert await chunks_of_all(stores) == -(-len(content) // CHUNK_BYTES)


@pytest.mark.parametrize("size", [100, len(WHOLE)])
async def test_a_blob_in_one_go_leaves_nothing_when_it_is_cut_too_large_or_another(stores: Stores, size: int) -> None:
    content = WHOLE[:size]
    with pytest.raises(LineCutError):
        await stores.uploads.put(SHA256, pieces(content, cut=True), by="ada", limit=LIMIT, now=NOON)
    with pytest.raises(TooLargeError):
        await stores.uploads.put(SHA256, pieces(content), by="ada", limit=size - 1, now=NOON)
    with pytest.raises(BlobMismatchError):
        await stores.uploads.put("0" * 64, pieces(content), by="ada", limit=LIMIT, now=NOON)
    assert await chunks_of_all(stores) == 0
    assert await stores.database["uploads"].count_documents({}) == 0


@pytest.mark.parametrize("first", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 5 * CHUNK_BYTES + 7])
@pytest.mark.parametrize("length", [1, 100, CHUNK_BYTES, 2 * CHUNK_BYTES + 1])
async def test_any_part_of_a_blob_can_be_read(stores: Stores, first: int, length: int) -> None:
    await stores.uploads.put(SHA256, pieces(WHOLE), by="ada", limit=LIMIT, now=NOON)
    part = b"".join([piece async for piece in stores.blobs.read(SHA256, first, length)])
    assert part == WHOLE[first : first + length]


async def test_an_upload_that_pauses_too_long_is_forgotten_with_its_bytes(stores: Stores) -> None:
    upload = await begin(stores)
    await append(stores, upload, 0, pieces(WHOLE[:1000]))
    assert await stores.uploads.expire(now=NOON + KEPT - timedelta(seconds=1), limit=10) == 0
    assert await stores.uploads.expire(now=NOON + KEPT, limit=10) == 1
    assert await chunks_of_all(stores) == 0
    with pytest.raises(NotFoundError):
        await append(stores, upload, 1000, pieces(WHOLE[1000:]))


async def test_the_blob_of_an_upload_outlives_it(stores: Stores) -> None:
    await append(stores, await begin(stores), 0, pieces(WHOLE))
    assert await stores.uploads.expire(now=NOON + KEPT, limit=10) == 1
    assert await content_of(stores, SHA256) == WHOLE
