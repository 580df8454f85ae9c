"""What routers ask for: the services, and the caller in the role that the call needs."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from api.services import Services, utc_now
from coordinator.scheduler import Scheduler
from storage.users import Role, User, token_hash
from storage.volunteers import Volunteer

T = TypeVar("T")
USER_SECONDS = 10.0
VOLUNTEER_SECONDS = 120.0
"""How long the owner of a token is remembered: the delay with which a revoked one stops to work. Longer for volunteers:
thousands of them come back once a minute only to say that they are still there."""
REMEMBERED_TOKENS = 20_000
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Callers(Generic[T]):
    """Remembers for a moment whose token is whose, so that a sync need not ask the database."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()

    async def find(self, token: str, look_up: Callable[[str], Awaitable[T | None]]) -> T | None:
        """Return the owner of `token`; strangers are looked up every time."""
        key, now = token_hash(token), time.monotonic()
        known = self._known.get(key)
        if known is not None and now - known[0] < self._seconds:
            return known[1]
        owner = await look_up(token)
        if owner is not None:
            self._known[key] = (now, owner)
            self._known.move_to_end(key)
            if len(self._known) > REMEMBERED_TOKENS:
                self._known.popitem(last=False)
        return owner


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


def role(*allowed: Role) -> Callable[[Request], Awaitable[User]]:
    """Return a dependency that lets in users of these roles only."""

    async def check(request: Request) -> User:
        users: Callers[User] = request.app.state.users
        user = await users.find(bearer(request), services_of(request).stores.users.by_token)
        if user is None:
            raise HTTPException(401, "the token is not known, or was revoked", _CHALLENGE)
        if user.role not in allowed:
            raise HTTPException(403, f"a token of role {user.role} does not open this; it takes {' or '.join(allowed)}")
        return user

    return check


async def volunteer(request: Request) -> Volunteer:
    """Return the volunteer whose secret the request carries. Raises 401."""
    volunteers: Callers[Volunteer] = request.app.state.volunteers
    store = services_of(request).stores.volunteers
    found = await volunteers.find(bearer(request), lambda secret: store.by_secret(secret, now=utc_now()))
    if found is None:
        raise HTTPException(401, "the secret is not that of an enrolled volunteer; enrol again", _CHALLENGE)
    return found


App = Annotated[Services, Depends(services_of)]
Schedules = Annotated[Scheduler, Depends(scheduler_of)]
Named = Annotated[str | None, Depends(request_of)]
Submitter = Annotated[User, Depends(role(Role.ADMIN, Role.SUBMITTER))]
Reader = Annotated[User, Depends(role(Role.ADMIN, Role.SUBMITTER, Role.VIEWER))]
Flow = Annotated[User, Depends(role(Role.FLOW))]
Joiner = Annotated[User, Depends(role(Role.JOIN, Role.ADMIN))]
Member = Annotated[Volunteer, Depends(volunteer)]
