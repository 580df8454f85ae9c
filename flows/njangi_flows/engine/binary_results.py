"""Results that are bytes (`parse: bytes`): gathered without being read, and passed on as files.

One of them never has to fit into memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from njangi_flows.engine.flow_client import FlowService
from njangi_flows.engine.inputs import ResultRef, stored_result
from njangi_flows.errors import FlowsError
from njangi_flows.protocol import FileRef, ResultRow
from njangi_flows.workflow.model import AggregateSpec

BYTES = "application/octet-stream"
_COMPLETED = "COMPLETED"


class NoBytesError(FlowsError, ValueError):
    """The result of a subtask is not what its task puts out."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index

    def __str__(self) -> str:
        return f"the result of subtask {self.index} is not kept as bytes"


async def gathered(service: FlowService, spec: AggregateSpec, rows: AsyncIterator[Sequence[ResultRow]]) -> ResultRef:
    """Return the result of a task whose subtasks put out bytes, of which `rows` tells in their order.

    - list: a list of where they are, {"blob": SHA-256, "size": bytes, "media_type"} each, null where a subtask failed
    - concat: one after the other, those that there are

    Raises NoBytesError.
    """
    if spec.kind == "concat":
        return await _joined(service, rows)
    places: list[JsonValue] = [_place(row) async for page in rows for row in page]
    return await stored_result(service, places)


def bytes_of(row: ResultRow) -> FileRef | None:
    """Return where the bytes of a subtask are, None if it has no result. Raises NoBytesError."""
    if row.status != _COMPLETED:
        return None
    if row.blob is None or row.size is None:
        raise NoBytesError(row.index)
    return FileRef(sha256=row.blob, size=row.size)


def _place(row: ResultRow) -> JsonValue:
    ref = bytes_of(row)
    return None if ref is None else {"blob": ref.sha256, "size": ref.size, "media_type": BYTES}


async def _joined(service: FlowService, rows: AsyncIterator[Sequence[ResultRow]]) -> ResultRef:
    with tempfile.NamedTemporaryFile(prefix="njangi-") as file:
        async for page in rows:
            for row in page:
                if (ref := bytes_of(row)) is not None:
                    await service.copy_blob(ref, file)
        file.flush()
        path = Path(file.name)
        whole = await asyncio.to_thread(_ref_of, path)
        await service.put_file(whole, path)
    return ResultRef(blob=whole.sha256, raw=True)


def _ref_of(path: Path) -> FileRef:
    with path.open("rb") as file:
        return FileRef(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=path.stat().st_size)
