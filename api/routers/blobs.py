"""Blobs, by SHA-256: the same three calls for submitters, flows and agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.params import Depends
from fastapi.responses import StreamingResponse

from api.dependencies import App
from storage.errors import NotFoundError

Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


def blob_routes(prefix: str, *guards: Callable[..., Any]) -> APIRouter:
    """Return PUT, HEAD and GET of `{prefix}/blobs/{sha256}` behind `guards`."""
    router = APIRouter(prefix=prefix, tags=["blobs"], dependencies=[Depends(guard) for guard in guards])

    @router.put("/blobs/{sha256}", status_code=201)
    async def put_blob(sha256: Sha256, request: Request, app: App) -> Response:
        """Store the body under its hash: 201 when new, 200 when it was there."""
        fresh = await app.stores.blobs.put(sha256, request.stream(), limit=app.settings.largest_blob)
        return Response(status_code=201 if fresh else 200)

    @router.head("/blobs/{sha256}")
    async def head_blob(sha256: Sha256, app: App) -> Response:
        blob = await app.stores.blobs.find(sha256)
        if blob is None:
            raise NotFoundError("blob", sha256)
        return Response(headers={"Content-Length": str(blob.size)})

    @router.get("/blobs/{sha256}")
    async def get_blob(sha256: Sha256, app: App) -> Response:
        blob = await app.stores.blobs.find(sha256)
        if blob is None:
            raise NotFoundError("blob", sha256)
        headers = {"Content-Length": str(blob.size), "ETag": f'"{sha256}"'}
        return StreamingResponse(app.stores.blobs.read(sha256), media_type="application/octet-stream", headers=headers)

    return router
