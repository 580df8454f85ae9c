"""Prefect task runs as the nodes of a run: stable identities, explicit edges, no threads while they wait.

A node's id and dynamic key follow from the run alone, so a second start of the run continues the same rows in
Prefect instead of leaving ghosts. Upstream nodes have ended before a node begins: edges are for the eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from prefect import Task
from prefect.client.schemas.objects import State, StateDetails, TaskRun, TaskRunPolicy, TaskRunResult
from prefect.exceptions import Pause
from prefect.states import Pending
from prefect.task_engine import run_task_async


def node_id(flow_run_id: UUID, key: str) -> UUID:
    """Return the id of the task run that `key` names within a flow run."""
    return uuid5(flow_run_id, key)


def node(task: Task[Any, Any], flow_run_id: UUID, id_: UUID, key: str, name: str, upstream: Sequence[UUID]) -> TaskRun:
    """Return a task run to hand to `run_node`; `key` becomes its dynamic key."""
    state: State[Any] = Pending(state_details=StateDetails(task_run_id=id_, flow_run_id=flow_run_id))
    created: Any = state.timestamp
    return TaskRun(
        id=id_,
        name=name,
        flow_run_id=flow_run_id,
        task_key=task.task_key,
        dynamic_key=key,
        task_version=task.version,
        empirical_policy=TaskRunPolicy(retries=task.retries, retry_delay=task.retry_delay_seconds),
        task_inputs={"wait_for": [TaskRunResult(id=upstream_id) for upstream_id in upstream]} if upstream else {},
        expected_start_time=created,
        state_id=state.id,
        state_type=state.type,
        state_name=state.name,
        state=state,
        created=created,
        updated=created,
    )


async def run_node(task: Task[Any, Any], run: TaskRun, parameters: dict[str, Any]) -> State[Any] | None:
    """Run a node with its retries and return its last state; None if it stopped without one."""
    try:
        state = await run_task_async(task, task_run=run, parameters=parameters, return_type="state")
    except Pause:
        return None
    return state if isinstance(state, State) else None
