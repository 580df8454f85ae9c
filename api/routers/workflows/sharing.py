"""Let others read a workflow and its runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.clock import utc_now
from api.dependencies import App, Submitter

router = APIRouter(prefix="/v1/workflows", tags=["sharing"])


class With(BaseModel):
    """Names of users; `*` is everybody who is signed in."""

    model_config = ConfigDict(extra="forbid")

    names: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]], Field(alias="with", min_length=1, max_length=100)
    ]


class Readers(BaseModel):
    """Who may read the workflow and its runs, the owner first."""

    readers: Sequence[str]


@router.post("/{workflow_id}:share")
async def share(workflow_id: str, body: With, app: App, caller: Submitter) -> Readers:
    """Let users read the workflow and all its runs, those to come too."""
    readers = await app.stores.sharing.share(workflow_id, body.names, by=caller.name, now=utc_now())
    return Readers(readers=readers)


@router.post("/{workflow_id}:unshare")
async def unshare(workflow_id: str, body: With, app: App, caller: Submitter) -> Readers:
    """Let users no longer read them; owners always may."""
    readers = await app.stores.sharing.unshare(workflow_id, body.names, by=caller.name, now=utc_now())
    return Readers(readers=readers)
