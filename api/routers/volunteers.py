"""Volunteers, as operators and submitters see them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.dependencies import App, Reader
from api.services import utc_now

router = APIRouter(prefix="/v1/volunteers", tags=["volunteers"])


@router.get("")
async def page(app: App, _: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> dict[str, Any]:
    """Return volunteers, those last heard of first."""
    found = await app.stores.volunteers.page(now=utc_now(), limit=limit)
    return {"volunteers": [asdict(item) for item in found]}
