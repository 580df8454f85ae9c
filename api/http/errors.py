"""The one table from our errors to problem+json (RFC 9457)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from njangi_agent.protocol import ProtocolError
from njangi_flows.workflow.problems import coded
from njangi_flows.workflow.spec import InvalidSpecError
from starlette.exceptions import HTTPException

from api.http.json_bodies import fault_of_unread
from api.http.refusals import RefusalError
from api.http.tracing import HEADER, request_id
from coordinator.prefect.client import PrefectUnavailableError
from storage.errors import (
    BadPageTokenError,
    BlobMismatchError,
    FailuresToleratedError,
    IdTakenError,
    InvitationGoneError,
    JoinTokenSpentError,
    NjangiError,
    NoJoinTokenError,
    NoSpecError,
    NotFoundError,
    NothingToRetryError,
    OtherContentsError,
    QuotaExceededError,
    RetiredError,
    RunCancelledError,
    RunEndedError,
    RunHeldError,
    RunLeaseLostError,
    RunUnderWayError,
    StaleVersionError,
    StorageUnavailableError,
    TooDeepError,
    TooLargeError,
    TooManySignalsError,
    TooManyTriesError,
    UnknownFlowRunError,
    UnknownUsersError,
    UploadBusyError,
    UploadOffsetError,
    WorkflowArchivedError,
    WorkflowInUseError,
)

log = logging.getLogger(__name__)

GUESSED = "guessed"
"""What is set in a request's state when it names a secret that opens nothing: it counts as an unknown token does."""
BY_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    412: "precondition-failed",
    415: "unsupported-media-type",
    422: "unprocessable-entity",
    428: "precondition-required",
    503: "service-unavailable",
}
"""The types of problems that have no other name than their status."""
TRY_AGAIN = (423, 429, 503)
"""Statuses of what may succeed later; the answer says when."""
RETRY_AFTER = {"Retry-After": "2"}
REFUSED = "refused"
"""The type of what has no other."""
_TABLE: dict[type[Exception], tuple[int, str]] = {
    NotFoundError: (404, "not-found"),
    IdTakenError: (409, "id-taken"),
    RunLeaseLostError: (409, "run-lease-lost"),
    RunHeldError: (409, "run-held"),
    OtherContentsError: (409, "other-contents"),
    RunEndedError: (409, "run-ended"),
    RunCancelledError: (409, "run-cancelled"),
    RunUnderWayError: (409, "run-under-way"),
    NothingToRetryError: (409, "nothing-to-retry"),
    FailuresToleratedError: (409, "failures-tolerated"),
    NoSpecError: (409, "no-spec"),
    UnknownFlowRunError: (409, "unknown-flow-run"),
    StaleVersionError: (412, "stale-version"),
    WorkflowArchivedError: (409, "workflow-archived"),
    WorkflowInUseError: (409, "runs-under-way"),
    BadPageTokenError: (422, "bad-page-token"),
    BlobMismatchError: (422, "blob-mismatch"),
    TooLargeError: (413, "too-large"),
    TooDeepError: (422, "too-deep"),
    TooManySignalsError: (409, "too-many-signals"),
    UploadOffsetError: (409, "upload-offset"),
    UploadBusyError: (423, "upload-busy"),
    UnknownUsersError: (422, "unknown-user"),
    QuotaExceededError: (403, "quota-exceeded"),
    JoinTokenSpentError: (403, "join-token-spent"),
    NoJoinTokenError: (404, "not-found"),
    RetiredError: (409, "volunteer-retired"),
    InvitationGoneError: (410, "invitation-gone"),
    TooManyTriesError: (429, "too-many-tries"),
    StorageUnavailableError: (503, "storage-unavailable"),
    PrefectUnavailableError: (503, "prefect-unavailable"),
    ProtocolError: (422, "protocol"),
}


class MissingFilesError(NjangiError):
    """Files that a spec names were never sent."""

    code = "missing-files"

    def __str__(self) -> str:
        return f"these blobs are not stored yet: {', '.join(self.args[0])}; send them to /v1/blobs first"


