"""Check what a submitter sends, and make a workflow of it that can be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import HTTPException
from njangi_agent.protocol import is_sha256
from njangi_flows.workflow import spec as specs
from njangi_flows.workflow.spec import InvalidSpecError, Problem, WorkflowSpec

from api.clock import utc_now
from api.http.errors import MissingFilesError
from api.services import Services
from api.workflows.text_files import check_text_files
from storage.workflows.store import NewWorkflow


@dataclass(frozen=True, slots=True)
class Authored:
    """A spec that somebody wrote: as JSON values, and the text that it came in as, YAML or JSON, if it did.

    `warnings` are what in it is likely meant otherwise than it is read.
    """

    spec: WorkflowSpec
    document: Any
    source: str | None
    warnings: list[Problem]


async def read_spec(given: Any, files: Collection[str]) -> Authored:
    """Return a spec that is written today. Raises InvalidSpecError with every problem.

    Read in a thread: YAML takes seconds where a workflow is as large as it may be.
    """
    if isinstance(given, str):
        read = await asyncio.to_thread(specs.read, given)
        document, source, doubts = specs.authored(read.fields), given, read.doubts
    else:
        document, source, doubts = specs.authored(given), None, []
    spec = specs.parse(document, files=files)
    if problems := specs.unfilled(spec, spec.parameters):
        raise InvalidSpecError(problems)
    return Authored(spec, document, source, specs.in_order([*doubts, *specs.warnings(spec, document)]))


async def new_workflow(
    app: Services, given: Any, files: Mapping[str, str], *, owner: str
) -> tuple[NewWorkflow, list[Problem]]:
    """Return the workflow to write, and warnings. Raises InvalidSpecError with every problem, MissingFilesError."""
    authored = await read_spec(given, files.keys())
    spec = authored.spec
    hashes = {sha256 for sha256 in files.values() if is_sha256(sha256)}
    unknown = await app.stores.blobs.touch(hashes, by=owner, now=utc_now())
    missing = sorted(set(files.values()) - hashes) + sorted(unknown)
    if missing:
        raise MissingFilesError(missing)
    await check_text_files(app, spec, files)
    new = NewWorkflow(
        name=spec.name,
        description=spec.description,
        priority=spec.priority,
        tags=list(spec.tags),
        metadata=spec.metadata,
        spec=authored.document,
        files=files,
        estimated_resources=_largest(spec),
        source=authored.source,
    )
    return new, authored.warnings


def _largest(spec: WorkflowSpec) -> dict[str, float]:
    resources = [task.resources for task in spec.tasks if task.on_volunteers]
    return {
        "cpu": max((item.cpu for item in resources), default=0.0),
        "memory": max((item.memory for item in resources), default=0),
        "storage": max((item.storage for item in resources), default=0),
    }


def expected_version(if_match: str | None) -> int | None:
    """Return the version that an If-Match header names, None for `*`. Raises 428 without one.

    What is no ETag of ours names no version: 0, which no workflow is at.
    """
    if if_match is None:
        raise HTTPException(
            428, 'an edit needs the header If-Match: "VERSION", the ETag of the version that you read (or *)'
        )
    tag = if_match.strip()
    if tag == "*":
        return None
    number = tag.removeprefix("W/").strip('"')
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
