"""Workflows as callers see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from fastapi import Response
from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.spec import Problem
from pydantic import BaseModel

from storage.runs.models import RunStatus
from storage.workflows.store import Workflow


class ListedWorkflow(BaseModel):
    """A workflow without what may be large. `readers`: who may see it, its owner first; `*` is everybody.

    `status` is that of its last run, of which `failed_parts` of the `parts` failed for good.
    """

    id: str
    name: str
    description: str
    owner: str
    status: RunStatus
    parts: int
    failed_parts: int
    version: int
    priority: int
    tags: list[str]
    metadata: dict[str, Any]
    estimated_resources: dict[str, float]
    current_run_id: str | None
    created_at: datetime
    updated_at: datetime
    readers: list[str]
    archived_at: datetime | None


class WorkflowView(ListedWorkflow):
    """`files`: the SHA-256 of each file that the spec names."""

    spec: dict[str, Any]
    files: dict[str, str]


class ProblemView(BaseModel):
    """What is wrong or doubtful at a place in a spec, a JSON Pointer; `code` and `values` tell it in any language."""

    pointer: str
    detail: str
    code: str
    values: dict[str, str | int | float | list[str]]


class SavedWorkflow(WorkflowView):
    """`warnings`: what in the spec is likely meant otherwise than it is read."""

    warnings: list[ProblemView]


class WorkflowPage(BaseModel):
    workflows: list[ListedWorkflow]
    next_page_token: str | None


def listed(workflow: Workflow) -> ListedWorkflow:
    return ListedWorkflow.model_validate(asdict(workflow))


def shown(workflow: Workflow, response: Response) -> WorkflowView:
    """Return a workflow as callers see it, and put its ETag into the response."""
    return WorkflowView.model_validate(_fields(workflow, response))


def saved(workflow: Workflow, warnings: Iterable[Problem], response: Response) -> SavedWorkflow:
    """Return a workflow that was made or edited as callers see it, and put its ETag into the response."""
    return SavedWorkflow.model_validate({**_fields(workflow, response), "warnings": problem_views(warnings)})


def problem_views(problems: Iterable[Problem]) -> list[ProblemView]:
    return [
        ProblemView(pointer=item.pointer, detail=item.detail, code=item.code, values=dict(item.values))
        for item in problems
    ]


def _fields(workflow: Workflow, response: Response) -> dict[str, Any]:
    response.headers["ETag"] = f'"{workflow.version}"'
    return {**asdict(workflow), "spec": specs.stored(workflow.spec)}