def problem(
    status: int,
    type_: str,
    detail: str,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: dict[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Return a problem+json answer; `type` is `urn:njangi:<type_>` and stable, `members` are added as they are."""
    body: dict[str, Any] = {
        "type": f"urn:njangi:{type_}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **(members or {}),
    }
    if status in TRY_AGAIN:
        headers = {**RETRY_AFTER, **(headers or {})}
    if (name := request_id.get()) is not None:
        body["request_id"] = name
        headers = {HEADER: name, **(headers or {})}  # what is unforeseen is answered outside of all middleware
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, headers=headers, media_type="application/problem+json")


def handle_errors(app: FastAPI) -> None:
    """Make every error leave as problem+json."""
    app.add_exception_handler(NjangiError, _ours)
    app.add_exception_handler(ProtocolError, _ours)
    app.add_exception_handler(InvalidSpecError, _spec)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OverflowError, _overflow)
    app.add_exception_handler(Exception, _unforeseen)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    status, type_ = next((row for class_, row in _TABLE.items() if isinstance(error, class_)), (422, REFUSED))
    headers = None
    if isinstance(error, NoJoinTokenError):
        setattr(request.state, GUESSED, True)
    if isinstance(error, TooManyTriesError):
        headers = {"Retry-After": str(error.seconds)}
    members: dict[str, Any] = {}
    if isinstance(error, NjangiError) and (type_ != REFUSED or error.code):
        members = {"code": error.code or type_, "values": error.values}
    if isinstance(error, RunEndedError) and error.status:
        members["run_status"] = error.status
    elif isinstance(error, QuotaExceededError):
        members |= {"quota": error.what, "used": error.used, "allowed": error.allowed}
        status = 429 if error.later else status
    return problem(status, type_, str(error), headers=headers, members=members)


async def _spec(request: Request, error: Exception) -> JSONResponse:
    problems = error.problems if isinstance(error, InvalidSpecError) else []
    errors = [{"pointer": item.pointer, "detail": item.detail, **_coded(item.code, item.values)} for item in problems]
    detail = f"the workflow has {len(errors)} problem(s)"
    members = {"code": "invalid-spec", "values": {"count": len(errors)}}
    return problem(422, "invalid-spec", detail, errors, members=members)


async def _validation(request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [
        {
            "in": item["loc"][0],
            "pointer": _pointer(item["loc"][1:]),
            "detail": item["msg"].removeprefix("Value error, "),
            **_coded(*coded(item)),
        }
        for item in found
    ]
    members: dict[str, Any] = {"code": "invalid-request", "values": {}}
    return problem(422, "invalid-request", "the request is not valid", errors, members=members)


def _coded(code: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what lets others tell a fault in another language, where its sentence is one of ours."""
    return {"code": code, "values": values} if code else {}


def _pointer(steps: Sequence[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901) to a place in the body, or to a parameter of the path, query or headers."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


async def _overflow(request: Request, error: Exception) -> JSONResponse:
    """A number of the request is kept as one, not as text, and is larger than MongoDB's or a date's."""
    return problem(
        422, "invalid-request", "a number in the request is too large to be stored; at most 64 bits are possible"
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return await _unforeseen(request, error)
    if error.status_code == HTTPStatus.BAD_REQUEST and isinstance(error.__cause__, ValueError | RecursionError):
        fault = await fault_of_unread(request)
        if fault is not None:
            return await _validation(request, fault)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    members = {"code": error.code, "values": error.values} if isinstance(error, RefusalError) else None
    return problem(error.status_code, BY_STATUS[error.status_code], error.detail, (), headers, members)


def _methods_of(request: Request) -> list[str]:
    """Return the methods that the address takes; Starlette tells of those of the first route alone."""
    found: list[str] = []
    for template, operations in request.app.openapi()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(template))  # no id has a colon: that begins a verb
        if re.fullmatch(pattern, request.url.path):
            found += [method.upper() for method in operations]
    return found


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    log.exception("a request failed unforeseen", extra={"path": request.url.path}, exc_info=error)
    members: dict[str, Any] = {"code": "internal", "values": {}}
    return problem(500, "internal", "an error happened in the service; its log has the details", members=members)
