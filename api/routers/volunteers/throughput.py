"""What volunteers did, hour by hour."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.clock import utc_now
from api.dependencies import App, Reader
from storage.volunteers.throughput import HOUR, KEPT, Hour, hour_of

router = APIRouter(prefix="/v1/volunteers", tags=["volunteers"])

MOST_HOURS = int(KEPT / HOUR)


class ThroughputPoint(BaseModel):
    """From `at` on: attempts that returned a result, that failed, and the most volunteers online at once."""

    at: datetime
    completed: int
    failed: int
    online: int


class ThroughputView(BaseModel):
    """`step`: seconds between two points. The last point is the hour that goes on; it is some seconds behind."""

    step: int
    points: list[ThroughputPoint]


@router.get(":throughput")
async def throughput(app: App, _: Reader, hours: Annotated[int, Query(ge=1, le=MOST_HOURS)] = 24) -> ThroughputView:
    """Return what all volunteers did in each of the last hours, kept for 90 days."""
    last = hour_of(utc_now())
    first = last - (hours - 1) * HOUR
    known = {hour.at: hour for hour in await app.stores.throughput.since(first)}
    found = [known.get(at, Hour(at)) for at in (first + place * HOUR for place in range(hours))]
    points = [
        ThroughputPoint(at=hour.at, completed=hour.completed, failed=hour.failed, online=hour.online) for hour in found
    ]
    return ThroughputView(step=int(HOUR.total_seconds()), points=points)
