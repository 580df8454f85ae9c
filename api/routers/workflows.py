"""Workflows: create, validate, edit, list, and start their runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from njangi_agent.protocol import is_sha256
from njangi_flows import spec as specs
from njangi_flows.spec import Duration
from pydantic import BaseModel, Field

from api.chosen_ids import ChosenIdBody, create_workflow, start_run
from api.dependencies import App, Named, Reader, Submitter
from api.errors import MissingFilesError
from api.rights import readings_of
from api.routers.runs import RunView, view
from api.services import Services, utc_now
from storage.workflows import NewWorkflow, Workflow

router = APIRouter(prefix="/v1/workflows", tags=["workflows"])


class WorkflowBody(BaseModel):
    """A spec, and the SHA-256 of each file that it names."""

    spec: Any
    files: dict[str, str] = Field(default_factory=dict)


class NewWorkflowBody(WorkflowBody, ChosenIdBody):
    """The same, and the id that it shall have."""


class Start(ChosenIdBody):
    """`deadline`: how long the run may take, as `6h`; else the spec's."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    deadline: Annotated[Duration | None, Field(gt=0, le=specs.LONGEST_DEADLINE)] = None


class Validated(BaseModel):
    problems: list[dict[str, str]]


@router.post("", status_code=201)
async def create(
    body: Annotated[NewWorkflowBody, Body()], app: App, caller: Submitter, named: Named, response: Response
) -> dict[str, Any]:
    """Create a workflow. 422 tells every problem of its spec at once."""
    workflow, fresh = await create_workflow(app, await _new(app, body, caller.name), body, caller=caller, request=named)
    response.status_code = 201 if fresh else 200
    return _view(workflow)


@router.post(":validate")
async def validate(body: Annotated[WorkflowBody, Body()], _: Submitter) -> Validated:
    """Check a spec and store nothing."""
    specs.parse(body.spec, files=body.files.keys())
    return Validated(problems=[])


@router.get("")
async def page(app: App, caller: Reader, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
    """Return the workflows that the caller may see, the newest first."""
    found = await app.stores.workflows.page(limit=limit, readers=readings_of(caller))
    return {"workflows": [_view(item) for item in found]}


@router.get("/{workflow_id}")
async def get(workflow_id: str, app: App, _: Reader) -> dict[str, Any]:
    return _view(await app.stores.workflows.get(workflow_id))


@router.put("/{workflow_id}")
async def edit(
    workflow_id: str, body: Annotated[WorkflowBody, Body()], app: App, caller: Submitter, named: Named
) -> dict[str, Any]:
    """Replace a workflow's content; runs under way keep the version they began with."""
    return _view(
        await app.stores.workflows.edit(workflow_id, await _new(app, body, caller.name), now=utc_now(), request=named)
    )


@router.post("/{workflow_id}/runs", status_code=201)
async def start(
    workflow_id: str, body: Annotated[Start, Body()], app: App, caller: Submitter, named: Named, response: Response
) -> RunView:
    """Start a run of the workflow as it is now."""
    workflow = await app.stores.workflows.get(workflow_id)
    run, fresh = await start_run(
        app, workflow, body.parameters, body, caller=caller, request=named, deadline=body.deadline
    )
    response.status_code = 201 if fresh else 200
    return await view(app, run)


async def _new(app: Services, body: WorkflowBody, owner: str) -> NewWorkflow:
    spec = specs.parse(body.spec, files=body.files.keys())
    hashes = {sha256 for sha256 in body.files.values() if is_sha256(sha256)}
    missing = sorted(set(body.files.values()) - hashes) + sorted(
        await app.stores.blobs.touch(hashes, by=owner, now=utc_now())
    )
    if missing:
        raise MissingFilesError(missing)
    resources = [task.resources for task in spec.tasks if task.on_volunteers]
    return NewWorkflow(
        name=spec.name,
        description=spec.description,
        priority=spec.priority,
        tags=list(spec.tags),
        metadata=spec.metadata,
        spec=body.spec,
        files=body.files,
        estimated_resources={
            "cpu": max((item.cpu for item in resources), default=0.0),
            "memory": max((item.memory for item in resources), default=0),
            "storage": max((item.storage for item in resources), default=0),
        },
    )


def _view(workflow: Workflow) -> dict[str, Any]:
    return {name: value for name, value in asdict(workflow).items() if name != "request"}
