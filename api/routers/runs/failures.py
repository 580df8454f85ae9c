"""The failures of a run, grouped by cause."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import App, Reader
from coordinator.decisions.failures import grouped

router = APIRouter(prefix="/v1/runs", tags=["runs"])

LOOKED_AT = 5_000
MOST_GROUPS = 50


class SubtaskPlace(BaseModel):
    task: str
    index: int


class ErrorGroup(BaseModel):
    """Subtasks that are FAILED or DEAD for one cause.

    `id` is that of the cause, in whatever run: `:retry-failed` takes it as `error_group`.
    Where their messages differ, `message` has `<number>`, `<path>`, `<hex>` and `<id>` in the place of what differs.
    `volunteers`: at how many of them; `examples`: the newest, of the first of which `stderr` is the last 4 kB.
    """

    id: str
    type: str
    message: str
    count: int
    tasks: dict[str, int]
    volunteers: int
    examples: list[SubtaskPlace]
    last_at: datetime
    stderr: str


class RunErrors(BaseModel):
    """The largest group first. `more`: there are further groups, or failures older than the 5,000 looked at."""

    groups: list[ErrorGroup]
    more: bool


@router.get("/{run_id}/errors")
async def errors(run_id: str, app: App, _: Reader) -> RunErrors:
    """Return what failed in a run, grouped by the type of error and by messages alike."""
    await app.stores.runs.status(run_id)
    found = await app.stores.failures.of_run(run_id, limit=LOOKED_AT + 1)
    groups = grouped(found[:LOOKED_AT])
    shown = groups[:MOST_GROUPS]
    first = [f"{run_id}/{group.examples[0].task}/{group.examples[0].index}" for group in shown]
    wrote = await app.stores.failures.stderr(first)
    return RunErrors(
        groups=[
            ErrorGroup(
                id=group.id,
                type=group.type,
                message=group.message,
                count=group.count,
                tasks=dict(group.tasks),
                volunteers=group.volunteers,
                examples=[SubtaskPlace(task=item.task, index=item.index) for item in group.examples],
                last_at=group.last_at,
                stderr=wrote.get(id_, ""),
            )
            for group, id_ in zip(shown, first, strict=True)
        ],
        more=len(found) > LOOKED_AT or len(groups) > MOST_GROUPS,
    )
