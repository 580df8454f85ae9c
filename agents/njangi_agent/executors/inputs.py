"""Give an attempt its task's files and its parameters."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any, Dict, Mapping

from njangi_agent.cache import Cache
from njangi_agent.errors import AttemptFailedError
from njangi_agent.protocol import Lease, Outcome, TaskDefinition


def files_of(task: TaskDefinition) -> Dict[str, str]:
    """Return the task's files as name -> SHA-256. A name that leaves the folder is refused."""
    for file in task.files:
        path = PurePosixPath(file.name)
        if path.is_absolute() or not path.parts or ".." in path.parts:
            raise AttemptFailedError("BadInput", f"{file.name!r} is no name inside a folder", outcome=Outcome.REFUSED)
    return {str(PurePosixPath(file.name)): file.sha256 for file in task.files}


async def parameters_of(lease: Lease, cache: Cache) -> Mapping[str, Any]:
    """Return the lease's parameters, fetched when they travel as a blob."""
    if lease.parameters_blob is None:
        return lease.parameters or {}
    async with cache.holding({"parameters": lease.parameters_blob}) as files:
        parameters = json.loads(files["parameters"].read_bytes())
    if not isinstance(parameters, dict):
        raise AttemptFailedError("BadInput", "the parameters are no JSON object", outcome=Outcome.REFUSED)
    return parameters
