"""The errors that calls to the service raise.

ClientError
├── UnreachableError              the service gives no answer that can be used
│   ├── UnexpectedAnswerError     the answer is not from a Njangi service, or from one of another version
│   └── DamagedError              the answer came incomplete or changed
└── ProblemError                  the service refused; `kind` is one of docs/errors.md
    ├── InvalidError              400, 422   correct what `errors` lists
    ├── UnauthorizedError         401
    ├── ForbiddenError            403        also over a quota: `more` has quota, used and allowed
    ├── MissingError              404, 410
    ├── ConflictError             409, 412   the present state forbids it
    └── UnavailableError          423, 429, 5xx   still so after all tries
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx
from pydantic import JsonValue

from njangi_flows.errors import FlowsError
from njangi_flows.workflow.problems import Problem

_OF_US = "urn:njangi:"


class ClientError(FlowsError):
    """A call failed."""


class UnreachableError(ClientError):
    """The service gives no answer that can be used; the same call may work later."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, why)
        self.url = url
        self.why = why

    def __str__(self) -> str:
        return f"the service at {self.url} cannot be used: {self.why}"


class UnexpectedAnswerError(UnreachableError):
    """What answers is not a Njangi service, or one of another version."""


class DamagedError(UnreachableError):
    """The answer came incomplete or changed; fetch it again."""


class ProblemError(ClientError):
    """The service refused: `problem` is its answer, `application/problem+json`."""

    def __init__(self, status: int, problem: dict[str, JsonValue]) -> None:
        super().__init__(status, problem)
        self.status = status
        self.problem = problem

    @property
    def kind(self) -> str:
        """The name of the problem's type in docs/errors.md, e.g. "run-ended"; "" where the service gave none."""
        return str(self.problem.get("type", "")).removeprefix(_OF_US)

    @property
    def detail(self) -> str:
        return str(self.problem.get("detail") or self.problem.get("title") or f"status {self.status}")

    @property
    def errors(self) -> list[Problem]:
        """Everything that is wrong with the request, if the service says so."""
        errors = self.problem.get("errors")
        items = [item for item in errors if isinstance(item, dict)] if isinstance(errors, list) else []
        return [Problem(str(item.get("pointer", "")), str(item.get("detail", ""))) for item in items]

    @property
    def request_id(self) -> str | None:
        """The id of the request in the service's log; give it to an operator."""
        found = self.problem.get("request_id")
        return str(found) if found is not None else None

    @property
    def more(self) -> dict[str, JsonValue]:
        """The further fields of this type of problem, e.g. `run_status`."""
        known = ("type", "title", "status", "detail", "errors", "request_id")
        return {name: value for name, value in self.problem.items() if name not in known}

    def __str__(self) -> str:
        return "\n".join([f"{self.status} {self.kind}: {self.detail}", *(f"  {error}" for error in self.errors)])


class InvalidError(ProblemError):
    """The request is wrong."""


class UnauthorizedError(ProblemError):
    """The token or the password is not valid."""


class ForbiddenError(ProblemError):
    """The caller may not do this, or has reached a quota."""


class MissingError(ProblemError):
    """There is no such thing, or none that the caller may see."""


class ConflictError(ProblemError):
    """The present state forbids it, e.g. the run has ended."""


class UnavailableError(ProblemError):
    """The service cannot do this now."""


_CLASSES = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: MissingError,
    409: ConflictError,
    410: MissingError,
    412: ConflictError,
    422: InvalidError,
    423: UnavailableError,
    429: UnavailableError,
}


def refusal(answer: httpx.Response) -> ProblemError:
    """Return the error for an answer of status 400 or above, read to its end."""
    body: Any = None
    with suppress(ValueError):
        body = answer.json()
    problem = body if isinstance(body, dict) else {"title": answer.reason_phrase}
    otherwise = UnavailableError if answer.is_server_error else ProblemError
    return _CLASSES.get(answer.status_code, otherwise)(answer.status_code, problem)
