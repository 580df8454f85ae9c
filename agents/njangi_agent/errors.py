"""The errors of the agent. A class exists where some caller reacts to it.

AgentError
+-- ServiceUnavailableError    the service cannot be reached; try again later
+-- AccessRefusedError         the service does not accept this identity or token
+-- RequestRejectedError       the service refuses the request
|   +-- AlteredError           a blob arrived with other contents: it is damaged in the service or on the way
+-- AttemptFailedError         an attempt ended without a result
+-- IdentityUnreadableError    the file that holds this machine's identity cannot be read
+-- HomeInUseError             another agent works in this home folder
+-- ServiceNotFoundError       no service answers at this address
"""

from __future__ import annotations

from njangi_agent.output_tails import NOTHING, Written, shown_text
from njangi_agent.protocol import MESSAGE_CHARACTERS, AttemptError, Outcome


class AgentError(Exception):
    """Base of what the agent raises on purpose."""


class ServiceUnavailableError(AgentError):
    """The service cannot answer now; `retry_after` is its own wish in seconds, 0 if it had none."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason, retry_after)
        self.reason = reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"the service is unavailable: {self.reason}"


class AccessRefusedError(AgentError):
    """401 or 403: the token or the secret does not open this door."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"the service refused: {self.detail}"


class RequestRejectedError(AgentError):
    """Any other 4xx, or an answer that is no answer: repeating the same request will not help."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        return f"the service rejected the request ({self.status}): {self.detail}"


class AlteredError(RequestRejectedError):
    """A blob arrived whole, and is not what its name says."""

    def __init__(self, detail: str) -> None:
        super().__init__(200, detail)


class AttemptFailedError(AgentError):
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
