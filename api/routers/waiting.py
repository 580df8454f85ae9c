"""Why a run is not further."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import App, Reader
from api.waiting import reasons
from coordinator.decisions.waiting import ReasonKind

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class ReasonView(BaseModel):
    """`task`: null of the whole run. `count`: of how many subtasks, of `dependencies` of how many tasks.

    `values` are what `detail`, an English sentence that says what would help, is made of.
    """

    task: str | None
    kind: ReasonKind
    count: int
    values: dict[str, Any]
    detail: str


class WaitingView(BaseModel):
    """Of the whole run first; exactly one reason of kind `none` where nothing waits."""

    reasons: list[ReasonView]


@router.get("/{run_id}/waiting")
async def waiting(run_id: str, app: App, _: Reader) -> WaitingView:
    """Say what the run and its tasks wait for, and what would help."""
    found = await reasons(app, await app.stores.runs.get(run_id))
    return WaitingView(reasons=[ReasonView.model_validate(reason, from_attributes=True) for reason in found])
