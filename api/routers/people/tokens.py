"""Personal tokens for scripts and the `njangi` command: name, scopes, expiry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from njangi_flows.workflow.spec import Duration
from pydantic import BaseModel, ConfigDict, Field

from api.access.rights import acting_role
from api.clock import utc_now
from api.dependencies import App, Person, Reader
from api.http.refusals import RefusalError
from storage.people.tokens import Token, TokenKind
from storage.people.users import Role, Scope

router = APIRouter(prefix="/v1/tokens", tags=["account"])

DAY = 86_400.0
Lifetime = Annotated[Duration, Field(ge=60, le=366 * DAY)]


class NewToken(BaseModel):
    """`expires_in`: as `90d`, at most 366 days."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1)] = [Scope.READ, Scope.WRITE]
    expires_in: Lifetime = 90 * DAY


class TokenView(BaseModel):
    id: str
    user: str
    name: str
    scopes: Sequence[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class MadeToken(TokenView):
    """With the token itself, which is shown this once."""

    token: str


@router.get("")
async def page(app: App, caller: Reader, user: Annotated[str | None, Query()] = None) -> dict[str, list[TokenView]]:
    """Return one's own tokens, the newest first; admins may ask for those of a `user`."""
    whose = user or caller.name
    if whose != caller.name and acting_role(caller) is not Role.ADMIN:
        raise RefusalError("tokens-of-others")
    return {"tokens": [_view(item) for item in await app.stores.tokens.of(whose, now=utc_now())]}


@router.post("", status_code=201)
async def create(body: NewToken, app: App, caller: Person, response: Response) -> MadeToken:
    """Make a token, with no scope that the caller does not have."""
    scopes = set(body.scopes)
    if beyond := scopes - caller.scopes:
        raise RefusalError("token-beyond", scopes=", ".join(sorted(beyond)))
    if Scope.ADMIN in scopes and caller.role is not Role.ADMIN:
        raise RefusalError("scope-admin")
    now = utc_now()
    made, secret = await app.stores.tokens.add(
        caller.name,
        TokenKind.PERSONAL,
        body.name,
        scopes,
        expires_at=now + timedelta(seconds=body.expires_in),
        now=now,
    )
    response.headers["Cache-Control"] = "no-store"
    return MadeToken(**_view(made).model_dump(), token=secret)


@router.delete("/{token_id}", status_code=204)
async def revoke(token_id: str, app: App, caller: Person) -> None:
    """Revoke a token at once; admins may revoke anybody's."""
    whose = None if acting_role(caller) is Role.ADMIN else caller.name
    await app.stores.tokens.revoke(token_id, user=whose, now=utc_now())
    app.users.forget()


def _view(token: Token) -> TokenView:
    return TokenView(
        id=token.id,
        user=token.user,
        name=token.name,
        scopes=token.scopes,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )
