"""Calls of flows: hold a run, queue subtasks, wait for batches, hand in results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query
from njangi_flows.protocol import (
    AdoptedRun,
    AdoptRequest,
    BatchesRequest,
    Beaten,
    BeatOrders,
    BeatRequest,
    CarriedRun,
    FailedParts,
    FileRef,
    FlowRunsRequest,
    Heard,
    Hold,
    HoldRequest,
    KnownCall,
    KnownCalls,
    Neighbours,
    Orders,
    ReleaseRequest,
    RequeueRequest,
    ResultPage,
    ResultRow,
    Settled,
    SettledBatch,
    SettledRequest,
    SubtaskFailure,
    TaskRequest,
    TaskResult,
    TaskState,
    ToldTask,
)
from njangi_flows.runs.endings import subtasks_failed
from pydantic import Field

from api.clock import utc_now
from api.dependencies import App, Flow
from api.runs.parts import parts_of_task
from api.runs.queueing import check_stored, queue
from api.runs.waits import settled_batches
from api.services import Services
from coordinator.prefect import engineers_flows as own_flows
from storage.errors import RunLeaseLostError, UnknownUsersError
from storage.runs.models import RUN_LEASE, NewRun, Run, RunOrders
from storage.runs.parts import Parts
from storage.runs.tasks import TaskStatus, TaskUpdate
from storage.subtasks.documents import ranges
from storage.subtasks.models import Batch, Subtask

router = APIRouter(prefix="/v1/flow", tags=["flow"])
RunToken = Annotated[str, Header(alias="Njangi-Run-Token")]
Seconds = Annotated[float, Field(ge=0, strict=True)]
LONGEST_WAIT = 50.0
RESULTS_TOLD = 100
"""How many results an answer to `batches:settled` brings along, of at most 64 KiB each."""


@router.post("/flow-runs:wait")
async def wait_for_flow_runs(body: FlowRunsRequest, app: App, _: Flow) -> Heard:
    """Wait until Prefect has new flow runs for the flow workers; `heard` is what the last answer said."""
    return Heard(heard=await app.flow_runs.wait(body.heard, min(body.seconds, LONGEST_WAIT)))


@router.post("/runs:adopt")
async def adopt(body: AdoptRequest, app: App, caller: Flow) -> AdoptedRun:
    """Return the run of an engineer's flow run, made on first use. 409 where another Prefect server has started it."""
    if body.owner is not None and not await app.stores.users.find([body.owner]):
        raise UnknownUsersError([body.owner])
    new = NewRun(
        workflow_id=f"flow:{body.name}",
        name=body.name,
        version=1,
        owner=body.owner or caller.name,
        priority=50,
        spec={},
        files={},
        parameters={},
        prefect_flow_run_id=body.prefect_flow_run_id,
    )
    run = await own_flows.adopt(app.prefect, app.stores, new, now=utc_now())
    return AdoptedRun(id=run.id, name=run.name, status=run.status)


@router.post("/runs/{run_id}:hold")
async def hold(run_id: str, body: HoldRequest, app: App, _: Flow) -> Hold:
    """Take the run lease; every later write carries its token."""
    run, token = await app.stores.run_leases.hold(run_id, body.holder, now=utc_now())
    if not run.spec and run.attempt > 1:
        await app.stores.lending.hold_back(run_id)
    return Hold(
        token=token,
        attempt=run.attempt,
        seconds=RUN_LEASE.total_seconds(),
        slots=await app.stores.volunteers.online_slots(now=utc_now()),
        run=await _run_for_flow(app, run),
    )


