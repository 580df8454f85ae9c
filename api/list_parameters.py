"""The parameters of lists: filter, order and page, the same for every noun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.access.rights import reader_of
from storage.listing import Filter, Page, Sort
from storage.people.users import User
from storage.runs.models import RunStatus
from storage.subtasks.models import SubtaskStatus

Text = Annotated[str, Field(min_length=1, max_length=200)]


class Paged(BaseModel):
    """A list's page: `page_token` is the `next_page_token` of the page before."""

    model_config = ConfigDict(extra="forbid")

    page_size: Annotated[int, Field(ge=1, le=500)] = 50
    page_token: Annotated[str | None, Field(max_length=2000)] = None

    def page(self) -> Page:
        return Page(self.page_size, self.page_token)


class NamedFilter(BaseModel):
    """What every list can be narrowed by; times are those of creation, `created_since` included."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = Field(default=None, description="a part of the name, in any case")
    prefix: Text | None = Field(default=None, description="how the name begins")
    q: Text | None = Field(default=None, description="a part of any text that is searched, in any case")
    created_since: AwareDatetime | None = None
    created_until: AwareDatetime | None = None

    def filter(self, reader: str | None, **equal: Any) -> Filter:
        """Return the filter; `equal` that are None or empty leave the list as it is."""
        given: Mapping[str, Any] = {name: value for name, value in equal.items() if value not in (None, [])}
        return Filter(
            reader=reader,
            equal=given,
            name=self.name,
            prefix=self.prefix,
            text=self.q,
            since=self.created_since,
            until=self.created_until,
        )


class RunFilter(NamedFilter):
    status: list[RunStatus] = Field(default_factory=list, max_length=10)
    owner: Text | None = None
    tag: Text | None = None
    workflow_id: Text | None = None
    priority: Annotated[int | None, Field(ge=0, le=100)] = None

    def as_seen_by(self, caller: User) -> Filter:
        return self.filter(
            reader_of(caller),
            workflow_id=self.workflow_id,
            owner=self.owner,
            tags=self.tag,
            status=self.status,
            priority=self.priority,
        )


class SubtaskList(Paged):
    task: Text
    status: SubtaskStatus | None = None
    page_size: Annotated[int, Field(ge=1, le=1000)] = 100


class RunList(RunFilter, Paged):
    sort: Literal["created_at", "-created_at", "name", "-name", "priority", "-priority"] = "-created_at"


class WorkflowList(NamedFilter, Paged):
    status: list[RunStatus] = Field(default_factory=list, max_length=10)
    owner: Text | None = None
    tag: Text | None = None
    priority: Annotated[int | None, Field(ge=0, le=100)] = None
    archived: bool = Field(default=False, description="those that are archived instead of those that are not")
    sort: Literal[
        "created_at", "-created_at", "updated_at", "-updated_at", "name", "-name", "priority", "-priority"
    ] = "-created_at"

    def as_seen_by(self, caller: User) -> Filter:
        return self.filter(
            reader_of(caller), owner=self.owner, tags=self.tag, status=self.status, priority=self.priority
        )


class ScheduleList(Paged):
    workflow_id: Text | None = None
    owner: Text | None = None
    paused: bool | None = None
    q: Text | None = None
    sort: Literal["created_at", "-created_at"] = "-created_at"

    def as_seen_by(self, caller: User) -> Filter:
        """Return the filter, for who is no admin over their own schedules."""
        mine = reader_of(caller)
        owners = [name for name in (mine, self.owner) if name is not None]
        given = {"workflow_id": self.workflow_id, "paused": self.paused}
        equal: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if owners:
            equal["owner"] = owners[0] if len(set(owners)) == 1 else []
        return Filter(equal=equal, text=self.q)


class VolunteerList(Paged):
    name: Text | None = Field(default=None, description="a part of the name, in any case")
    seen_since: AwareDatetime | None = None
    sort: Literal["last_seen", "-last_seen", "name", "-name"] = "-last_seen"

    def filter(self) -> Filter:
        return Filter(name=self.name, since=self.seen_since)


def order(sort: str) -> Sort:
    """Return the order that `sort` asks for; a minus sign puts the largest first."""
    return Sort(sort.removeprefix("-"), sort.startswith("-"))
