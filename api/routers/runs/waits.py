"""Calls of waiting flows: long-poll for signals, timers and child runs; start child runs."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Response
from njangi_flows.protocol import BeginWaitRequest, BegunWait, ChildRequest, ChildRun, EndedWaits, WaitsRequest

from api.clock import utc_now
from api.dependencies import App, Flow
from api.routers.flow import LONGEST_WAIT, RunToken, told
from api.runs.children import start_child
from api.runs.results import small_results
from api.runs.waits import ended_waits

router = APIRouter(prefix="/v1/flow/runs/{run_id}", tags=["flow"])


@router.post("/waits:ended")
async def ended(run_id: str, body: WaitsRequest, token: RunToken, app: App, _: Flow) -> EndedWaits:
    """Wait until some of the waits have ended."""
    orders, found = await ended_waits(app, run_id, token, body.waiting, min(body.seconds, LONGEST_WAIT))
    return EndedWaits(**told(orders).model_dump(), ended=found)


@router.post("/tasks/{task}:wait")
async def begin(run_id: str, task: str, body: BeginWaitRequest, token: RunToken, app: App, _: Flow) -> BegunWait:
    """Let a task wait; the answer says until when, by the service's clock. Repeating gives the same end."""
    until = await app.stores.tasks.begin_wait(run_id, token, task, body.seconds, now=utc_now())
    return BegunWait(until=until)


@router.post("/tasks/{task}/child")
async def start(run_id: str, task: str, body: ChildRequest, token: RunToken, app: App, _: Flow) -> ChildRun:
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
    return ChildRun(id=run.id, name=run.name, status=run.status)


@router.get("/tasks/{task}/child", response_model=ChildRun)
async def child(run_id: str, task: str, app: App, _: Flow) -> Response:
    """Return the child run of a task with its results."""
    run = await app.stores.runs.child(run_id, task)
    known = ChildRun(id=run.id, name=run.name, status=run.status, error=run.error).model_dump(mode="json")
    results = orjson.Fragment(await small_results(app, run.id))
    return Response(orjson.dumps({**known, "results": results}), media_type="application/json")
