"""Make the OpenAPI document from the routes, and from what holds for all of them.

Routers say what a call takes and gives; which refusals it may meet follows from its address and method, so that no
router repeats them. `python -m api.openapi` writes docs/openapi.json.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from njangi_agent.protocol import SyncAnswer, SyncRequest
from njangi_flows.workflow.model.json_schema import schema as workflow_schema
from pydantic import TypeAdapter

from api import openapi_texts as reference
from api.settings import Settings

Document = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
_SCHEMAS = "#/components/schemas/"
_VERBS = {
    "get": "get",
    "put": "put",
    "post": "create",
    "patch": "append",
    "delete": "delete",
    "head": "check",
    "options": "describe",
}


def document_of(app: FastAPI) -> Document:
    """Return the whole document of the service."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=reference.DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        tags=[{"name": name, "description": text} for name, text in reference.TAGS.items()],
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= reference.PROBLEM
    document["components"]["securitySchemes"] = reference.SECURITY
    document["paths"] |= _sync(schemas)
    _describe_specs(schemas)
    met: set[int] = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
            met |= {int(status) for status in operation["responses"] if int(status) >= 400}
    document["components"]["responses"] = {str(status): reference.refusal(status) for status in sorted(met)}
    return document


def _complete(path: str, method: str, operation: Document) -> None:
    name = operation["operationId"] = operation_id(method, path)
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own, of another form
    for status in reference.ALSO.get(_kind(name), ()):
        responses[str(status)] = dict(next(iter(responses.values())))
    if (content := reference.CONTENT.get(_kind(name))) is not None:
        for response in responses.values():
            response["content"] = content
    if _kind(name) in reference.NOT_MODIFIED:
        responses["304"] = {"description": "Not Modified"}
    for status in refusals(path, method, operation):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    operation["responses"] = dict(sorted(responses.items()))
    operation["security"] = _security(path, method)
    body = operation.get("requestBody")
    if _kind(name) in reference.BODIES:
        operation["requestBody"] = {"required": True, "content": reference.BODIES[_kind(name)]}
    elif body is not None and name in reference.EXAMPLES:
        body["content"]["application/json"]["example"] = reference.EXAMPLES[name]
    if body is not None:
        body["content"] = {"application/json": body["content"]["application/json"]}


def operation_id(method: str, path: str) -> str:
    """Return the name of a call: `listRuns`, `pauseRun`, `flowHoldRun`; irregular ones are in a table."""
    if (given := reference.NAMES.get(f"{method.upper()} {path}")) is not None:
        return given
    steps = [step for step in path.removeprefix("/v1/").strip("/").split("/") if step]
    prefix = steps.pop(0) if steps[0] in ("agent", "flow") else ""
    last, _, verb = steps[-1].partition(":")
    nouns = [step.partition(":")[0] for step in steps if not step.startswith("{")]
    one = last.startswith("{")
    parents = "".join(_one(noun) for noun in nouns[:-1])
    noun = _one(nouns[-1]) if one or (method == "post" and not verb) else _camel(nouns[-1])
    if not verb:
        verb = "list" if method == "get" and not one and nouns[-1].endswith("s") else _VERBS[method]
    name = _camel(verb) + parents + noun
    return prefix + name if prefix else name[0].lower() + name[1:]


def _camel(words: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[-_]", words))


def _one(noun: str) -> str:
    return _camel(noun.removesuffix("es") if noun.endswith("ches") else noun.removesuffix("s"))


def _kind(name: str) -> str:
    """Return the name of the call that agents, flows and submitters share: blobs and uploads."""
    bare = re.sub(r"^(agent|flow)(?=[A-Z])", "", name)
    bare = bare[0].lower() + bare[1:]
    return bare if bare.endswith(("Blob", "Upload", "Uploads")) else name


def refusals(path: str, method: str, operation: Document) -> list[int]:
    """Return the statuses of 400 and above that a call may answer."""
    found = {414, 429, 431, *reference.MORE_REFUSALS.get(_kind(operation["operationId"]), ())}
    if path.startswith("/v1/") or path == "/readyz":
        found.add(503)
    if not _public(path, method):
        found |= {401, 403}
    if "{" in path:
        found.add(404)
    changes = method in ("post", "put", "patch", "delete")
    if changes:
        found |= {404, 409}
    if changes and method != "delete":
        found |= {400, 408, 413, 415, 422}
    if operation.get("parameters"):
        found.add(422)
    return sorted(found)


def _public(path: str, method: str) -> bool:
    return f"{method.upper()} {path}" in reference.PUBLIC


def _security(path: str, method: str) -> list[dict[str, list[str]]]:
    if _public(path, method):
        return []
    if path.startswith(("/v1/agent/", "/v1/flow/")):
        return [{"bearer": []}]
    return [{"bearer": []}, {"session": []}]


def _sync(schemas: Document) -> Document:
    """Describe the agents' one call, which goes past FastAPI to be quick."""
    for type_, mode in ((SyncRequest, "validation"), (SyncAnswer, "serialization")):
        schema = TypeAdapter(type_).json_schema(ref_template=f"{_SCHEMAS}Agent{{model}}", mode=mode)  # type: ignore[arg-type]
        parts = {f"Agent{name}": part for name, part in schema.pop("$defs", {}).items()}
        parts[f"Agent{type_.__name__}"] = schema
        if type_ is SyncRequest:  # what an agent leaves out is nothing, but for how an attempt ended
            for name, part in parts.items():
                part["required"] = ["outcome"] if name == "AgentReport" else []
        schemas |= parts
    operation = {
        "tags": ["agent"],
        "summary": "Sync",
        "description": "One sync of an agent: reports, heartbeats and its wish for work. It waits as long as it asks.",
        "requestBody": {"required": True, "content": _json("AgentSyncRequest")},
        "responses": {"200": {"description": "Successful Response", "content": _json("AgentSyncAnswer")}},
    }
    return {"/v1/agent/sync": {"post": operation}}


def _describe_specs(schemas: Document) -> None:
    """Let the `spec` of bodies, which the service itself reads as any JSON, refer to the schema of workflows."""
    workflow = workflow_schema(ref_template=_SCHEMAS + "{model}")
    del workflow["$schema"]
    schemas |= {**workflow.pop("$defs"), "WorkflowSpec": workflow}
    for body in reference.SPECS:
        schemas[body]["properties"]["spec"] = {"anyOf": [{"$ref": _SCHEMAS + "WorkflowSpec"}, reference.SPEC_TEXT]}


def _json(name: str) -> Document:
    return {"application/json": {"schema": {"$ref": _SCHEMAS + name}}}


def text_of(document: Document) -> str:
    """Return the document as it is kept in docs/openapi.json."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    from api.app import create_app

    target = Path(__file__).parents[1] / "docs" / "openapi.json"
    target.write_text(text_of(create_app(Settings()).openapi()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
