"""What the waits of a flow need: long-poll for signals, timers and child runs; start child runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Response
from njangi_flows.workflow.kinds import LONGEST_WAIT as LONGEST_TASK_WAIT
from njangi_flows.workflow.spec import SignalName
from pydantic import AwareDatetime, BaseModel, Field

from api.clock import utc_now
from api.dependencies import App, Flow
from api.routers.flow import LONGEST_WAIT, RunToken, Seconds, told
from api.runs.children import start_child
from api.runs.flow_answers import BegunWait, Child, EndedChild, EndedWaits, EndedWaitView
from api.runs.results import small_results
from api.runs.waits import Wait, ended_waits

router = APIRouter(prefix="/v1/flow/runs/{run_id}", tags=["flow"])


class WaitBody(BaseModel):
    task: str
    signal: SignalName | None = None
    child: bool = False
    until: AwareDatetime | None = None


class Waits(BaseModel):
    waiting: Annotated[list[WaitBody], Field(max_length=5000)]
    seconds: Seconds = 20.0


class WaitingTime(BaseModel):
    """`seconds`: how long at most, null if only what the task waits for ends it."""

    seconds: Annotated[float, Field(gt=0, le=LONGEST_TASK_WAIT, strict=True)] | None = None


class ChildBody(BaseModel):
    workflow: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    on_parent_cancel: Literal["cancel", "abandon"] = "cancel"


@router.post("/waits:ended")
async def ended(run_id: str, body: Waits, token: RunToken, app: App, _: Flow) -> EndedWaits:
    """Wait until some of the waits have ended."""
    waits = [Wait(item.task, item.signal, item.child, item.until) for item in body.waiting]
    orders, found = await ended_waits(app, run_id, token, waits, min(body.seconds, LONGEST_WAIT))
    ended = [
        EndedWaitView(task=item.task, ending=item.ending, payload=item.payload, until=item.until) for item in found
    ]
    return EndedWaits(**told(orders).model_dump(), ended=ended)


@router.post("/tasks/{task}:wait")
async def begin(run_id: str, task: str, body: WaitingTime, token: RunToken, app: App, _: Flow) -> BegunWait:
    """Let a task wait; the answer says until when, by the service's clock. Repeating gives the same end."""
    until = await app.stores.tasks.begin_wait(run_id, token, task, body.seconds, now=utc_now())
    return BegunWait(until=until)


@router.post("/tasks/{task}/child")
async def start(run_id: str, task: str, body: ChildBody, token: RunToken, app: App, _: Flow) -> Child:
    """Start the child run of a task, or return the one that it has."""
    await app.stores.run_leases.check_hold(run_id, token)
    run = await start_child(
        app,
        await app.stores.runs.get(run_id),
        task,
        workflow=body.workflow,
        parameters=body.parameters,
        on_parent_cancel=body.on_parent_cancel,
    )
    return Child(id=run.id, name=run.name, status=run.status)


@router.get("/tasks/{task}/child", response_model=EndedChild)
async def child(run_id: str, task: str, app: App, _: Flow) -> Response:
    """Return the child run of a task with its results."""
    run = await app.stores.runs.child(run_id, task)
    known = Child(id=run.id, name=run.name, status=run.status).model_dump(mode="json") | {"error": run.error}
    results = orjson.Fragment(await small_results(app, run.id))
    return Response(orjson.dumps({**known, "results": results}), media_type="application/json")
