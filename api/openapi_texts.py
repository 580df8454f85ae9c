"""The texts of the OpenAPI document that routes do not tell: names, tags, refusals, media types, examples."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.http.rate_limits import SESSION_COOKIE

DESCRIPTION = (
    "A durable workflow engine whose work is done by volunteers' machines. "
    "Conventions are told in docs/api.md, types of problems in docs/errors.md."
)

TAGS = {
    "workflows": "Named graphs of tasks: create, check, edit, start.",
    "templates": "Workflows that ship with the project, to begin with.",
    "runs": "One execution of one version of a workflow: follow it, take its results, send it signals.",
    "controls": "Pause, resume, cancel, retry, reset and run again.",
    "schedules": "Runs that start by the clock.",
    "events": "What happens, as it happens.",
    "webhooks": "Other systems that are told of events.",
    "blobs": "Files and large results by their SHA-256, whole or as uploads that go on after a broken line.",
    "sharing": "Who else may read a workflow.",
    "volunteers": "The machines that do the work, and the tokens by which they join.",
    "account": "Sessions, tokens and passwords of one's own.",
    "users": "People and invitations, for admins.",
    "audit": "Who did what, for admins.",
    "health": "For those who watch over the service.",
    "agent": "What volunteers' agents say; see njangi_agent.protocol.",
    "flow": "Calls that flows make from inside Prefect.",
}

SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of a person, a flow or a volunteer."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "A session of the console; writes carry the header Njangi-CSRF too.",
    },
}

PUBLIC = {
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "POST /v1/session",
    "POST /v1/invitations:accept",
    "POST /v1/join-tokens:look",
    "GET /agent.pyz",
    "HEAD /agent.pyz",
    "GET /v1/schema/workflow.json",
}

NAMES = {
    "GET /healthz": "getHealth",
    "GET /readyz": "getReadiness",
    "GET /metrics": "getMetrics",
    "POST /v1/workflows:validate": "validateWorkflow",
    "GET /v1/schema/workflow.json": "getWorkflowSchema",
    "PUT /v1/workflows/{workflow_id}": "editWorkflow",
    "POST /v1/workflows/{workflow_id}/runs": "startRun",
    "POST /v1/workflows:import": "importWorkflow",
    "GET /v1/workflows/{workflow_id}/export": "exportWorkflow",
    "GET /v1/workflows/{workflow_id}/versions/{before}/diff/{after}": "diffWorkflowVersions",
    "POST /v1/runs/{run_id}:retry-failed": "retryFailed",
    "POST /v1/runs:retry-failed": "retryFailedOfRuns",
    "PUT /v1/schedules/{schedule_id}": "editSchedule",
    "PUT /v1/webhooks/{webhook_id}": "editWebhook",
    "GET /v1/runs/{run_id}/results": "getRunResults",
    "GET /v1/runs/{run_id}/results/{task}/{index}": "getSubtaskResult",
    "GET /v1/runs/{run_id}/history": "getRunHistory",
    "POST /v1/runs/{run_id}/signals": "sendSignal",
    "POST /v1/session": "signIn",
    "DELETE /v1/session": "signOut",
    "POST /v1/me:password": "changePassword",
    "POST /v1/invitations": "invite",
    "POST /v1/invitations:accept": "acceptInvitation",
    "DELETE /v1/invitations/{invitation_id}": "withdrawInvitation",
    "DELETE /v1/tokens/{token_id}": "revokeToken",
    "DELETE /v1/join-tokens/{token_id}": "revokeJoinToken",
    "POST /v1/join-tokens:look": "lookAtJoinToken",
    "GET /v1/volunteers:throughput": "getThroughput",
    "GET /v1/audit": "listAuditEntries",
    "GET /agent.pyz": "agentGetProgram",
    "HEAD /agent.pyz": "agentCheckProgram",
    "POST /v1/agent/enrol": "agentEnrol",
    "POST /v1/agent/sync": "agentSync",
    "POST /v1/flow/flow-runs:wait": "flowWaitForFlowRuns",
    "POST /v1/flow/runs:adopt": "flowAdoptRun",
    "POST /v1/flow/runs:beat": "flowBeatRuns",
    "PUT /v1/flow/runs/{run_id}/tasks/{task}": "flowChangeTask",
    "POST /v1/flow/runs/{run_id}/tasks/{task}/batches": "flowPutBatches",
    "POST /v1/flow/runs/{run_id}/batches:settled": "flowWaitForBatches",
    "POST /v1/flow/runs/{run_id}/batches:requeue": "flowRequeueBatch",
    "POST /v1/flow/runs/{run_id}/waits:ended": "flowWaitForWaits",
    "POST /v1/flow/runs/{run_id}/tasks/{task}:wait": "flowBeginWait",
    "POST /v1/flow/runs/{run_id}/tasks/{task}/child": "flowStartChild",
    "GET /v1/flow/runs/{run_id}/tasks/{task}/child": "flowGetChild",
}
"""Operation ids that do not follow from method and address."""

ALSO: dict[str, tuple[int, ...]] = {
    "createWorkflow": (200,),
    "startRun": (200,),
    "cloneWorkflow": (200,),
    "importWorkflow": (200,),
    "useTemplate": (200,),
    "putBlob": (200,),
    "getBlob": (206,),
    "getRunResult": (206,),
    "getSubtaskResult": (206,),
}
"""Statuses of success besides the usual one, with the same body."""

NOT_MODIFIED = (
    "getBlob",
    "checkBlob",
    "getRunResult",
    "getSubtaskResult",
    "getWorkflowSchema",
    "agentGetProgram",
    "agentCheckProgram",
)
"""Calls that answer 304 to If-None-Match."""

MORE_REFUSALS: dict[str, tuple[int, ...]] = {
    "getMetrics": (403,),
    "compareRuns": (404,),
    "signIn": (401,),
    "acceptInvitation": (401, 403, 410),
    "editWorkflow": (412, 428),
    "getBlob": (416,),
    "getRunResult": (416,),
    "getSubtaskResult": (416,),
    "createUpload": (412,),
    "checkUpload": (409, 412, 423),
    "appendUpload": (412, 423),
    "deleteUpload": (412, 423),
}

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_RESULT = {"application/json": {"schema": {}}, **_BYTES}
_TEXT = {"schema": {"type": "string"}}
_EVENT = {
    "type": "object",
    "required": ["seq", "v", "type", "at", "run_id"],
    "properties": {
        "seq": {"type": "integer"},
        "v": {"type": "integer"},
        "type": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "run_id": {"type": ["string", "null"]},
    },
}


def _events(*also: str) -> dict[str, Any]:
    properties = {"events": {"type": "array", "items": _EVENT}} | {name: {"type": "integer"} for name in also}
    page = {"type": "object", "required": list(properties), "properties": properties}
    return {"application/json": {"schema": page}, "text/event-stream": _TEXT}


CONTENT: dict[str, dict[str, Any]] = {
    "getMetrics": {"text/plain": _TEXT},
    "getBlob": _BYTES,
    "checkBlob": {},
    "putBlob": {},
    "createUpload": {},
    "checkUpload": {},
    "getRunGrid": {"application/vnd.njangi.grid": {"schema": {"type": "string", "format": "binary"}}},
    "getRunResult": _RESULT,
    "getSubtaskResult": _RESULT,
    "getRunArchive": {
        "application/zip": {"schema": {"type": "string", "format": "binary"}},
        "application/x-tar": {"schema": {"type": "string", "format": "binary"}},
    },
    "agentGetProgram": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    "agentCheckProgram": {},
    "getWorkflowSchema": {"application/json": {"schema": {"type": "object"}}},
    "exportWorkflow": {"application/yaml": {"schema": {}}, "application/json": {"schema": {}}},
    "getRunHistory": {"application/jsonl": _TEXT},
    "listRunEvents": _events(),
    "listEvents": _events("next"),
}
"""What answers of success hold where it is not the JSON of a model."""

BODIES = {
    "putBlob": _BYTES,
    "appendUpload": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}

SPECS = ("WorkflowBody", "NewWorkflowBody")
"""Bodies whose `spec` is a workflow."""

SPEC_TEXT = {"type": "string", "description": "The text of a YAML or JSON file with the workflow."}

_SPEC = {
    "name": "squares",
    "tasks": [
        {
            "name": "power",
            "python": {"source": "def power(part):\n    return [n * n for n in part]\n", "function": "power"},
            "split": {"range": 1000, "items_per_subtask": 50},
            "aggregate": "list",
        },
        {"name": "size", "command": "wc -c {power.result}", "dependencies": ["power"]},
    ],
}
EXAMPLES: dict[str, Any] = {
    "createWorkflow": {"spec": _SPEC, "files": {}},
    "validateWorkflow": {"spec": _SPEC, "files": {}},
    "startRun": {"parameters": {}, "deadline": "6h"},
    "createSchedule": {"workflow_id": "w0195f3a1c2e-9f04b1c2", "cron": "0 2 * * *", "timezone": "Africa/Douala"},
    "createWebhook": {"url": "https://example.org/hook", "types": ["run.completed", "run.failed"]},
    "sendSignal": {"name": "approved", "payload": {"by": "Ana"}},
    "signIn": {"name": "ana", "password": "correct horse battery"},
    "createToken": {"name": "laptop", "scopes": ["read", "write"], "expires_in": "90d"},
    "invite": {"role": "submitter", "name": "kofi", "expires_in": "3d"},
    "createJoinToken": {"name": "room 12", "uses": 30, "expires_in": "7d"},
    "lookAtJoinToken": {"token": "njangi-join-TOKEN"},
    "agentEnrol": {
        "name": "old laptop",
        "machine": {"os": "Linux", "arch": "x86_64", "python": "3.11", "cpu": 2, "memory": 4294967296, "storage": 0},
    },
    "flowAdoptRun": {"prefect_flow_run_id": "0f1c4a52-6d0f-4b70-8f70-0a4d2b1f5d11", "name": "longest"},
}
"""Bodies of the main calls."""

PROBLEM = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457; types are told in docs/errors.md.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "pattern": "^urn:njangi:[a-z-]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "request_id": {"type": "string"},
            "code": {
                "type": "string",
                "description": "which of the sentences of `type` `detail` is, if there are several",
            },
            "values": {"type": "object", "description": "what `detail` names, for other languages"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": {"type": "string", "description": "a JSON Pointer"},
                        "in": {"enum": ["body", "query", "path", "header", "cookie"]},
                        "detail": {"type": "string"},
                        "code": {"type": "string", "description": "what `detail` says, for other languages"},
                        "values": {"type": "object", "description": "what the sentence of `code` names"},
                    },
                },
            },
        },
        "example": {
            "type": "urn:njangi:not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no run 'r0195f3a1c2e-9f04b1c2'",
        },
    }
}
_LATER = {"Retry-After": {"description": "seconds", "required": True, "schema": {"type": "integer"}}}


def refusal(status: int) -> dict[str, Any]:
    """Return how the document tells of answers with that status."""
    schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    told: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": schema}
    return told | ({"headers": _LATER} if status in (423, 429, 503) else {})
