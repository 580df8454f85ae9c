"""Send a blob or a part of it, without holding it in memory."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.http.errors import problem
from api.http.ranges import UnsatisfiableError, part_of
from storage.errors import NotFoundError
from storage.files.blobs import BlobStore

KEEP = {"Cache-Control": "private, max-age=31536000, immutable"}
"""A SHA-256 stands for the same bytes for ever."""
ASK_AGAIN = {"Cache-Control": "private, no-cache"}
"""For an address that may stand for other bytes later: whoever keeps them asks whether they still are these."""


async def send_blob(
    blobs: BlobStore, request: Request, sha256: str, media_type: str, *, more: Mapping[str, str] = KEEP
) -> Response:
    """Return the bytes that the request asks for (Range, If-Range, If-None-Match), with `more` headers.

    Raises NotFoundError.
    """
    blob = await blobs.find(sha256)
    if blob is None:
        raise NotFoundError("blob", sha256)
    etag = f'"{sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", **more}
    if etag in (request.headers.get("if-none-match") or ""):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(blob.size)}, media_type=media_type)
    wanted = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
    try:
        part = part_of(wanted, blob.size)
    except UnsatisfiableError:
        told = {**headers, "Content-Range": f"bytes */{blob.size}"}
        return problem(416, "range", f"the blob has {blob.size} bytes; the range starts after its end", headers=told)
    if part is None:
        content, status, length = blobs.read(sha256), 200, blob.size
    else:
        content, status, length = blobs.read(sha256, part.first, part.length), 206, part.length
        headers["Content-Range"] = part.of(blob.size)
    return StreamingResponse(content, status, {**headers, "Content-Length": str(length)}, media_type)
