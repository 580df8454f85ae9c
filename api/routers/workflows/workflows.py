"""Workflows: create, check, edit, list, archive, delete, and start their runs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Response
from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.model import Tags
from njangi_flows.workflow.spec import Duration
from pydantic import BaseModel, ConfigDict, Field

from api.access.rights import AccessDecision, Action, decide
from api.clock import utc_now
from api.dependencies import App, Named, Reader, Submitter
from api.http.refusals import RefusalError
from api.list_parameters import WorkflowList, order
from api.routers.runs.runs import RunView, view
from api.runs.chosen_ids import ChosenIdBody, create_workflow, start_run
from api.runs.planning import RunPlan, plan_of
from api.workflows.authoring import expected_version, new_workflow, read_spec
from api.workflows.sources import source_of
from api.workflows.text_files import check_text_files
from api.workflows.views import (
    ProblemView,
    SavedWorkflow,
    WorkflowPage,
    WorkflowView,
    listed,
    problem_views,
    saved,
    shown,
)

router = APIRouter(prefix="/v1/workflows", tags=["workflows"])


class WorkflowBody(BaseModel):
    """A spec, as JSON values or as the text of a YAML or JSON file, and the SHA-256 of each file that it names."""

    spec: Any
    files: dict[str, str] = Field(default_factory=dict)


class NewWorkflowBody(WorkflowBody, ChosenIdBody):
    """The same, and the id that it shall have."""


class CloneBody(ChosenIdBody):
    """The clone's name, else that of the workflow."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str | None, Field(min_length=1, max_length=100)] = None


class TagsBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tags: Annotated[Tags, Field(min_length=1)]


class StartRequest(ChosenIdBody):
    """`deadline`: how long the run may take, as `6h`; else the spec's."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    deadline: Annotated[Duration, Field(gt=0, le=specs.LONGEST_DEADLINE)] | None = None


class Validated(RunPlan):
    """No problems: 422 tells those. The plan is what a run of it would begin with now."""

    problems: list[ProblemView]
    warnings: list[ProblemView]


@router.post("", status_code=201)
async def create(
    body: Annotated[NewWorkflowBody, Body()], app: App, caller: Submitter, named: Named, response: Response
) -> SavedWorkflow:
    """Create a workflow. 422 tells every problem of its spec at once."""
    new, warnings = await new_workflow(app, body.spec, body.files, owner=caller.name)
    workflow, fresh = await create_workflow(app, new, body, caller=caller, request=named)
    response.status_code = 201 if fresh else 200
    return saved(workflow, warnings, response)


@router.post(":validate")
async def validate(body: Annotated[WorkflowBody, Body()], app: App, caller: Submitter) -> Validated:
    """Check a spec, store nothing, and tell what a run of it would do."""
    authored = await read_spec(body.spec, body.files.keys())
    await check_text_files(app, authored.spec, body.files)
    plan = await plan_of(app, authored.spec, body.files, owner=caller.name)
    return Validated(problems=[], warnings=problem_views(authored.warnings), **plan.model_dump())


@router.get("")
async def page(query: Annotated[WorkflowList, Query()], app: App, caller: Reader) -> WorkflowPage:
    """Return a page of workflows without spec and files, the newest first unless `sort` says otherwise."""
    filter_, sort = query.as_seen_by(caller), order(query.sort)
    found, token = await app.stores.workflows.page(filter_, sort, query.page(), archived=query.archived)
    return WorkflowPage(workflows=[listed(item) for item in found], next_page_token=token)


@router.get("/{workflow_id}")
async def get(workflow_id: str, app: App, _: Reader, response: Response) -> WorkflowView:
    """Return a workflow; its ETag is its version."""
    return shown(await app.stores.workflows.get(workflow_id), response)


@router.put("/{workflow_id}")
async def edit(
    workflow_id: str,
    body: Annotated[WorkflowBody, Body()],
    app: App,
    caller: Submitter,
    named: Named,
    response: Response,
    if_match: Annotated[str | None, Header()] = None,
) -> SavedWorkflow:
    """Replace the content of the version that If-Match names; runs under way keep the version they began with."""
    version = expected_version(if_match)
    new, warnings = await new_workflow(app, body.spec, body.files, owner=caller.name)
    edited = await app.stores.workflows.edit(
        workflow_id, new, by=caller.name, now=utc_now(), version=version, request=named
    )
    return saved(edited, warnings, response)


@router.delete("/{workflow_id}", status_code=204)
async def delete(workflow_id: str, app: App, caller: Submitter) -> None:
    """Delete a workflow with its versions and schedules; its ended runs stay. 409 while runs are under way."""
    await app.stores.workflows.delete(workflow_id, by=caller.name, now=utc_now())


@router.post("/{workflow_id}:clone", status_code=201)
async def clone(
    workflow_id: str,
    app: App,
    caller: Reader,
    named: Named,
    response: Response,
    body: Annotated[CloneBody | None, Body()] = None,
) -> WorkflowView:
    """Make a workflow of the caller's own like this one, which they may read, as it is now."""
    if decide(caller, Action.CHANGE) is not AccessDecision.ALLOWED:
        raise RefusalError("clone-read-only")
    chosen = body or CloneBody()
    original = await app.stores.workflows.get(workflow_id)
    version = await app.stores.versions.get(workflow_id, original.version)
    renamed = chosen.name is not None and chosen.name != original.name
    stored = specs.stored(original.spec)
    spec = {**stored, "name": chosen.name} if renamed else await source_of(version) or stored
    new, _ = await new_workflow(app, spec, original.files, owner=caller.name)
    made, fresh = await create_workflow(app, new, chosen, caller=caller, request=named)
    response.status_code = 201 if fresh else 200
    return shown(made, response)


@router.post("/{workflow_id}:tag")
async def tag(workflow_id: str, body: TagsBody, app: App, caller: Submitter, response: Response) -> WorkflowView:
    """Put tags on a workflow, without a new version of it."""
    return shown(await app.stores.workflows.tag(workflow_id, body.tags, by=caller.name, now=utc_now()), response)


@router.post("/{workflow_id}:untag")
async def untag(workflow_id: str, body: TagsBody, app: App, caller: Submitter, response: Response) -> WorkflowView:
    """Take tags off a workflow."""
    return shown(await app.stores.workflows.untag(workflow_id, body.tags, by=caller.name, now=utc_now()), response)


@router.post("/{workflow_id}:archive")
async def archive(workflow_id: str, app: App, caller: Submitter, response: Response) -> WorkflowView:
    """Put a workflow aside: listed only when asked for, and not to be started. Its runs go on."""
    return shown(await app.stores.workflows.archive(workflow_id, by=caller.name, now=utc_now()), response)


@router.post("/{workflow_id}:unarchive")
async def unarchive(workflow_id: str, app: App, caller: Submitter, response: Response) -> WorkflowView:
    """Take an archived workflow up again."""
    return shown(await app.stores.workflows.unarchive(workflow_id, by=caller.name, now=utc_now()), response)


@router.post("/{workflow_id}/runs", status_code=201)
async def start(
    workflow_id: str,
    body: Annotated[StartRequest, Body()],
    app: App,
    caller: Submitter,
    named: Named,
    response: Response,
) -> RunView:
    """Start a run of the workflow as it is now. 409 if it is archived."""
    workflow = await app.stores.workflows.get(workflow_id)
    run, fresh = await start_run(
        app, workflow, body.parameters, body, caller=caller, request=named, deadline=body.deadline
    )
    response.status_code = 201 if fresh else 200
    return await view(app, run)
