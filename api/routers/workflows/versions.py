"""Versions of workflows: list them, read one, compare two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.yaml_writer import as_yaml
from pydantic import BaseModel

from api.dependencies import App, Reader
from api.list_parameters import Paged
from api.workflows import differences
from api.workflows.sources import source_of
from storage.workflows.versions import Version

router = APIRouter(prefix="/v1/workflows/{workflow_id}/versions", tags=["workflows"])


class VersionView(BaseModel):
    workflow_id: str
    version: int
    name: str
    description: str
    tags: list[str]
    by: str
    created_at: datetime


class OneVersionView(VersionView):
    """`source` is the text that it came in as, null where it came as JSON values."""

    spec: dict[str, Any]
    files: dict[str, str]
    source: str | None


class VersionPage(BaseModel):
    versions: list[VersionView]
    next_page_token: str | None


class Difference(BaseModel):
    """`patch` makes the one spec of the other (RFC 6902); `files` are names with the SHA-256 before and after."""

    before: int
    after: int
    summary: list[str]
    patch: list[dict[str, Any]]
    files: Mapping[str, Sequence[str | None]]
    text: str


@router.get("")
async def page(workflow_id: str, query: Annotated[Paged, Query()], app: App, _: Reader) -> VersionPage:
    """Return a page of a workflow's versions, the newest first."""
    await app.stores.workflows.get(workflow_id)
    found, token = await app.stores.versions.page(workflow_id, query.page())
    return VersionPage(versions=[VersionView(**_fields(item)) for item in found], next_page_token=token)


@router.get("/{version}")
async def get(workflow_id: str, version: int, app: App, _: Reader) -> OneVersionView:
    """Return one version with its spec and files."""
    found = await app.stores.versions.get(workflow_id, version)
    spec, source = specs.stored(found.spec), await source_of(found)
    return OneVersionView(**_fields(found), spec=spec, files=dict(found.files), source=source)


@router.get("/{before}/diff/{after}")
async def difference(workflow_id: str, before: int, after: int, app: App, _: Reader) -> Difference:
    """Return what differs between two versions, whichever is the older."""
    old, new = [await app.stores.versions.get(workflow_id, number) for number in (before, after)]
    names = sorted(old.files.keys() | new.files.keys())
    spec_before, spec_after = specs.stored(old.spec), specs.stored(new.spec)
    return Difference(
        before=before,
        after=after,
        summary=differences.summary(spec_before, spec_after),
        patch=differences.patch(spec_before, spec_after),
        files={
            name: (old.files.get(name), new.files.get(name))
            for name in names
            if old.files.get(name) != new.files.get(name)
        },
        text=differences.text(*await _texts(old, new), (f"version {before}", f"version {after}")),
    )


def _fields(version: Version) -> dict[str, Any]:
    return {
        "workflow_id": version.workflow_id,
        "version": version.number,
        "name": version.name,
        "description": version.description,
        "tags": list(version.tags),
        "by": version.by,
        "created_at": version.created_at,
    }


async def _texts(old: Version, new: Version) -> tuple[str, str]:
    """Return both versions as text: as they were written if both have their text, else both in our own writing."""
    before, after = await source_of(old), await source_of(new)
    if before is not None and after is not None:
        return before, after
    return as_yaml(specs.stored(old.spec)), as_yaml(specs.stored(new.spec))
