"""The JSON Schema of workflows, for editors and for programs that write workflows."""

from __future__ import annotations

import hashlib
from functools import cache

from fastapi import APIRouter, Request, Response
from njangi_flows.workflow.model.reference import schema_text

from api.dependencies import Anyone

router = APIRouter(prefix="/v1/schema", tags=["workflows"], dependencies=[Anyone])

_KEPT_SECONDS = 300


@router.get("/workflow.json", response_class=Response)
async def workflow(request: Request) -> Response:
    """Return the JSON Schema (draft 2020-12) of a workflow, which YAML editors complete and check by."""
    content, etag = _schema()
    headers = {"ETag": etag, "Cache-Control": f"public, max-age={_KEPT_SECONDS}"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


@cache
def _schema() -> tuple[bytes, str]:
    """Return the schema with its ETag."""
    content = schema_text().encode()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
