"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import App

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(app: App) -> dict[str, str]:
    """MongoDB answers too; 503 while it does not."""
    await app.stores.database.ping()
    return {"status": "ok"}
