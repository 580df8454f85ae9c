"""Templates: the workflows that ship with the project, to look at and to copy."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel

from api.clock import utc_now
from api.dependencies import App, Named, Reader, Submitter
from api.runs.chosen_ids import ChosenIdBody, create_workflow
from api.workflows.authoring import new_workflow
from api.workflows.templates import Template, Templates
from api.workflows.views import WorkflowView, shown

router = APIRouter(prefix="/v1/templates", tags=["templates"])


class TemplateView(BaseModel):
    """`kinds` are those of its tasks, by their names; `files` their sizes in bytes."""

    name: str
    description: str
    tags: list[str]
    parameters: dict[str, Any]
    kinds: dict[str, str]
    files: dict[str, int]


class OneTemplateView(TemplateView):
    """`source` is the spec's text, comments and all; `contents` are the files in base64: they are small."""

    spec: dict[str, Any]
    source: str
    contents: dict[str, str]


class TemplateList(BaseModel):
    templates: list[TemplateView]


@router.get("")
async def page(request: Request, _: Reader) -> TemplateList:
    """Return all templates in the order of their names: they are few."""
    found = await asyncio.to_thread(_templates(request).all)
    return TemplateList(templates=[TemplateView(**_fields(found[name])) for name in sorted(found)])


@router.get("/{name}")
async def get(name: str, request: Request, _: Reader) -> OneTemplateView:
    template = await asyncio.to_thread(_templates(request).get, name)
    contents = {file: base64.b64encode(content).decode() for file, content in template.files.items()}
    return OneTemplateView(**_fields(template), spec=dict(template.document), source=template.source, contents=contents)


@router.post("/{name}:use", status_code=201)
async def use(
    name: str,
    request: Request,
    app: App,
    caller: Submitter,
    named: Named,
    response: Response,
    body: Annotated[ChosenIdBody | None, Body()] = None,
) -> WorkflowView:
    """Make a workflow of a template, with its files; it is the caller's own to edit and run."""
    template = await asyncio.to_thread(_templates(request).get, name)
    for file, sha256 in template.hashes.items():
        content = template.files[file]
        await app.stores.uploads.put(sha256, _whole(content), by=caller.name, limit=len(content), now=utc_now())
    new, _ = await new_workflow(app, template.source, template.hashes, owner=caller.name)
    workflow, fresh = await create_workflow(app, new, body or ChosenIdBody(), caller=caller, request=named)
    response.status_code = 201 if fresh else 200
    return shown(workflow, response)


def _templates(request: Request) -> Templates:
    templates: Templates = request.app.state.templates
    return templates


def _fields(template: Template) -> dict[str, Any]:
    spec = template.spec
    return {
        "name": template.name,
        "description": spec.description,
        "tags": list(spec.tags),
        "parameters": dict(spec.parameters),
        "kinds": {task.name: task.kind for task in spec.tasks},
        "files": {name: len(content) for name, content in template.files.items()},
    }


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
