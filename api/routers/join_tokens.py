"""Join tokens: what lets machines enrol, for admins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import Admin, App
from api.routers.tokens import DAY, Lifetime
from api.services import utc_now
from storage.join_tokens import JoinToken

router = APIRouter(prefix="/v1/join-tokens", tags=["volunteers"])


class NewJoinToken(BaseModel):
    """`uses`: how many machines it enrols. `expires_in`: as `7d`, at most 366 days."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    uses: Annotated[int, Field(ge=1, le=10_000)] = 1
    expires_in: Lifetime = 7 * DAY


class JoinTokenView(BaseModel):
    id: str
    name: str
    uses: int
    used: int
    by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class MadeJoinToken(JoinTokenView):
    """With the token itself, which is shown this once."""

    token: str


@router.post("", status_code=201)
async def create(body: NewJoinToken, app: App, caller: Admin, response: Response) -> MadeJoinToken:
    """Make a join token."""
    now = utc_now()
    made, secret = await app.stores.join_tokens.add(
        body.name, uses=body.uses, by=caller.name, expires_at=now + timedelta(seconds=body.expires_in), now=now
    )
    response.headers["Cache-Control"] = "no-store"
    return MadeJoinToken(**_view(made).model_dump(), token=secret)


@router.get("")
async def page(app: App, _: Admin, limit: Annotated[int, Query(ge=1, le=500)] = 200) -> dict[str, list[JoinTokenView]]:
    """Return join tokens, the newest first."""
    return {"join_tokens": [_view(item) for item in await app.stores.join_tokens.page(limit=limit)]}


@router.delete("/{token_id}", status_code=204)
async def revoke(token_id: str, app: App, _: Admin) -> None:
    """Let the token enrol nothing more; machines that it has enrolled stay."""
    await app.stores.join_tokens.revoke(token_id, now=utc_now())
    app.users.forget()


def _view(token: JoinToken) -> JoinTokenView:
    return JoinTokenView(
        id=token.id,
        name=token.name,
        uses=token.uses,
        used=token.used,
        by=token.by,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        last_used_at=token.last_used_at,
    )
