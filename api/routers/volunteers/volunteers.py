"""Volunteers as operators and submitters see them, and what admins do with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query
from njangi_agent.protocol import Machine
from pydantic import BaseModel, ConfigDict, Field

from api.access.rights import reader_of
from api.clock import utc_now
from api.dependencies import Admin, App, Reader
from api.list_parameters import VolunteerList, order
from storage.volunteers.store import Volunteer, VolunteerStatus

router = APIRouter(prefix="/v1/volunteers", tags=["volunteers"])

MOST_LEASES = 50


class Why(BaseModel):
    """`note`: why, for those who look at the machine later."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=500)] = ""


class ListedVolunteer(BaseModel):
    """A volunteer; `leased`: how many subtasks it holds now."""

    id: str
    name: str
    status: VolunteerStatus
    machine: Machine
    slots: int
    enrolled_at: datetime
    last_seen: datetime
    completed: int
    failed: int
    join_token: str | None
    note: str
    leased: int


class VolunteerPage(BaseModel):
    volunteers: Sequence[ListedVolunteer]
    next_page_token: str | None


class HeldLeaseView(BaseModel):
    """A subtask that it holds since then, until then unless its agent is heard of."""

    run_id: str
    task: str
    index: int
    since: datetime
    until: datetime


class OneVolunteerView(ListedVolunteer):
    """With what it holds: `leases` are 50 of those at most that the caller may read."""

    leases: list[HeldLeaseView]


@router.get("")
async def page(query: Annotated[VolunteerList, Query()], app: App, _: Reader) -> VolunteerPage:
    """Return a page of volunteers and how much each holds, those last heard of first unless `sort` says otherwise."""
    found, token = await app.stores.volunteers.page(query.filter(), order(query.sort), query.page(), now=utc_now())
    leased = await app.stores.volunteers.leased_by_each([volunteer.id for volunteer in found])
    listed = [ListedVolunteer(**asdict(volunteer), leased=leased.get(volunteer.id, 0)) for volunteer in found]
    return VolunteerPage(volunteers=listed, next_page_token=token)


@router.get("/{volunteer_id}")
async def get(volunteer_id: str, app: App, caller: Reader) -> OneVolunteerView:
    """Return a volunteer, and what it holds now: runs that the caller may not read are counted in `leased` alone."""
    volunteers = app.stores.volunteers
    found, leased, leases = await asyncio.gather(
        volunteers.get(volunteer_id, now=utc_now()),
        volunteers.leased(volunteer_id),
        volunteers.leases(volunteer_id, reader=reader_of(caller), limit=MOST_LEASES),
    )
    return OneVolunteerView(**asdict(found), leased=leased, leases=[HeldLeaseView(**asdict(lease)) for lease in leases])


@router.post("/{volunteer_id}:suspend")
async def suspend(volunteer_id: str, app: App, caller: Admin, body: Annotated[Why, Body()] = Why()) -> Volunteer:
    """Lend the machine nothing more and call back what it holds, until it is resumed. 409 for a retired one."""
    found = await app.stores.volunteers.suspend(volunteer_id, body.note, by=caller.name, now=utc_now())
    app.forget(volunteer=volunteer_id)
    return found


@router.post("/{volunteer_id}:resume")
async def resume(volunteer_id: str, app: App, caller: Admin) -> Volunteer:
    """Lend to the machine again; its agent asks within a minute."""
    found = await app.stores.volunteers.resume(volunteer_id, by=caller.name, now=utc_now())
    app.forget(volunteer=volunteer_id)
    return found


@router.post("/{volunteer_id}:retire")
async def retire(volunteer_id: str, app: App, caller: Admin, body: Annotated[Why, Body()] = Why()) -> Volunteer:
    """Part with the machine: what it holds is called back, its secret opens nothing any more."""
    found = await app.stores.volunteers.retire(volunteer_id, body.note, by=caller.name, now=utc_now())
    app.forget(volunteer=volunteer_id)
    return found
