"""What routers depend on: the services, and the caller with the right that the call needs.

Every route declares its right by one of these dependencies. Where its path names a workflow, a run or a schedule,
the right is one to that thing. What a body names, the router checks with `must`.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from api.access.rights import AccessDecision, Action, decide, roles_for
from api.audit import record
from api.clock import utc_now
from api.http.rate_limits import KNOWN, SESSION_COOKIE
from api.http.refusals import RefusalError
from api.services import Services
from coordinator.scheduler import Scheduler
from storage.errors import NotFoundError
from storage.people.join_tokens import PREFIX
from storage.people.users import User, token_hash
from storage.sharing import Noun
from storage.volunteers.store import Volunteer, VolunteerStatus

_LATER = {"Retry-After": "60"}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_STORED = ("njangi-token-", "njangi-session-")
_SAFE = ("GET", "HEAD", "OPTIONS")
CSRF_HEADER = "Njangi-CSRF"
_NOUNS = {f"{noun}_id": noun for noun in Noun}

DECLARED: dict[Callable[..., Any], Action] = {}
"""What each dependency that checks a right asks for; a test looks for one of them in every route."""


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def scheduler_of(request: Request) -> Scheduler:
    scheduler: Scheduler = request.app.state.scheduler
    return scheduler


def request_of(request: Request) -> str | None:
    """Return what names the request in all that it makes, if it has an Idempotency-Key (see api.idempotency)."""
    named: str | None = getattr(request.state, "request", None)
    return named


def bearer(request: Request) -> str:
    """Return the token of the request. Raises 401 without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401, "this call needs the header Authorization: Bearer TOKEN", _CHALLENGE)
    return token.strip()


async def identify(request: Request) -> User:
    """Return who calls, by the header Authorization or else by the console's cookie. Raises 401, 403."""
    app = services_of(request)
    cookie = request.cookies.get(SESSION_COOKIE) if "authorization" not in request.headers else None
    secret = cookie or bearer(request)
    user = await user_of(app, secret)
    if user is None:
        raise RefusalError("session-ended" if cookie else "token-unknown", _CHALLENGE)
    setattr(request.state, KNOWN, True)
    if cookie is not None:
        check_csrf(request, cookie)
    return user


async def user_of(app: Services, secret: str) -> User | None:
    """Return whose token, or whose session's secret, this is."""

    async def look_up(secret: str) -> User | None:
        if secret.startswith(_STORED):
            return await app.stores.tokens.owner(secret, now=utc_now())
        user = await app.stores.users.by_token(secret)
        if user is None and secret.startswith(PREFIX):
            return await app.stores.join_tokens.owner(secret, now=utc_now())
        return user

    return await app.users.find(secret, look_up)


def check_csrf(request: Request, secret: str) -> None:
    """Raise 403 for a write that another site may have had the browser send: it lacks the session's CSRF token."""
    if request.method in _SAFE:
        return
    if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(secret).encode()):
        raise HTTPException(
            403, f"a write within a session needs the header {CSRF_HEADER}; GET /v1/me returns its value"
        )


def csrf_token(secret: str) -> str:
    """Return what shows that a page could read our answers: it follows from the session's secret alone."""
    return token_hash(f"csrf {secret}")


async def must(app: Services, user: User, action: Action, noun: Noun, id_: str) -> None:
    """Raise 403 or NotFoundError unless `user` may do `action` to that thing."""
    thing = await app.stores.sharing.owned(noun, id_)
    verdict = decide(user, action, thing)
    if verdict is AccessDecision.HIDDEN:
        raise NotFoundError(noun, id_)
    if verdict is AccessDecision.FORBIDDEN:
        raise RefusalError("read-only", noun=noun, id=id_, owner=thing.owner)


def right(action: Action) -> Callable[[Request], Awaitable[User]]:
    """Return a dependency that lets in who may do `action`, to each thing with an owner that the path names."""

    async def check(request: Request) -> User:
        user = await identify(request)
        await record(services_of(request), request, user)
        if decide(user, action) is not AccessDecision.ALLOWED:
            raise _refusal(user, action)
        if action in (Action.READ, Action.CHANGE):
            for name, id_ in request.path_params.items():
                if name in _NOUNS:
                    await must(services_of(request), user, action, _NOUNS[name], id_)
        return user

    DECLARED[check] = action
    return check


def _refusal(user: User, action: Action) -> RefusalError:
    if user.role not in roles_for(action):
        return RefusalError("role-too-low", role=user.role, roles=" or ".join(roles_for(action)))
    return RefusalError("scope-missing", scopes=", ".join(sorted(user.scopes)), action=action)


async def volunteer(request: Request) -> Volunteer:
    """Return the volunteer whose secret the request carries; 503 tells a suspended one to wait. Raises 401."""
    found = await member(request)
    if found.status is VolunteerStatus.SUSPENDED:
        raise HTTPException(503, "this machine is suspended; it can continue when an admin resumes it", _LATER)
    return found


async def member(request: Request) -> Volunteer:
    """Return the volunteer whose secret the request carries, suspended or not. Raises 401."""
    app = services_of(request)
    store = app.stores.volunteers
    found = await app.volunteers.find(bearer(request), lambda secret: store.by_secret(secret, now=utc_now()))
    if found is None:
        raise HTTPException(401, "this is not the secret of an enrolled volunteer; enrol again", _CHALLENGE)
    setattr(request.state, KNOWN, True)
    return found


async def anyone() -> None:
    """Let in everybody, without a token."""


DECLARED |= {volunteer: Action.SERVE, anyone: Action.ANYONE}

reading = right(Action.READ)
changing = right(Action.CHANGE)
carrying = right(Action.CARRY)

App = Annotated[Services, Depends(services_of)]
Schedules = Annotated[Scheduler, Depends(scheduler_of)]
Named = Annotated[str | None, Depends(request_of)]
Submitter = Annotated[User, Depends(changing)]
Reader = Annotated[User, Depends(reading)]
Person = Annotated[User, Depends(right(Action.ACCOUNT))]
Admin = Annotated[User, Depends(right(Action.ADMINISTER))]
Flow = Annotated[User, Depends(carrying)]
Joiner = Annotated[User, Depends(right(Action.ENROL))]
Member = Annotated[Volunteer, Depends(volunteer)]
Anyone = Depends(anyone)
