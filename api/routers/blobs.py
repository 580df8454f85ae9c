"""Blobs, by SHA-256: the same calls for submitters, flows and agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from njangi_agent.proof import STORED_HEADER

from api.clock import utc_now
from api.dependencies import App
from api.http.downloads import send_blob
from storage.errors import NotFoundError
from storage.people.users import Role, User
from storage.volunteers.store import Volunteer

Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Guard = Callable[..., Awaitable[User] | Awaitable[Volunteer]]


@dataclass(frozen=True, slots=True)
class Depositor:
    """Who stores blobs, under which name they are kept apart, and how large one may be in bytes."""

    name: str
    largest: int


def depositor(guard: Guard) -> Callable[..., Awaitable[Depositor]]:
    """Return a dependency that lets in whom `guard` does."""

    let_in: Any = Depends(guard)

    async def of(app: App, caller: Any = let_in) -> Depositor:
        if isinstance(caller, Volunteer):
            return Depositor(f"volunteer:{caller.id}", app.settings.largest_blob)
        trusted = caller.role in (Role.ADMIN, Role.FLOW)
        return Depositor(caller.name, app.settings.largest_blob_trusted if trusted else app.settings.largest_blob)

    return of


def blob_routes(prefix: str, *, read: Guard, write: Guard) -> APIRouter:
    """Return GET of `{prefix}/blobs/{sha256}` for whom `read` lets in, PUT and HEAD for whom `write` does."""
    router = APIRouter(prefix=prefix, tags=["blobs"])
    caller: Any = Depends(depositor(write))

    @router.put("/blobs/{sha256}", status_code=201)
    async def put_blob(sha256: Sha256, request: Request, app: App, by: Depositor = caller) -> Response:
        """Store the body under its hash: 201 when new, 200 when it was there. Large ones had better be uploads.

        `Njangi-Sha256` in the answer names what is stored.
        """
        declared = request.headers.get("content-length", "")
        left = await app.quotas.may_store(by.name, int(declared) if declared.isdecimal() else None)
        limit = by.largest if left is None else min(by.largest, left)
        fresh = await app.stores.uploads.put(sha256, request.stream(), by=by.name, limit=limit, now=utc_now())
        return Response(status_code=201 if fresh else 200, headers={STORED_HEADER: sha256})

    @router.head("/blobs/{sha256}")
    async def head_blob(sha256: Sha256, request: Request, app: App, by: Depositor = caller) -> Response:
        """Tell whether a blob is stored. Who asks may refer to it for some days from now on."""
        if await app.stores.blobs.touch({sha256}, by=by.name, now=utc_now()):
            raise NotFoundError("blob", sha256)
        return await send_blob(app.stores.blobs, request, sha256, "application/octet-stream")

    @router.get("/blobs/{sha256}", dependencies=[Depends(read)])
    async def get_blob(sha256: Sha256, request: Request, app: App) -> Response:
        """Return a blob, or the part of it that the header Range asks for."""
        return await send_blob(app.stores.blobs, request, sha256, "application/octet-stream")

    return router
