"""Which volunteer ran what in a run, for drawing it over time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from api.dependencies import App, Reader
from storage.subtasks.timelines import Timeline

router = APIRouter(prefix="/v1/runs", tags=["runs"])

MOST_SPANS = 5_000
Span = tuple[int, int, int, int, int | None, str]


class TimelineVolunteer(BaseModel):
    id: str
    name: str


class TimelineView(BaseModel):
    """`spans` are attempts by when they began: the place of the volunteer and of the task in their lists, the
    subtask's index, begin and end in milliseconds since 1970 (null: under way), and the outcome (LEASED: under way).

    Of more attempts than asked for the newest are told, and how many are left out. `since` and `until` are as asked,
    else the first begin and the last end of what is told, null where nothing is.
    """

    volunteers: list[TimelineVolunteer]
    tasks: list[str]
    spans: list[Span]
    since: datetime | None
    until: datetime | None
    left_out: int


@router.get("/{run_id}/timeline")
async def timeline(
    run_id: str,
    app: App,
    _: Reader,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=MOST_SPANS)] = MOST_SPANS,
) -> TimelineView:
    """Return the attempts at a run's subtasks that were under way between `since` and `until`."""
    await app.stores.runs.status(run_id)
    found = await app.stores.timelines.of_run(run_id, since=since, until=until, limit=limit)
    return _view(found, since, until)


def _view(found: Timeline, since: datetime | None, until: datetime | None) -> TimelineView:
    spans = sorted(found.spans, key=lambda span: span.started_at)
    volunteers = {id_: place for place, id_ in enumerate(dict.fromkeys(span.volunteer_id for span in spans))}
    tasks = {name: place for place, name in enumerate(dict.fromkeys(span.task for span in spans))}
    begins = [span.started_at for span in spans]
    ends = [span.ended_at or span.started_at for span in spans]
    return TimelineView(
        volunteers=[TimelineVolunteer(id=id_, name=found.names.get(id_, id_)) for id_ in volunteers],
        tasks=list(tasks),
        spans=[
            (
                volunteers[span.volunteer_id],
                tasks[span.task],
                span.index,
                _milliseconds(span.started_at),
                _milliseconds(span.ended_at) if span.ended_at is not None else None,
                span.outcome,
            )
            for span in spans
        ],
        since=since or min(begins, default=None),
        until=until or max(ends, default=None),
        left_out=found.left_out,
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