async def _run_for_flow(app: Services, run: Run) -> CarriedRun:
    sizes = await app.stores.blobs.sizes(set(run.files.values()))
    tasks, timings, children = await asyncio.gather(
        app.stores.tasks.of_run(run.id), app.stores.timings.of_run(run.id), app.stores.children.of(run.id)
    )
    parts = {task.name: parts_of_task(task.status, timings.get(task.name), children.get(task.name)) for task in tasks}
    return CarriedRun(
        id=run.id,
        name=run.name,
        spec=dict(run.spec),
        files={name: FileRef(sha256=sha256, size=sizes.get(sha256, 0)) for name, sha256 in run.files.items()},
        parameters=dict(run.parameters),
        cancel=run.cancel_requested,
        clean_up=run.clean_up.task if run.clean_up and run.must_clean_up else None,
        tasks=[
            TaskState(
                name=task.name,
                status=task.status,
                plan=task.plan,
                error=task.error,
                digest=(task.definition or {}).get("digest"),
                **parts[task.name].told(),
            )
            for task in tasks
        ],
    )


@router.post("/runs:beat")
async def beat(body: BeatRequest, app: App, _: Flow) -> Beaten:
    """Extend the run leases of a process, and note what it has taken up beside.

    Says of each lease, in their order, what its flow must know.
    """
    leases = [(lease.run_id, lease.token) for lease in body.leases]
    if body.holder is not None:
        await app.stores.flow_workers.beat(body.holder, body.flow_runs, now=utc_now())
    found = await app.stores.run_leases.beat(leases, now=utc_now()) if leases else []
    return Beaten(
        orders=[
            BeatOrders(lost=True) if orders is None else BeatOrders(**told(orders).model_dump()) for orders in found
        ]
    )


def told(orders: RunOrders) -> Orders:
    """Return orders as flows are told them."""
    return Orders(cancel=orders.cancel, skip_clean_up=bool(orders.clean_up and orders.clean_up.skipped))


@router.post("/runs/{run_id}:release", status_code=204)
async def release(run_id: str, body: ReleaseRequest, token: RunToken, app: App, _: Flow) -> None:
    await app.stores.run_leases.release(run_id, token, body.error, now=utc_now())


@router.put("/runs/{run_id}/tasks/{task}")
async def change_task(run_id: str, task: str, body: TaskRequest, token: RunToken, app: App, _: Flow) -> ToldTask:
    """Record one task's change of state."""
    await check_stored(app, {body.blob} if body.blob is not None else set())
    status, why = TaskStatus(body.status), _why(task, body)
    change = TaskUpdate(status, body.definition, body.plan, body.result, body.blob, body.raw, body.error, why)
    told = await app.stores.tasks.change(run_id, token, task, change, now=utc_now())
    if status is TaskStatus.FAILED:
        app.dispatcher.run_cancelled(run_id)
    return ToldTask(error=told.error, **told.parts.told())


def _why(task: str, body: TaskRequest) -> Callable[[Parts], str] | None:
    """Return what says, of its parts, why a task failed if the flow does not say it."""
    if body.status != TaskStatus.FAILED or body.error is not None:
        return None
    first = body.first.model_dump() if body.first is not None else None
    return lambda parts: subtasks_failed(task, parts.failed, parts.total, first)


@router.post("/runs/{run_id}/tasks/{task}/batches", status_code=204)
async def put_batches(run_id: str, task: str, body: BatchesRequest, token: RunToken, app: App, _: Flow) -> None:
    """Queue subtasks in batches; repeating is harmless.

    The first call of a task may bring its definition and plan, as SPLITTING; after the `last` it is RUNNING.
    """
    await queue(app, run_id, task, body, token)
    app.dispatcher.work_opened()


@router.post("/runs/{run_id}/batches:settled")
async def settled(run_id: str, body: SettledRequest, token: RunToken, app: App, _: Flow) -> Settled:
    """Wait until some of the batches have settled."""
    _of_run(run_id, body.waiting)
    orders = await app.stores.run_leases.check_hold(run_id, token)
    stop = any(orders.stop(task) for task in {id_.split("/")[1] for id_ in body.waiting})
    found = [] if stop else await settled_batches(app, body.waiting, min(body.seconds, LONGEST_WAIT))
    now = told(orders if stop else await app.stores.run_leases.check_hold(run_id, token))
    results = await app.stores.results.only_results(found[:RESULTS_TOLD])
    return Settled(**now.model_dump(), settled=[await _settled(app, batch, results.get(batch.id)) for batch in found])


