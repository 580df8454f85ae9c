"""Workflows, their versions, and templates for them."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from pydantic import JsonValue

from njangi_flows.client.blobs import BlobCalls
from njangi_flows.client.models import (
    Difference,
    ListedWorkflow,
    OneTemplateView,
    OneVersionView,
    Readers,
    RunStatus,
    RunView,
    SavedWorkflow,
    TemplateList,
    TemplateView,
    Validated,
    VersionView,
    WorkflowView,
)
from njangi_flows.client.transport import Transport

OnConflict = Literal["reject", "return_existing", "replace"]
_ONE = "/v1/workflows/{workflow_id}"


class ChosenId(TypedDict, total=False):
    """The id for the new workflow or run, and what to do if it is taken."""

    id: str
    on_conflict: OnConflict


class WorkflowFilter(TypedDict, total=False):
    """Which workflows; `name` and `q` are parts of the text.

    `sort` is created_at, updated_at, name or priority; with `-` in front backwards.
    """

    name: str
    prefix: str
    q: str
    status: Sequence[RunStatus]
    owner: str
    tag: str
    priority: int
    created_since: datetime
    created_until: datetime
    archived: bool
    sort: str


class WorkflowCalls:
    """The caller's workflows, and those shared with them.

    `spec` is a document, or the text of a YAML or JSON file, which is kept with the version. `files` gives the SHA-256
    of each file that the spec names, as `upload` returns them.
    """

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def upload(self, files: Mapping[str, Path | bytes]) -> dict[str, str]:
        """Store files unless the service has them, and return the value for `files`."""
        blobs = BlobCalls(self._to)
        return {name: await blobs.put(content) for name, content in files.items()}

    async def create(
        self, spec: JsonValue, files: Mapping[str, str] | None = None, **chosen: Unpack[ChosenId]
    ) -> SavedWorkflow:
        """Create a workflow. The answer has warnings of likely mistakes. Raises InvalidError with every problem."""
        return await self._to.post(SavedWorkflow, "/v1/workflows", {"spec": spec, "files": files or {}, **chosen})

    async def validate(self, spec: JsonValue, files: Mapping[str, str] | None = None) -> Validated:
        """Return what a run would do, and store nothing. Raises InvalidError with every problem."""
        return await self._to.post(Validated, "/v1/workflows:validate", {"spec": spec, "files": files or {}})

    async def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a workflow (draft 2020-12), for editors and programs that write workflows."""
        return await self._to.get(dict[str, Any], "/v1/schema/workflow.json")

    def list(self, **filter: Unpack[WorkflowFilter]) -> AsyncIterator[ListedWorkflow]:
        return self._to.items(ListedWorkflow, "/v1/workflows", "workflows", query=filter)

    async def get(self, workflow_id: str) -> WorkflowView:
        return await self._to.get(WorkflowView, _ONE, workflow_id=workflow_id)

    async def edit(
        self, workflow_id: str, version: int | None, spec: JsonValue, files: Mapping[str, str] | None = None
    ) -> SavedWorkflow:
        """Replace `version`, or the newest for None, by a new one. Raises ConflictError if there is a newer one."""
        headers = {"If-Match": "*" if version is None else f'"{version}"'}
        body = {"spec": spec, "files": files or {}}
        return await self._to.put(SavedWorkflow, _ONE, body, headers=headers, workflow_id=workflow_id)

    async def delete(self, workflow_id: str) -> None:
        """Delete a workflow, its versions and schedules; its runs stay. Raises ConflictError while a run goes on."""
        await self._to.delete(_ONE, workflow_id=workflow_id)

    async def start(
        self,
        workflow_id: str,
        parameters: Mapping[str, JsonValue] | None = None,
        *,
        deadline: str | float | None = None,
        **chosen: Unpack[ChosenId],
    ) -> RunView:
        """Start a run. It fails after the `deadline`: "6h", or seconds."""
        body = {"parameters": parameters or {}, **_given(deadline=deadline), **chosen}
        return await self._to.post(RunView, _ONE + "/runs", body, workflow_id=workflow_id)

    async def clone(self, workflow_id: str, name: str | None = None, **chosen: Unpack[ChosenId]) -> WorkflowView:
        """Create a copy of a workflow that is the caller's own."""
        body = {**_given(name=name), **chosen}
        return await self._to.post(WorkflowView, _ONE + ":clone", body, workflow_id=workflow_id)

    async def tag(self, workflow_id: str, tags: Sequence[str]) -> WorkflowView:
        return await self._to.post(WorkflowView, _ONE + ":tag", {"tags": tags}, workflow_id=workflow_id)

    async def untag(self, workflow_id: str, tags: Sequence[str]) -> WorkflowView:
        return await self._to.post(WorkflowView, _ONE + ":untag", {"tags": tags}, workflow_id=workflow_id)

    async def archive(self, workflow_id: str) -> WorkflowView:
        """Archive a workflow: it is no longer listed and cannot be started."""
        return await self._to.post(WorkflowView, _ONE + ":archive", workflow_id=workflow_id)

    async def unarchive(self, workflow_id: str) -> WorkflowView:
        return await self._to.post(WorkflowView, _ONE + ":unarchive", workflow_id=workflow_id)

    async def share(self, workflow_id: str, names: Sequence[str]) -> builtins.list[str]:
        """Let users, or "*" for all who are signed in, read the workflow and its runs. Return all who may."""
        found: Readers = await self._to.post(Readers, _ONE + ":share", {"with": names}, workflow_id=workflow_id)
        return found.readers

    async def unshare(self, workflow_id: str, names: Sequence[str]) -> builtins.list[str]:
        found: Readers = await self._to.post(Readers, _ONE + ":unshare", {"with": names}, workflow_id=workflow_id)
        return found.readers

    def versions(self, workflow_id: str) -> AsyncIterator[VersionView]:
        """Yield the versions, the newest first."""
        return self._to.items(VersionView, _ONE + "/versions", "versions", workflow_id=workflow_id)

    async def version(self, workflow_id: str, version: int) -> OneVersionView:
        path = _ONE + "/versions/{version}"
        return await self._to.get(OneVersionView, path, workflow_id=workflow_id, version=version)

    async def difference(self, workflow_id: str, before: int, after: int) -> Difference:
        path = _ONE + "/versions/{before}/diff/{after}"
        return await self._to.get(Difference, path, workflow_id=workflow_id, before=before, after=after)

    async def import_(
        self,
        document: str | Mapping[str, Any],
        files: Mapping[str, str] | None = None,
        *,
        scale: float = 1.0,
        commands: bool = False,
        **chosen: Unpack[ChosenId],
    ) -> SavedWorkflow:
        """Create a workflow from a document of ours or in WfFormat.

        The tasks of WfFormat become stand-ins, which take the recorded seconds times `scale`, or with `commands` the
        recorded programs.
        """
        body = {"document": document, "files": files or {}, "scale": scale, "commands": commands, **chosen}
        return await self._to.post(SavedWorkflow, "/v1/workflows:import", body)

    def export(
        self, workflow_id: str, format: Literal["yaml", "json", "wfformat"] = "yaml", version: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield a version, the newest for None, as a file."""
        query = {"format": format, "version": version}
        return self._to.bytes(_ONE + "/export", query=query, workflow_id=workflow_id)


class TemplateCalls:
    """Workflows that ship with the service."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def list(self) -> builtins.list[TemplateView]:
        found: TemplateList = await self._to.get(TemplateList, "/v1/templates")
        return found.templates

    async def get(self, name: str) -> OneTemplateView:
        return await self._to.get(OneTemplateView, "/v1/templates/{name}", name=name)

    async def use(self, name: str, **chosen: Unpack[ChosenId]) -> WorkflowView:
        """Create a workflow of the caller's own from a template."""
        return await self._to.post(WorkflowView, "/v1/templates/{name}:use", dict(chosen), name=name)


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}
