"""Schedules, which start runs at given times."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Literal, TypedDict, Unpack

from pydantic import JsonValue

from njangi_flows.client.models import OneScheduleView, Overlap, ScheduleView, Triggered
from njangi_flows.client.transport import Transport

_ONE = "/v1/schedules/{schedule_id}"


class ScheduleRule(TypedDict, total=False):
    """When runs start: by `cron` or by `interval` ("6h" or seconds), from `start_at` until `end_at`.

    `overlap` says what to do if an earlier run still goes on, `catch_up` how late a run may start after an outage.
    """

    cron: str
    interval: str | float
    timezone: str
    start_at: datetime
    end_at: datetime
    overlap: Overlap
    catch_up: str | float
    parameters: Mapping[str, JsonValue]


class NewScheduleRule(ScheduleRule, total=False):
    id: str
    paused: bool
    note: str


class ScheduleFilter(TypedDict, total=False):
    workflow_id: str
    owner: str
    paused: bool
    q: str
    sort: str


class ScheduleCalls:
    """Schedules, which start runs at given times."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def create(self, workflow_id: str, **rule: Unpack[NewScheduleRule]) -> ScheduleView:
        return await self._to.post(ScheduleView, "/v1/schedules", {"workflow_id": workflow_id, **rule})

    def list(self, **filter: Unpack[ScheduleFilter]) -> AsyncIterator[ScheduleView]:
        return self._to.items(ScheduleView, "/v1/schedules", "schedules", query=filter)

    async def get(self, schedule_id: str, next: int = 5) -> OneScheduleView:
        """Return a schedule with its `next` next times, its runs that go on, and what happened at its last times."""
        return await self._to.get(OneScheduleView, _ONE, query={"next": next}, schedule_id=schedule_id)

    async def edit(self, schedule_id: str, workflow_id: str, **rule: Unpack[ScheduleRule]) -> ScheduleView:
        """Replace the rule of a schedule. Fields that are left out go back to their defaults."""
        return await self._to.put(ScheduleView, _ONE, {"workflow_id": workflow_id, **rule}, schedule_id=schedule_id)

    async def delete(self, schedule_id: str) -> None:
        await self._to.delete(_ONE, schedule_id=schedule_id)

    async def pause(self, schedule_id: str, note: str = "") -> ScheduleView:
        return await self._to.post(ScheduleView, _ONE + ":pause", {"note": note}, schedule_id=schedule_id)

    async def resume(self, schedule_id: str, note: str = "") -> ScheduleView:
        return await self._to.post(ScheduleView, _ONE + ":resume", {"note": note}, schedule_id=schedule_id)

    async def trigger(self, schedule_id: str, overlap: Overlap | None = None) -> Triggered:
        """Start a run now, as at one of the schedule's times."""
        body = {"overlap": overlap} if overlap is not None else {}
        return await self._to.post(Triggered, _ONE + ":trigger", body, schedule_id=schedule_id)

    async def backfill(
        self, schedule_id: str, since: datetime, until: datetime, overlap: Literal["queue", "allow"] = "queue"
    ) -> ScheduleView:
        """Start a run for each past time of the schedule from `since` to `until`, at most 1,000."""
        body = {"from": since, "until": until, "overlap": overlap}
        return await self._to.post(ScheduleView, _ONE + ":backfill", body, schedule_id=schedule_id)
