"""Sign in and out of the console, and look after one's own account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.audit import record_as
from api.clock import utc_now
from api.dependencies import Anyone, App, Person, Reader, csrf_token
from api.http.rate_limits import SESSION_COOKIE
from api.http.refusals import RefusalError
from api.services import Services
from coordinator.decisions.quotas import told
from storage.people.tokens import TokenKind
from storage.people.users import Role, Scope, User

router = APIRouter(prefix="/v1", tags=["account"])

SESSION = timedelta(days=7)
Password = Annotated[str, Field(min_length=10, max_length=200)]


class SignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=200)]


class NewPassword(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old: Annotated[str, Field(max_length=200)]
    new: Password


class Me(BaseModel):
    """Who one is to the service. `csrf_token` goes into the header Njangi-CSRF of every write within a session."""

    name: str
    role: Role
    scopes: list[Scope]
    csrf_token: str | None


class WholeMe(Me):
    """With what one has, and may have, of everything; `allowed` is null without a limit.

    `last_event` is the number of the newest event: who follows events after it misses nothing that changes from now on.
    """

    quotas: Mapping[str, Mapping[str, int | None]]
    last_event: int


@router.post("/session", dependencies=[Anyone])
async def sign_in(body: SignIn, request: Request, response: Response, app: App) -> Me:
    """Sign in by name and password: the cookie that comes back is the session."""
    await record_as(app, request, body.name)
    await app.stores.sign_ins.attempt(body.name, address_of(request), now=utc_now())
    found = await app.stores.users.password_of(body.name)
    if not await app.passwords.verify(found[1] if found else None, body.password) or found is None:
        raise RefusalError("wrong-password")
    user, hashed = found
    await app.stores.sign_ins.succeeded(user.name)
    if app.passwords.stale(hashed):
        await app.stores.users.rehash(user.name, hashed, await app.passwords.hash(body.password))
    return await begin_session(app, user, request, response)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, response: Response, app: App, caller: Person) -> None:
    """End the session."""
    if SESSION_COOKIE in request.cookies and caller.token_id is not None:
        await app.stores.tokens.revoke(caller.token_id, user=caller.name, now=utc_now())
        app.forget(user=caller.name)
    response.delete_cookie(SESSION_COOKIE)


@router.get("/me")
async def me(request: Request, app: App, caller: Reader) -> WholeMe:
    """Tell who one is, and what of one's quotas is used."""
    last = await app.stores.ledger.last_seq()
    cookie = request.cookies.get(SESSION_COOKIE) if "authorization" not in request.headers else None
    who = _me(caller, csrf_token(cookie) if cookie else None)
    quotas = told(await app.quotas.of(caller.name), await app.quotas.usage(caller.name))
    return WholeMe(**who.model_dump(), quotas=quotas, last_event=last)


@router.post("/me:password", status_code=204)
async def change_password(body: NewPassword, request: Request, app: App, caller: Person) -> None:
    """Change one's password; all other sessions end, tokens stay."""
    await app.stores.sign_ins.attempt(caller.name, address_of(request), now=utc_now())
    found = await app.stores.users.password_of(caller.name)
    if found is None or not await app.passwords.verify(found[1], body.old):
        raise RefusalError("old-password-wrong")
    await app.stores.sign_ins.succeeded(caller.name)
    new = await app.passwords.hash(body.new)
    if not await app.stores.users.change_password(caller.name, found[1], new, keep=caller.token_id, now=utc_now()):
        raise RefusalError("password-changed")
    app.forget(user=caller.name)


async def begin_session(app: Services, user: User, request: Request, response: Response) -> Me:
    """Make a session, give it to the browser and return who signed in."""
    now = utc_now()
    _, secret = await app.stores.tokens.add(
        user.name, TokenKind.SESSION, address_of(request), tuple(Scope), expires_at=now + SESSION, now=now
    )
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(SESSION.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    response.headers["Cache-Control"] = "no-store"
    return _me(user, csrf_token(secret))


def address_of(request: Request) -> str:
    """Return where the request came from, as far as the server trusts what proxies say."""
    return request.client.host if request.client else "unknown"


def _me(user: User, csrf: str | None) -> Me:
    return Me(name=user.name, role=user.role, scopes=sorted(user.scopes), csrf_token=csrf)
