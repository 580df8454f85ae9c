"""Users and invitations, for admins; and accepting an invitation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from njangi_flows.workflow.spec import Duration
from pydantic import BaseModel, ConfigDict, Field

from api.audit import record_as
from api.clock import utc_now
from api.dependencies import Admin, Anyone, App
from api.http.refusals import RefusalError
from api.routers.people.session import Me, Password, address_of, begin_session
from api.services import Services
from coordinator.decisions.quotas import told
from storage.people.invitations import Invitation
from storage.people.users import PEOPLE, Account, Role

router = APIRouter(prefix="/v1", tags=["users"])

DAY = 86_400.0
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PersonRole(_Body):
    role: Role

    def checked(self) -> Role:
        if self.role not in PEOPLE:
            raise RefusalError("role-unknown", roles=f"{', '.join(PEOPLE[:-1])} or {PEOPLE[-1]}")
        return self.role


class NewInvitation(PersonRole):
    """`name`: who is invited; left out, the invited choose one. `expires_in`: as `3d`, at most 30 days."""

    name: Name | None = None
    expires_in: Annotated[Duration, Field(ge=60, le=30 * DAY)] = 3 * DAY


class Accept(_Body):
    """`name` may be left out where the invitation has one."""

    code: Annotated[str, Field(max_length=200)]
    name: Name | None = None
    password: Password


class OwnQuota(_Body):
    """What counts for one user instead of the role's: null lifts a limit, what is left out is as the role's."""

    workflows: Annotated[int, Field(ge=0)] | None = None
    runs: Annotated[int, Field(ge=0)] | None = None
    queued: Annotated[int, Field(ge=0)] | None = None
    leased: Annotated[int, Field(ge=0)] | None = None
    stored_bytes: Annotated[int, Field(ge=0)] | None = None


class UserView(BaseModel):
    """`signs_in`: has a password. `quota`: what an admin set instead of the role's."""

    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    signs_in: bool
    quota: Mapping[str, int | None]


class OneUserView(UserView):
    """With what the user has, and may have, of everything."""

    quotas: Mapping[str, Mapping[str, int | None]]


class InvitationView(BaseModel):
    id: str
    name: str | None
    role: Role
    by: str
    created_at: datetime
    expires_at: datetime
    accepted_by: str | None


class MadeInvitation(InvitationView):
    """With its code, which is shown this once."""

    code: str


@router.get("/users")
async def page(
    app: App, _: Admin, after: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> dict[str, list[UserView]]:
    """Return users in the order of their names, from `after` on."""
    return {"users": [_user(item) for item in await app.stores.users.page(after=after, limit=limit)]}


@router.get("/users/{name}")
async def get(name: str, app: App, _: Admin) -> OneUserView:
    """Return a user, and what of its quotas is used."""
    return await _with_quotas(app, await app.stores.users.get(name))


@router.post("/users/{name}:disable")
async def disable(name: str, app: App, caller: Admin) -> UserView:
    """Let nobody in as this user: its sessions and tokens end at once, its runs go on."""
    _not_oneself(name, caller.name)
    account = await app.stores.users.disable(name, by=caller.name, now=utc_now())
    app.forget(user=name)
    return _user(account)


@router.post("/users/{name}:enable")
async def enable(name: str, app: App, caller: Admin) -> UserView:
    """Let the user sign in again; tokens have to be made anew."""
    return _user(await app.stores.users.enable(name, by=caller.name, now=utc_now()))


@router.put("/users/{name}/role")
async def change_role(name: str, body: PersonRole, app: App, caller: Admin) -> UserView:
    """Change what the user may do, from the next call on."""
    _not_oneself(name, caller.name)
    account = await app.stores.users.set_role(name, body.checked(), by=caller.name, now=utc_now())
    app.forget(user=name)
    return _user(account)


@router.put("/users/{name}/quota")
async def change_quota(name: str, body: OwnQuota, app: App, caller: Admin) -> OneUserView:
    """Set what counts for the user instead of the role's quota; `{}` goes back to that."""
    own = body.model_dump(exclude_unset=True)
    return await _with_quotas(app, await app.stores.users.set_quota(name, own, by=caller.name, now=utc_now()))


@router.post("/invitations", status_code=201)
async def invite(body: NewInvitation, app: App, caller: Admin, response: Response) -> MadeInvitation:
    """Make a code that lets one person set a password and come in, once."""
    now = utc_now()
    made, code = await app.stores.invitations.add(
        body.name,
        body.checked(),
        by=caller.name,
        expires_at=now + timedelta(seconds=body.expires_in),
        now=now,
    )
    response.headers["Cache-Control"] = "no-store"
    return MadeInvitation(**_invitation(made).model_dump(), code=code)


@router.get("/invitations")
async def invitations(
    app: App, _: Admin, limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> dict[str, list[InvitationView]]:
    """Return invitations, the newest first."""
    return {"invitations": [_invitation(item) for item in await app.stores.invitations.page(limit=limit)]}


@router.delete("/invitations/{invitation_id}", status_code=204)
async def withdraw(invitation_id: str, app: App, _: Admin) -> None:
    """Let the code open nothing more."""
    await app.stores.invitations.withdraw(invitation_id)


@router.post("/invitations:accept", status_code=201, dependencies=[Anyone])
async def accept(body: Accept, request: Request, response: Response, app: App) -> Me:
    """Set name and password, and be signed in."""
    await app.stores.sign_ins.attempt(None, address_of(request), now=utc_now())
    invitation = await app.stores.invitations.open(body.code, now=utc_now())
    name = invitation.name or body.name
    if name is None:
        raise RefusalError("name-needed")
    if body.name not in (None, name):
        raise RefusalError("name-fixed", name=name)
    await record_as(app, request, name)
    hashed = await app.passwords.hash(body.password)
    user = await app.stores.invitations.accept(body.code, name, hashed, now=utc_now())
    return await begin_session(app, user, request, response)


def _not_oneself(name: str, caller: str) -> None:
    if name == caller:
        raise RefusalError("own-rights")


async def _with_quotas(app: Services, account: Account) -> OneUserView:
    quotas = told(await app.quotas.of(account.name), await app.quotas.usage(account.name))
    return OneUserView(**_user(account).model_dump(), quotas=quotas)


def _user(account: Account) -> UserView:
    return UserView(
        name=account.name,
        role=account.role,
        created_at=account.created_at,
        disabled_at=account.disabled_at,
        signs_in=account.signs_in,
        quota=account.quota,
    )


def _invitation(invitation: Invitation) -> InvitationView:
    return InvitationView(
        id=invitation.id,
        name=invitation.name,
        role=invitation.role,
        by=invitation.by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        accepted_by=invitation.accepted_by,
    )
