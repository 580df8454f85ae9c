"""Execute a task on volunteers: split it, queue its subtasks, wait for its batches, aggregate.

Every step is safe to repeat: a second start finds the plan of the first, and puts the same subtasks
under the same ids.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import Pause
from prefect.states import Cancelled, Completed
from pydantic import JsonValue

from njangi_flows.engine import compile as compiler
from njangi_flows.engine.binary_results import bytes_of, gathered
from njangi_flows.engine.compile import Plan
from njangi_flows.engine.failures import lost_for_good, not_mended
from njangi_flows.engine.flow_client import MAX_BODY_BYTES, MAX_SUBTASKS_PER_CALL
from njangi_flows.engine.inputs import ResultRef, TaskInputs, gather_inputs, stored_result, subtask_input
from njangi_flows.engine.long_poll import Waiting
from njangi_flows.engine.nodes import node, node_id, run_node
from njangi_flows.engine.progress import shown_progress
from njangi_flows.engine.run_lease import HeldRun, Stop, StoppedError
from njangi_flows.engine.task_execution import TaskEnding, TaskExecution, TaskFailedError, TaskOutcome
from njangi_flows.engine.thread_iteration import drawn
from njangi_flows.errors import FlowsError
from njangi_flows.protocol import BatchInput, SettledBatch, SubtaskInput, TaskChange
from njangi_flows.workflow.aggregate import NoResult, aggregate
from njangi_flows.workflow.spec import TaskSpec, WorkflowSpec

_GIVEN_UP = "the task failed meanwhile"
_SMALL_PARAMETERS = 4096


class BatchFailedError(FlowsError):
    """Subtasks of a batch failed and are tried again: a matter between Prefect and us, no end of the task."""

    def __init__(self, batch: SettledBatch) -> None:
        super().__init__(batch)
        self.batch = batch

    def __str__(self) -> str:
        told = f"{self.batch.failed} of the batch's {self.batch.total} subtasks failed"
        if not self.batch.errors:
            return told
        first = self.batch.errors[0]
        return f"{told}; the first is {first.subtask_id}: {first.type}: {first.message}"


class PendingBatch:
    """A batch on its way. A plain object, which Prefect passes on without looking inside."""

    def __init__(self, index: int, batch_id: str) -> None:
        self.index = index
        self.id = batch_id
        self.last: SettledBatch | None = None
        self.error: Exception | None = None


def worth_another_try(task: object, run: TaskRun, state: State[object]) -> bool:
    """Tell Prefect whether a failed batch should be tried again."""
    return isinstance(state.data, BatchFailedError)


class VolunteerExecution(TaskExecution):
    """A task whose subtasks volunteers run."""

    def __init__(
        self,
        held: HeldRun,
        waiting: Waiting,
        spec: WorkflowSpec,
        task: TaskSpec,
        given: Mapping[str, JsonValue],
        flow_run_id: UUID,
    ) -> None:
        super().__init__(held, task.name, flow_run_id)
        self._waiting = waiting
        self._spec = spec
        self._task = task
        self._given = given
        self._lost: dict[int, int] = {}  # subtasks that failed for good, by batch
        self._aside: dict[int, int] = {}  # those of them that were not to be tried again: they count at the end
        self._failed = asyncio.Event()  # more of them than the task tolerates
        self._failure: TaskFailedError | None = None  # what the service said to that
        self._telling = asyncio.Lock()  # so that nothing is queued, or said to go on, once it failed

    def _last_node(self) -> UUID:
        return super()._last_node() if self._task.split is not None else self._node(0)

    def _node(self, batch: int) -> UUID:
        return node_id(self._flow_run_id, f"{self._key}/b{batch}")

    async def _work(self, upstream: Mapping[str, TaskOutcome]) -> ResultRef:
        results = {name: outcome.result or ResultRef() for name, outcome in upstream.items()}
        inputs = await gather_inputs(self._held, self._spec, self._task, self._given, results)
        plan = self._plan(len(inputs.items))
        last = await self._settle_all(plan, inputs, [outcome.node for outcome in upstream.values() if outcome.node])
        if self._task.split is None:
            return await self._only_result(last)
        return await self._aggregated(plan)

    def _plan(self, items: int) -> Plan:
        if self._known is not None and self._known.plan is not None:
            return Plan.from_json(self._known.plan)
        return compiler.plan(self._task, items, self._held.slots)

    # Batches

    async def _settle_all(self, plan: Plan, inputs: TaskInputs, upstream: list[UUID]) -> SettledBatch | None:
        """Queue every batch and wait for all of them, each as one Prefect task run; return the last one."""
        batches: list[PendingBatch] = []
        settle = self._prefect_task(plan)
        async with (
            shown_progress(self._flow_run_id, self._task.name, plan.subtasks) as progress,
            asyncio.TaskGroup() as group,
        ):

            async def run(batch: PendingBatch) -> None:
                name = compiler.node_name(self._task.name, plan, batch.index)
                run = node(settle, self._flow_run_id, self._node(batch.index), batch.id, name, upstream)
                await run_node(settle, run, {"batch": batch})
                if batch.last is not None:
                    progress.advance(batch.last.total)

            async with aclosing(self._queued(plan, inputs)) as queued:
                async for indexes in queued:
                    for index in indexes:
                        batch = PendingBatch(index, f"{self._key}/b{index}")
                        batches.append(batch)
                        group.create_task(run(batch), name=batch.id)
                    if self._failed.is_set():
                        break
        if self._held.stop.reason is not None:
            raise StoppedError(self._held.stop.reason)
        if not self._failed.is_set() and sum(self._lost.values()) > self._allowed(plan):
            first = next(batch.last for batch in batches if batch.last is not None and batch.last.aside)
            raise await self._give_up(first)
        if self._failure is not None:
            raise self._failure
        for batch in batches:
            if batch.error is not None:
                raise batch.error
            if batch.last is None:
                raise RuntimeError(f"Prefect ended the wait for {batch.id} before it had settled")
        return batches[-1].last if batches else None

    async def _queued(self, plan: Plan, inputs: TaskInputs) -> AsyncGenerator[list[int], None]:
        """Put batches in the queue, call by call, and yield the indexes of those that are there.

        The first call makes the task SPLITTING, the last RUNNING.
        """
        if self._known is not None and self._known.status in ("RUNNING", "AGGREGATING"):
            await self._tell(TaskChange("RUNNING"))
            yield list(range(plan.batches))  # an earlier start put them all
            return
        definition = compiler.definition(
            self._spec, self._task, inputs.calls, self._held.run.files, inputs.results, inputs.source
        )
        splitting: TaskChange | None = TaskChange("SPLITTING", definition=definition, plan=plan.to_json())
        if plan.batches == 0:
            await self._tell(TaskChange("RUNNING", definition=definition, plan=plan.to_json()))
            return
        call: list[BatchInput] = []
        subtasks = size = 0
        for index, parameters in enumerate(compiler.batch_parameters(self._task, plan, inputs.items, inputs.calls)):
            batch, length = await self._batch_input(plan, index, parameters)
            if call and (subtasks + len(parameters) > MAX_SUBTASKS_PER_CALL or size + length > MAX_BODY_BYTES):
                yield await self._put(call, splitting)
                call, subtasks, size, splitting = [], 0, 0, None
            call.append(batch)
            subtasks += len(parameters)
            size += length
        if call:
            yield await self._put(call, splitting, last=True)

    async def _batch_input(
        self, plan: Plan, index: int, parameters: list[dict[str, JsonValue]]
    ) -> tuple[BatchInput, int]:
        made = [
            await subtask_input(self._held.service, subtask, values)
            for subtask, values in zip(plan.indexes(index), parameters, strict=True)
        ]
        if sum(length for _, length in made) > MAX_BODY_BYTES:
            made = [
                await subtask_input(self._held.service, subtask, values, _SMALL_PARAMETERS)
                for subtask, values in zip(plan.indexes(index), parameters, strict=True)
            ]
        subtasks: list[SubtaskInput] = [subtask for subtask, _ in made]
        return BatchInput(index, subtasks), sum(length for _, length in made)

    async def _put(self, call: list[BatchInput], splitting: TaskChange | None, *, last: bool = False) -> list[int]:
        async with self._telling:
            if not self._failed.is_set():
                await self._held.service.put_batches(
                    self._held.lease, self._task.name, call, splitting=splitting, last=last
                )
        return [batch.index for batch in call]

    def _allowed(self, plan: Plan) -> int:
        """Return how many of the task's subtasks may fail for good."""
        return self._task.tolerated_failure.allowed(plan.subtasks)

    def _prefect_task(self, plan: Plan) -> Task[[PendingBatch], Any]:
        """Return the Prefect task whose runs are the task's batches."""
        allowed = self._allowed(plan)

        async def settle(batch: PendingBatch) -> Any:
            try:
                return await self._settle(batch, allowed)
            except StoppedError as stopped:
                if stopped.reason in (Stop.CANCELLED, Stop.CLEAN_UP_SKIPPED):
                    return Cancelled(message=str(stopped))
                raise Pause(str(stopped)) from stopped
            except Exception as error:
                self._stop_if_lost(error)
                if self._held.stop.reason is Stop.LEASE_LOST:
                    raise Pause(str(error)) from error
                batch.error = error
                raise

        return Task(
            settle,
            name=self._task.name,
            retries=self._task.retry.maximum_attempts - 1,  # without delay: Prefect's cannot be cut short
            retry_condition_fn=worth_another_try,
            persist_result=False,
            cache_policy=NO_CACHE,
            log_prints=False,
        )

    async def _settle(self, batch: PendingBatch, allowed: int) -> State[None]:
        retry = self._task.retry
        if self._failed.is_set():
            return Cancelled(message=_GIVEN_UP)
        if batch.last is not None:
            await self._rest(retry.interval(batch.last.tries))
            if self._failed.is_set():
                return Cancelled(message=_GIVEN_UP)
            await self._held.service.requeue(self._held.lease, batch.id, batch.last.tries + 1, not_mended(retry))
        batch.error = None
        settled = batch.last = await self._waiting.settled(batch.id)
        if settled.completed == settled.total:
            return Completed(message=f"{settled.total} subtasks")
        self._lost[batch.index] = lost_for_good(settled, retry)
        self._aside[batch.index] = settled.aside
        if self._failed.is_set():
            return Cancelled(message=_GIVEN_UP)
        if sum(self._lost.values()) - sum(self._aside.values()) > allowed:
            raise await self._give_up(settled)
        if self._lost[batch.index] < settled.failed:
            raise BatchFailedError(settled)
        failed = f"{settled.failed} of the batch's {settled.total} subtasks failed"
        stays = "and stay so for now" if settled.aside else "which the task tolerates"
        return Completed(message=f"{failed}, {stays}")

    async def _rest(self, seconds: float) -> None:
        """Rest between two tries of a batch, until the task fails at most. Raises StoppedError when the run stops."""
        failed = asyncio.create_task(self._failed.wait())
        stopping = asyncio.create_task(self._held.stop.wait())
        try:
            await asyncio.wait({failed, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                raise StoppedError(self._held.stop.reason or Stop.CANCELLED)  # it may be cleaning up by now
        finally:
            failed.cancel()
            stopping.cancel()

    async def _give_up(self, settled: SettledBatch) -> TaskFailedError:
        """Have the rest of the task cancelled, since nothing of it can change the outcome; return why it failed.

        The service says that: it counts what of the whole task has failed as it cancels the rest.
        """
        self._failed.set()
        async with self._telling:
            first = settled.errors[0].model_dump() if settled.errors else None
            self._failure = TaskFailedError(await self._tell_failed(None, first))
        return self._failure

    # Results

    async def _only_result(self, settled: SettledBatch | None) -> ResultRef:
        if settled is not None and settled.result is not None and not self._task.has_bytes:
            return ResultRef(settled.result.result, settled.result.blob)
        async for page in self._held.service.results(self._held.lease, self._task.name):
            for row in page:
                if row.status != TaskEnding.COMPLETED.value:
                    continue
                if self._task.has_bytes and (ref := bytes_of(row)) is not None:
                    return ResultRef(blob=ref.sha256, raw=True)
                return ResultRef(row.result, row.blob)
        return ResultRef(text="null")  # it failed, and the task tolerates that

    async def _aggregated(self, plan: Plan) -> ResultRef:
        """Aggregate the subtasks' results as one Prefect task run downstream of every batch."""
        await self._tell(TaskChange("AGGREGATING"))
        kept: list[ResultRef] = []
        wrong: list[Exception] = []  # Prefect's state does not always carry it

        async def gather() -> None:
            try:
                kept.append(await self._aggregate())
            except Exception as error:
                wrong.append(error)
                raise

        task = Task(gather, name=f"{self._task.name} aggregate", persist_result=False, cache_policy=NO_CACHE)
        batches = [self._node(index) for index in range(plan.batches)]
        run = node(task, self._flow_run_id, self._last_node(), self._key, f"{self._task.name} aggregate", batches)
        await run_node(task, run, {})
        if kept:
            return kept[0]
        raise wrong[0] if wrong else RuntimeError("the aggregate ended without a result")

    async def _aggregate(self) -> ResultRef:
        """Return the aggregate, made in a thread of results that are fetched as it asks for them."""
        service, spec = self._held.service, self._task.aggregate
        if spec is None:
            raise RuntimeError(f"task '{self._task.name}' has a split but no aggregate")
        if self._task.parse == "bytes":
            return await gathered(service, spec, service.results(self._held.lease, self._task.name))
        async with aclosing(self._results()) as pages, drawn(pages) as texts:
            values = (NoResult.FAILED if text is None else json.loads(text) for page in texts for text in page)
            return await stored_result(service, await asyncio.to_thread(aggregate, spec, values))

    async def _results(self) -> AsyncGenerator[list[str | bytes | None], None]:
        """Yield the subtasks' results as JSON text, in their order, None for one that failed; each blob by itself."""
        service = self._held.service
        async for page in service.results(self._held.lease, self._task.name):
            texts: list[str | bytes | None] = []
            for row in page:
                if row.status != TaskEnding.COMPLETED.value:
                    texts.append(None)
                    continue
                if row.blob is None:
                    texts.append(row.result or "null")
                    continue
                yield texts
                texts = []
                yield [await service.get_blob(row.blob)]
            yield texts
