"""What can go wrong, as far as some caller reacts to it.

AgentError
+-- ServiceUnavailable   try again later
+-- Refused              this identity or token is not (or no longer) good
+-- Rejected             the service understood and said no
|   +-- Altered          a blob came as something else: the service's copy is bad, or something on the way is
+-- AttemptFailed        an attempt ended without a result
"""

from __future__ import annotations

from njangi_agent.output_tails import NOTHING, Written, shown_text
from njangi_agent.protocol import MESSAGE_CHARACTERS, AttemptError, Outcome


class AgentError(Exception):
    """Base of what the agent raises on purpose."""


class ServiceUnavailable(AgentError):
    """The service cannot answer now; `retry_after` is its own wish in seconds, 0 if it had none."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason, retry_after)
        self.reason = reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"the service is unavailable: {self.reason}"


class Refused(AgentError):
    """401 or 403: the token or the secret does not open this door."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"the service refused: {self.detail}"


class Rejected(AgentError):
    """Any other 4xx, or an answer that is no answer: repeating the same request will not help."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        return f"the service rejected the request ({self.status}): {self.detail}"


class Altered(Rejected):
    """A blob arrived whole, and is not what its name says."""

    def __init__(self, detail: str) -> None:
        super().__init__(200, detail)


class AttemptFailed(AgentError):
    """An attempt ended without a result; becomes the error of its report."""

    def __init__(self, type: str, message: str, written: Written = NOTHING, outcome: Outcome = Outcome.FAILED) -> None:
        super().__init__(type, message, written, outcome)
        self.type = type
        self.message = message
        self.written = written
        self.outcome = outcome

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"

    def as_error(self) -> AttemptError:
        return AttemptError(shown_text(self.type[:200]), shown_text(self.message[:MESSAGE_CHARACTERS]))
