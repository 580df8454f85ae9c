"""Why a run does not go on."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import App, Reader
from api.runs.waiting import ReasonView, reasons

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class WaitingView(BaseModel):
    """Of the whole run first; exactly one reason of kind `none` where nothing waits."""

    reasons: list[ReasonView]


@router.get("/{run_id}/waiting")
async def waiting(run_id: str, app: App, _: Reader) -> WaitingView:
    """Say what the run and its tasks wait for, and what would help."""
    found = await reasons(app, await app.stores.runs.get(run_id))
    return WaitingView(reasons=[ReasonView.model_validate(reason, from_attributes=True) for reason in found])
