"""Restart runs of engineers' flows through Prefect: only Prefect can start their code."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from coordinator.prefect.client import FlowRun, Prefect, PrefectUnavailableError
from storage.database import new_id
from storage.errors import NoSpecError, NotFoundError, UnknownFlowRunError
from storage.runs.models import NewRun, Run
from storage.stores import Stores

log = logging.getLogger(__name__)


async def startable(prefect: Prefect, run: Run) -> FlowRun:
    """Return the run's flow run. Raises NoSpecError if no worker could start it, PrefectUnavailableError."""
    flow_run = await prefect.flow_run(run.prefect_flow_run_id or "")
    if flow_run is None:
        raise NoSpecError(run.id, "Prefect does not know its flow run any more; start the flow anew")
    if flow_run.deployment_id is None:
        raise NoSpecError(
            run.id, "its flow run is of no deployment, so no worker can take it up; start the flow where you did before"
        )
    return flow_run


async def adopt(prefect: Prefect, stores: Stores, new: NewRun, *, now: datetime) -> Run:
    """Return the run of an engineer's flow run, made on first use. Raises UnknownFlowRunError.

    While Prefect is away the flow is believed; should it be another server's, the reconciler ends its run later.
    """
    flow_run_id = new.prefect_flow_run_id or ""
    try:
        return await stores.runs.by_flow_run(flow_run_id)
    except NotFoundError:
        try:
            known = await prefect.knows(flow_run_id)
        except PrefectUnavailableError as error:
            log.warning("a flow run was not asked for", extra={"flow_run_id": flow_run_id, "reason": str(error)})
        else:
            if not known:
                raise UnknownFlowRunError(prefect.api_url, flow_run_id) from None
        return await stores.runs.adopt(new, now=now)


async def rerun_own_flow(
    prefect: Prefect, stores: Stores, run: Run, parameters: Mapping[str, Any], *, request: str | None, now: datetime
) -> Run:
    """Have Prefect start another flow run of the deployment, with `parameters` over its own; return that one's run.

    `request` names the request, so that a second try at it finds what the first one made. Raises as `startable`, and
    PrefectRefusedError.
    """
    flow_run = await startable(prefect, run)
    merged = {**flow_run.parameters, **parameters}
    key = f"njangi-rerun-{request or new_id('q')}"
    new = NewRun(
        workflow_id=run.workflow_id,
        name=run.name,
        version=run.version,
        owner=run.owner,
        priority=run.priority,
        spec={},
        files={},
        parameters=merged,
        prefect_flow_run_id=await prefect.create_alike(flow_run, merged, key),
        readers=run.readers,
        prepares=True,
    )
    return await stores.runs.adopt(new, now=now)
