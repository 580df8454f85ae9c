"""Join tokens, which let machines enrol; for admins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.clock import utc_now
from api.dependencies import Admin, Anyone, App
from api.routers.people.tokens import DAY, Lifetime
from storage.people.join_tokens import JoinToken
from storage.volunteers.store import Volunteer, VolunteerStatus

router = APIRouter(prefix="/v1/join-tokens", tags=["volunteers"])

MOST_NEWCOMERS = 100


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


class Look(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(max_length=200)]


class ServiceView(BaseModel):
    """Whose service it is and what its work is good for, as its operator says."""

    name: str
    purpose: str


class Newcomer(BaseModel):
    id: str
    name: str
    status: VolunteerStatus
    enrolled_at: datetime
    last_seen: datetime
    completed: int


class Looked(BaseModel):
    """`left`: how many machines it still enrols. `volunteers`: the newest 100 that came by it."""

    name: str
    by: str
    expires_at: datetime
    left: int
    service: ServiceView
    volunteers: list[Newcomer]


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


@router.post(":look", dependencies=[Anyone])
async def look(body: Look, app: App) -> Looked:
    """Tell who has a join token, and nothing else, what it is for and which machines came by it."""
    now = utc_now()
    found = await app.stores.join_tokens.look(body.token, now=now)
    came = await app.stores.volunteers.of_join_token(found.id, limit=MOST_NEWCOMERS, now=now)
    return Looked(
        name=found.name,
        by=found.by,
        expires_at=found.expires_at,
        left=max(0, found.uses - found.used),
        service=ServiceView(name=app.settings.name, purpose=app.settings.purpose),
        volunteers=[_newcomer(item) for item in came],
    )


def _newcomer(volunteer: Volunteer) -> Newcomer:
    return Newcomer(
        id=volunteer.id,
        name=volunteer.name,
        status=volunteer.status,
        enrolled_at=volunteer.enrolled_at,
        last_seen=volunteer.last_seen,
        completed=volunteer.completed,
    )


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