async def _settled(app: Services, batch: Batch, only: Subtask | None) -> SettledBatch:
    failed = batch.failed + batch.dead
    failures = await app.stores.results.failures(batch.id) if failed else []
    return SettledBatch(
        id=batch.id,
        total=batch.total,
        completed=batch.completed,
        failed=failed,
        tries=batch.tries,
        aside=batch.aside,
        errors=[_failure(item) for item in failures],
        error_types=await app.stores.results.failure_types(batch.id) if failed else {},
        result=TaskResult(result=only.result, blob=only.blob) if only else None,
    )


def _failure(subtask: Subtask) -> SubtaskFailure:
    error = subtask.error or {}
    return SubtaskFailure(
        subtask_id=subtask.id,
        type=error.get("type", ""),
        message=error.get("message", ""),
        stderr=error.get("stderr", ""),
    )


@router.post("/runs/{run_id}/batches:requeue", status_code=204)
async def requeue(run_id: str, body: RequeueRequest, token: RunToken, app: App, _: Flow) -> None:
    """Put a batch's failed subtasks back in the queue for its next try."""
    _of_run(run_id, [body.batch])
    await app.stores.queue.requeue(body.batch, try_=body.try_, token=token, now=utc_now(), but=body.but)
    app.dispatcher.work_opened()


def _of_run(run_id: str, batch_ids: list[str]) -> None:
    if not all(id_.startswith(f"{run_id}/") for id_ in batch_ids):
        raise RunLeaseLostError(run_id)


@router.get("/runs/{run_id}/tasks/{task}/results")
async def results(
    run_id: str,
    task: str,
    app: App,
    _: Flow,
    after: int = -1,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> ResultPage:
    """Return the subtasks' results in order, a page at a time."""
    page = await app.stores.results.page(f"{run_id}/{task}", after=after, limit=limit)
    blobs = {item.blob for item in page if item.blob is not None}
    sizes = await app.stores.blobs.sizes(blobs) if blobs else {}
    return ResultPage(
        results=[
            ResultRow(
                index=item.index,
                status=item.status,
                result=item.result,
                blob=item.blob,
                size=sizes.get(item.blob) if item.blob is not None else None,
            )
            for item in page
        ],
        next=page[-1].index if len(page) == limit else None,
    )


@router.get("/runs/{run_id}/tasks/{task}/calls")
async def calls(
    run_id: str,
    task: str,
    app: App,
    _: Flow,
    after: int = -1,
    limit: Annotated[int, Query(ge=1, le=5000)] = 5000,
) -> KnownCalls:
    """Return which calls of an engineer's function are there, in order, a page at a time."""
    page = await app.stores.results.calls(run_id, task, after=after, limit=limit)
    return KnownCalls(
        calls=[
            KnownCall(index=call.index, contents=call.contents.hex() if call.contents else None, tries=call.tries)
            for call in page
        ],
        next=page[-1].index if len(page) == limit else None,
    )


@router.get("/runs/{run_id}/tasks/{task}/result")
async def result(run_id: str, task: str, app: App, _: Flow) -> TaskResult:
    """Return where the task's own result is."""
    found = await app.stores.tasks.get(f"{run_id}/{task}")
    return TaskResult(result=found.result, blob=found.blob, raw=found.raw)


@router.get("/runs/{run_id}/tasks/{task}/failed")
async def failed(run_id: str, task: str, app: App, _: Flow) -> FailedParts:
    """Return which subtasks of a task that completed failed, and have no result."""
    indexes = await app.stores.results.without_result(f"{run_id}/{task}")
    return FailedParts(ranges=[Neighbours(first=first, last=last) for first, last in ranges(indexes)])
