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
    """When, and what then: `cron` or `interval` ("6h" or seconds), within `start_at` and `end_at`.

    `overlap` says what is done while the run before goes on, `catch_up` how late a time may still count.
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
        """Return a schedule with its `next` next times, the runs of it that go on, and what it did last."""
        return await self._to.get(OneScheduleView, _ONE, query={"next": next}, schedule_id=schedule_id)

    async def edit(self, schedule_id: str, workflow_id: str, **rule: Unpack[ScheduleRule]) -> ScheduleView:
        """Give it another rule: what is left out goes back to what it is without."""
        return await self._to.put(ScheduleView, _ONE, {"workflow_id": workflow_id, **rule}, schedule_id=schedule_id)

    async def delete(self, schedule_id: str) -> None:
        await self._to.delete(_ONE, schedule_id=schedule_id)

    async def pause(self, schedule_id: str, note: str = "") -> ScheduleView:
        return await self._to.post(ScheduleView, _ONE + ":pause", {"note": note}, schedule_id=schedule_id)

    async def resume(self, schedule_id: str, note: str = "") -> ScheduleView:
        return await self._to.post(ScheduleView, _ONE + ":resume", {"note": note}, schedule_id=schedule_id)

    async def trigger(self, schedule_id: str, overlap: Overlap | None = None) -> Triggered:
        """Start a run now, as if its time had come."""
        body = {"overlap": overlap} if overlap is not None else {}
        return await self._to.post(Triggered, _ONE + ":trigger", body, schedule_id=schedule_id)

    async def backfill(
        self, schedule_id: str, since: datetime, until: datetime, overlap: Literal["queue", "allow"] = "queue"
    ) -> ScheduleView:
        """Run it after all for each of its times from `since` to `until`, at most 1,000."""
        body = {"from": since, "until": until, "overlap": overlap}
        return await self._to.post(ScheduleView, _ONE + ":backfill", body, schedule_id=schedule_id)
