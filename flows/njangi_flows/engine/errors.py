"""The errors of calls to /v1/flow; see `njangi_flows.errors` for the whole tree."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import BaseModel, Field, ValidationError

from njangi_flows.errors import FlowsError


class ServiceError(FlowsError):
    """The service refused a call; `kind` is the last part of the problem's type, e.g. "not-found"."""

    def __init__(self, status: int, kind: str, detail: str, run_status: str | None = None) -> None:
        super().__init__(status, kind, detail, run_status)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.run_status = run_status  # how the run ended, where that is why

    def __str__(self) -> str:
        return f"the service refused: {self.status} {self.kind}: {self.detail}"


class NoServiceError(FlowsError):
    """No service of ours has ever answered at the address."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"no Njangi service answers at {self.url} ({self.reason}); start it there, or set NJANGI_URL to the address"
            " of the one that is meant"
        )


class LeaseTakenError(ServiceError):
    """The run lease went to another holder, or the run ended: whatever we were about to write is not ours."""


class RunHeldElsewhereError(ServiceError):
    """Another holder executes the run now."""


class RunHasEndedError(ServiceError):
    """The run has ended; there is nothing left to execute."""


class WrongBlobError(FlowsError):
    """A blob's content is not what its name says."""

    def __init__(self, sha256: str) -> None:
        super().__init__(sha256)
        self.sha256 = sha256

    def __str__(self) -> str:
        return f"the content of blob {self.sha256} has another SHA-256"


_ERRORS = {"run-lease-lost": LeaseTakenError, "run-held": RunHeldElsewhereError, "run-ended": RunHasEndedError}


class _Problem(BaseModel):
    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    run_status: str | None = None
    errors: list[dict[str, Any]] = Field(default_factory=list)


def is_problem(answer: httpx.Response) -> bool:
    """Whether an answer is a refusal of a Njangi service: one that does not know our token proves nothing to us.

    Once the service has proven itself, another one at its address is waited out for as long as a first contact.
    """
    return answer.status_code >= 400 and b'"urn:njangi:' in answer.content[:200]


def refusal_of(answer: httpx.Response) -> ServiceError:
    try:
        problem = _Problem.model_validate_json(answer.content)
    except ValidationError:
        problem = _Problem(title=answer.reason_phrase, detail=answer.text[:500])
    kind = problem.type.replace(":", "/").replace("#", "/").rstrip("/").rpartition("/")[2]
    detail = problem.detail or problem.title
    if problem.errors:
        detail = "; ".join([detail, *(f"{item.get('pointer')}: {item.get('detail')}" for item in problem.errors[:5])])
    return _ERRORS.get(kind, ServiceError)(answer.status_code, kind, detail, problem.run_status)
