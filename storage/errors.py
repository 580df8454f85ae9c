"""What storage can say no with."""

from __future__ import annotations

from collections.abc import Sequence


class NjangiError(Exception):
    """The root of our errors."""


class StorageUnavailableError(NjangiError):
    """MongoDB does not answer now; the same call may succeed later."""


class NotFoundError(NjangiError):
    """Nothing is stored under that id."""

    def __init__(self, noun: str, id_: str) -> None:
        super().__init__(noun, id_)
        self.noun = noun
        self.id = id_

    def __str__(self) -> str:
        return f"there is no {self.noun} {self.id!r}"


class IdTakenError(NjangiError):
    """Something is stored under that id already."""

    def __init__(self, noun: str, id_: str) -> None:
        super().__init__(noun, id_)
        self.noun = noun
        self.id = id_

    def __str__(self) -> str:
        return f"there is a {self.noun} {self.id!r} already"


class JoinTokenSpentError(NjangiError):
    """The join token enrols no further machine."""

    def __str__(self) -> str:
        return "this join token has enrolled all its machines, has expired or was revoked; ask for another one"


class NoJoinTokenError(NjangiError):
    """The token lets no machine join, for the reason given."""

    def __str__(self) -> str:
        return f"this join token {self.args[0]}; ask whoever gave it to you for another one"


class RetiredError(NjangiError):
    """The volunteer is retired for good: its machine may only enrol anew."""

    def __str__(self) -> str:
        return f"volunteer {self.args[0]} is retired; its machine can join again as another one"


class QuotaExceededError(NjangiError):
    """An owner has as much as it may; with `later` the same call may succeed when something has been done."""

    def __init__(self, what: str, used: int, allowed: int, *, later: bool = False) -> None:
        super().__init__(what, used, allowed)
        self.what = what
        self.used = used
        self.allowed = allowed
        self.later = later

    def __str__(self) -> str:
        return f"the quota of {self.what} is used up: {self.used} of {self.allowed}; GET /v1/me tells all quotas"


class InvitationGoneError(NjangiError):
    """The code opens nothing: it was used, withdrawn, has expired, or never was one."""

    def __str__(self) -> str:
        return "this invitation is no longer good; ask an admin for another one"


class TooManyTriesError(NjangiError):
    """Too many tries to sign in; `seconds` tells when the next one may be made."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"too many tries to sign in; the next one may be made in {self.seconds} s"


class UnknownUsersError(NjangiError):
    """Nobody goes by these names."""

    def __str__(self) -> str:
        return f"there is no user called {', '.join(self.args[0])}"


class RunLeaseLostError(NjangiError):
    """The caller no longer holds the run: its lease ended and another may have taken it."""

    def __str__(self) -> str:
        return f"the lease of run {self.args[0]} is no longer held under this token"


class RunHeldError(NjangiError):
    """Another flow holds the run at this moment."""

    def __str__(self) -> str:
        return f"run {self.args[0]} is held by another flow worker; try again when its lease has ended"


class RunEndedError(NjangiError):
    """The run has reached its last state, `status` where that is known; nothing more can be done in it."""

    def __init__(self, run_id: str, status: str | None = None) -> None:
        super().__init__(run_id, status)
        self.run_id = run_id
        self.status = status

    def __str__(self) -> str:
        return f"run {self.run_id} has ended"


class RunCancelledError(NjangiError):
    """The run is being cancelled; it cannot be paused or resumed."""

    def __str__(self) -> str:
        return f"run {self.args[0]} is being cancelled"


class RunUnderWayError(NjangiError):
    """The run has not ended; only one that has can be begun again."""

    def __str__(self) -> str:
        return f"run {self.args[0]} is under way; wait for its end, or cancel it first"


class NothingToRetryError(NjangiError):
    """Nothing of what was named failed."""

    def __init__(self, run_id: str, tasks: Sequence[str]) -> None:
        super().__init__(run_id, tasks)
        self.run_id = run_id
        self.tasks = tasks

    def __str__(self) -> str:
        return (
            f"nothing failed in {', '.join(self.tasks) or 'any task'} of run {self.run_id}; :reset begins a task anew"
        )


class NoSpecError(NjangiError):
    """The run is an engineer's own flow: what its tasks are, only the flow knows."""

    def __init__(self, run_id: str, instead: str) -> None:
        super().__init__(run_id, instead)
        self.run_id = run_id
        self.instead = instead

    def __str__(self) -> str:
        return f"run {self.run_id} is that of a Prefect flow of its own: {self.instead}"


class TooDeepError(NjangiError):
    """A run would stand below too many others."""

    def __str__(self) -> str:
        most, chain = self.args
        return f"runs are nested at most {most} deep, and this would be one too many: {' -> '.join(chain)}"


class TooManySignalsError(NjangiError):
    """The run has been sent as many signals as a run may be."""

    def __str__(self) -> str:
        return f"run {self.args[0]} has been sent {self.args[1]} signals, which is the most that a run takes"


class BadPageTokenError(NjangiError):
    """The token leads to no page of this list."""

    def __str__(self) -> str:
        return "the page_token is none that this list gave, sorted so; leave it out to begin at the first page"


class StaleVersionError(NjangiError):
    """Somebody has edited the workflow since the caller read it."""

    def __init__(self, workflow_id: str, current: int) -> None:
        super().__init__(workflow_id, current)
        self.workflow_id = workflow_id
        self.current = current

    def __str__(self) -> str:
        return f"workflow {self.workflow_id} is at version {self.current} now; read it, and edit that one"


class WorkflowArchivedError(NjangiError):
    """The workflow is put aside; it cannot be started."""

    def __str__(self) -> str:
        return f"workflow {self.args[0]} is archived; :unarchive it to start runs of it"


class WorkflowInUseError(NjangiError):
    """Runs of the workflow are under way."""

    def __str__(self) -> str:
        return f"runs of workflow {self.args[0]} are under way, {self.args[1]} among them; cancel them or wait"


class BlobMismatchError(NjangiError):
    """The bytes sent do not have the SHA-256 that they were announced under."""

    def __str__(self) -> str:
        return f"the bytes sent hash to {self.args[1]}, not to the announced {self.args[0]}"


class UploadOffsetError(NjangiError):
    """An upload goes on at another byte than the one sent."""

    def __init__(self, upload_id: str, expected: int, found: int) -> None:
        super().__init__(upload_id, expected, found)
        self.expected = expected

    def __str__(self) -> str:
        return f"upload {self.args[0]} has {self.args[1]} bytes and goes on from there, not from byte {self.args[2]}"


class UploadBusyError(NjangiError):
    """Another request is sending the upload's bytes."""

    def __str__(self) -> str:
        return f"another request is sending bytes of upload {self.args[0]}; wait for its end, or for a minute"


class TooLargeError(NjangiError):
    """More bytes than allowed."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what, limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.args[0]} is larger than the {self.limit} bytes allowed"
