"""Results that are bytes keep their places, or are joined byte for byte."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest
from njangi_flows.engine.binary_results import NoBytesError, gathered
from njangi_flows.protocol import FileRef, ResultRow
from njangi_flows.workflow.model import AggregateSpec

CONTENTS = [b"\x89PNG\r\n\x00", b"\xff" * 70_000, b""]


class Blobs:
    """What stands for the service here: blobs by their names."""

    def __init__(self) -> None:
        self.stored = {hashlib.sha256(content).hexdigest(): content for content in CONTENTS}

    async def copy_blob(self, ref: FileRef, file: IO[bytes]) -> None:
        file.write(self.stored[ref.sha256])

    async def put_file(self, ref: FileRef, path: Path) -> None:
        self.stored[ref.sha256] = await asyncio.to_thread(path.read_bytes)


async def rows(*changed: ResultRow) -> AsyncIterator[Sequence[ResultRow]]:
    """Yield three results of which the second failed, in two pages, and then what is `changed`."""
    first, _, last = CONTENTS
    yield [
        ResultRow(index=0, status="COMPLETED", blob=hashlib.sha256(first).hexdigest(), size=len(first)),
        ResultRow(index=1, status="FAILED"),
    ]
    yield [ResultRow(index=2, status="COMPLETED", blob=hashlib.sha256(last).hexdigest(), size=0), *changed]


async def test_a_list_of_bytes_has_null_in_the_place_of_what_failed() -> None:
    service: Any = Blobs()
    ref = await gathered(service, AggregateSpec(kind="list"), rows())
    first, failed, last = json.loads(ref.text or "")
    assert (first["blob"], first["size"], failed, last["size"]) == (hashlib.sha256(CONTENTS[0]).hexdigest(), 7, None, 0)
    assert first["media_type"] == "application/octet-stream"


async def test_bytes_are_joined_without_what_failed() -> None:
    service: Any = Blobs()
    large = ResultRow(index=3, status="COMPLETED", blob=hashlib.sha256(CONTENTS[1]).hexdigest(), size=70_000)
    ref = await gathered(service, AggregateSpec(kind="concat"), rows(large))
    assert ref.raw
    assert service.stored[ref.blob] == CONTENTS[0] + CONTENTS[1]
    assert ref.blob == hashlib.sha256(service.stored[ref.blob]).hexdigest()


@pytest.mark.parametrize("kind", ["list", "concat"])
async def test_a_result_that_is_not_kept_as_bytes_is_named(kind: Any) -> None:
    service: Any = Blobs()
    with pytest.raises(NoBytesError, match="subtask 3"):
        await gathered(
            service, AggregateSpec(kind=kind), rows(ResultRow(index=3, status="COMPLETED", result='"replaced"'))
        )
