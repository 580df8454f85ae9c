"""Uploads that survive a broken line: tus 1.0.0 (https://tus.io/protocols/resumable-upload), with creation, expiration
and termination. Metadata that counts: `sha256`, the hex digest; what is stored already needs no bytes then."""

from __future__ import annotations

import base64
import binascii
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from njangi_agent.proof import STORED_HEADER
from njangi_agent.protocol import is_sha256
from starlette.exceptions import HTTPException

from api.clock import utc_now
from api.dependencies import App
from api.routers.blobs import Depositor, Guard, depositor
from storage.files.uploads import Upload

VERSION = "1.0.0"
MEDIA_TYPE = "application/offset+octet-stream"
_OURS = {"Tus-Resumable": VERSION}

Length = Annotated[int, Header(alias="Upload-Length", ge=0)]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0)]
Metadata = Annotated[str, Header(alias="Upload-Metadata", max_length=4096)]


def known_version(tus_resumable: Annotated[str | None, Header(alias="Tus-Resumable")] = None) -> None:
    """Raises 412 unless the caller speaks this version of tus."""
    if tus_resumable != VERSION:
        raise HTTPException(412, f"this call needs the header Tus-Resumable: {VERSION}", {"Tus-Version": VERSION})


def upload_routes(prefix: str, guard: Guard) -> APIRouter:
    """Return the calls of tus below `{prefix}/uploads` for those that `guard` lets in."""
    router = APIRouter(prefix=prefix, tags=["blobs"])
    caller: Any = Depends(depositor(guard))
    tus = [Depends(guard), Depends(known_version)]

    @router.options("/uploads", status_code=204)
    async def abilities(by: Depositor = caller) -> Response:
        """Tell what of tus is spoken here, and the largest upload in bytes."""
        told = {"Tus-Version": VERSION, "Tus-Extension": "creation,expiration,termination"}
        return Response(status_code=204, headers={**_OURS, **told, "Tus-Max-Size": str(by.largest)})

    @router.post("/uploads", status_code=201, dependencies=tus)
    async def create(app: App, length: Length, metadata: Metadata = "", by: Depositor = caller) -> Response:
        """Begin an upload; its address is in `Location`. It is done at once if its `sha256` is stored already."""
        sha256, now = _sha256(metadata), utc_now()
        known = sha256 is not None and not await app.stores.blobs.touch({sha256}, by=by.name, now=now)
        if not known:
            await app.quotas.may_store(by.name, length)
        upload = await app.stores.uploads.create(length, sha256, by=by.name, limit=by.largest, now=now, done=known)
        return _told(upload, 201, {"Location": f"{prefix}/uploads/{upload.id}"})

    @router.head("/uploads/{upload_id}", dependencies=tus)
    async def look(upload_id: str, app: App, by: Depositor = caller) -> Response:
        """Tell how many bytes are there."""
        upload = await app.stores.uploads.get(upload_id, by=by.name, now=utc_now())
        upload = await app.stores.uploads.complete(upload, by=by.name, now=utc_now())
        return _told(upload, 200, {"Cache-Control": "no-store"})

    @router.patch("/uploads/{upload_id}", status_code=204, dependencies=tus)
    async def append(upload_id: str, offset: Offset, request: Request, app: App, by: Depositor = caller) -> Response:
        """Send what follows byte `Upload-Offset`. After the last one `Njangi-Sha256` names the blob."""
        if request.headers.get("content-type") != MEDIA_TYPE:
            raise HTTPException(415, f"this call needs the header Content-Type: {MEDIA_TYPE}", _OURS)
        upload = await app.stores.uploads.append(upload_id, offset, request.stream(), by=by.name, clock=utc_now)
        return _told(upload, 204)

    @router.delete("/uploads/{upload_id}", status_code=204, dependencies=tus)
    async def terminate(upload_id: str, app: App, by: Depositor = caller) -> Response:
        """Forget an upload; a blob that it has made stays."""
        await app.stores.uploads.delete(upload_id, by=by.name)
        return Response(status_code=204, headers=_OURS)

    return router


def _told(upload: Upload, status: int, more: dict[str, str] | None = None) -> Response:
    headers = {
        **_OURS,
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.length),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
        **(more or {}),
    }
    if upload.done and upload.sha256:
        headers[STORED_HEADER] = upload.sha256
    return Response(status_code=status, headers=headers)


def _sha256(metadata: str) -> str | None:
    """Return what Upload-Metadata says of `sha256`: pairs of a key and a base64 value, between commas."""
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "sha256":
            try:
                text = base64.b64decode(value, validate=True).decode("ascii")
            except (binascii.Error, UnicodeDecodeError):
                text = ""
            if not is_sha256(text):
                raise HTTPException(400, "sha256 in Upload-Metadata must be 64 hex digits, in base64", _OURS)
            return text
    return None
