"""Import and export workflows: our YAML and JSON, and WfFormat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Response
from njangi_agent.dialect import MESSAGE_DEPTH, loads
from njangi_flows.wfformat import workflows as wfformat
from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.yaml_writer import as_yaml
from pydantic import Field

from api.dependencies import App, Named, Reader, Submitter
from api.runs.chosen_ids import ChosenIdBody, create_workflow
from api.services import Services
from api.workflows.authoring import new_workflow
from api.workflows.sources import source_of
from api.workflows.views import SavedWorkflow, saved
from storage.workflows.versions import Version

router = APIRouter(prefix="/v1/workflows", tags=["workflows"])

_TYPES = {"yaml": ("application/yaml", "yaml"), "json": ("application/json", "json")}


class ImportBody(ChosenIdBody):
    """A workflow in any format that is read: YAML or JSON of ours, WfFormat 1.5 or 1.6; as text or as JSON values.

    Of WfFormat: `commands` runs the recorded programs; else stand-ins last the recorded seconds times `scale`.
    """

    document: dict[str, Any] | str
    files: dict[str, str] = Field(default_factory=dict)
    scale: Annotated[float, Field(gt=0, le=wfformat.LARGEST_SCALE)] = 1.0
    commands: bool = False


@router.post(":import", status_code=201)
async def import_(
    body: Annotated[ImportBody, Body()], app: App, caller: Submitter, named: Named, response: Response
) -> SavedWorkflow:
    """Create a workflow of a document in any format that is read. 422 tells every problem at once."""
    given: Any = body.document
    recorded = await asyncio.to_thread(_recorded, given)
    if recorded is not None:
        given = await asyncio.to_thread(wfformat.read, recorded, scale=body.scale, commands=body.commands)
    new, warnings = await new_workflow(app, given, body.files, owner=caller.name)
    workflow, fresh = await create_workflow(app, new, body, caller=caller, request=named)
    response.status_code = 201 if fresh else 200
    return saved(workflow, warnings, response)


@router.get("/{workflow_id}/export", response_class=Response)
async def export(
    workflow_id: str,
    app: App,
    _: Reader,
    format_: Annotated[Literal["yaml", "json", "wfformat"], Query(alias="format")] = "yaml",
    version: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Return a version of a workflow, the newest unless it is named, as a file.

    YAML that came in as YAML is as it was written, comments and all, with the number of its language.
    """
    number = version or (await app.stores.workflows.get(workflow_id)).version
    found = await app.stores.versions.get(workflow_id, number)
    source = await source_of(found) if format_ == "yaml" else None
    if source is not None and not source.lstrip().startswith("{"):
        text = source
    elif format_ == "yaml":
        text = await asyncio.to_thread(as_yaml, specs.stored(found.spec))
    elif format_ == "json":
        text = _json(specs.stored(found.spec))
    else:
        text = _json(await _wfformat(app, found))
    media_type, ending = _TYPES.get(format_, _TYPES["json"])
    disposition = f'attachment; filename="{workflow_id}-v{number}.{ending}"'
    return Response(text, media_type=media_type, headers={"Content-Disposition": disposition})


def _recorded(given: dict[str, Any] | str) -> dict[str, Any] | None:
    """Return a document that is in WfFormat, None if it is not; its text may be larger than one of ours."""
    document: Any = given
    if isinstance(given, str):
        if not given.lstrip().startswith("{"):
            return None
        try:
            document = loads(given, depth=MESSAGE_DEPTH)
        except ValueError:  # the check of workflows says what is wrong
            return None
    return document if wfformat.is_wfformat(document) else None


async def _wfformat(app: Services, version: Version) -> dict[str, Any]:
    spec = specs.parse(version.spec, files=version.files.keys())
    blobs = await app.stores.blobs.sizes(set(version.files.values()))
    sizes = {name: blobs.get(sha256, 0) for name, sha256 in version.files.items()}
    seconds, began = await _last_run(app, version)
    return wfformat.write(spec, sizes, seconds, began.isoformat())


async def _last_run(app: Services, version: Version) -> tuple[Mapping[str, float], datetime]:
    """Return what each task took in the workflow's last completed run, and when that began."""
    last = await app.stores.timings.last_completed(version.workflow_id)
    if last is None:
        return {}, version.created_at
    run = await app.stores.runs.get(last)
    timings = await app.stores.timings.of_run(last)
    seconds = {name: timing.seconds for name, timing in timings.items() if timing.completed}
    return (seconds, run.started_at or run.created_at) if run.version == version.number else ({}, version.created_at)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
