"""The errors that storage raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class NjangiError(Exception):
    """The root of our errors.

    `says` is the sentence that a class tells, filled with its arguments under `names`; who tells it in another language
    has them as `values`. A class without it tells what it was given.
    """

    says: ClassVar[str] = ""
    code: ClassVar[str] = ""
    """Which sentence this is, where others are answered under the same type of problem."""
    names: ClassVar[tuple[str, ...]] = ()

    @property
    def values(self) -> dict[str, Any]:
        return dict(zip(self.names, self.args, strict=False))

    def __str__(self) -> str:
        return self.says.format_map(self.values) if self.says else super().__str__()


class StorageUnavailableError(NjangiError):
    """MongoDB does not answer now; the same call may succeed later."""


class NotFoundError(NjangiError):
    """Nothing is stored under that id."""

    says = "there is no {noun} {id!r}"
    names = ("noun", "id")

    def __init__(self, noun: str, id_: str) -> None:
        super().__init__(noun, id_)
        self.noun = noun
        self.id = id_


class IdTakenError(NjangiError):
    """Something is already stored under that id."""

    says = "there is already a {noun} {id!r}"
    names = ("noun", "id")

    def __init__(self, noun: str, id_: str) -> None:
        super().__init__(noun, id_)
        self.noun = noun
        self.id = id_


class JoinTokenSpentError(NjangiError):
    """The join token enrols no further machine."""

    says = "this join token is used up, has expired or was revoked; ask for a new one"


class NoJoinTokenError(NjangiError):
    """The token lets no machine join, for the reason given: `why` is a word for programs, `told` for people."""

    says = "this join token {told}; ask the person who gave it to you for a new one"
    code = "no-join-token"
    names = ("why", "told")


class RetiredError(NjangiError):
    """The volunteer is retired for good: its machine may only enrol anew."""

    says = "volunteer {volunteer} is retired; its machine can join again as a new volunteer"
    names = ("volunteer",)


class QuotaExceededError(NjangiError):
    """An owner has as much as it may; with `later` the same call may succeed when something has been done."""

    says = "the quota of {quota} is used up: {used} of {allowed}; GET /v1/me lists all quotas"
    names = ("quota", "used", "allowed")

    def __init__(self, what: str, used: int, allowed: int, *, later: bool = False) -> None:
        super().__init__(what, used, allowed)
        self.what = what
        self.used = used
        self.allowed = allowed
        self.later = later


class InvitationGoneError(NjangiError):
    """The code opens nothing: it was used, withdrawn, has expired, or never was one."""

    says = "this invitation is no longer valid; ask an admin for a new one"


class TooManyTriesError(NjangiError):
    """Too many tries to sign in; `seconds` tells when the next one may be made."""

    says = "too many attempts to sign in; try again in {seconds} s"
    names = ("seconds",)

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class UnknownUsersError(NjangiError):
    """Nobody goes by these names."""

    names = ("names",)

    def __str__(self) -> str:
        return f"there is no user called {', '.join(self.args[0])}"


class OtherContentsError(NjangiError):
    """Something else than the flow sends is already stored under that id of the run."""

    says = "something else is already stored under {id!r}; it was not changed, and this request has no answer"
    names = ("id",)


class RunLeaseLostError(NjangiError):
    """The caller no longer holds the run: its lease ended and another may have taken it."""

    says = "this token no longer holds the lease of run {run}: another flow worker may have taken over"
    names = ("run",)


class RunHeldError(NjangiError):
    """Another flow holds the run at this moment."""

    says = "another flow worker holds run {run}; try again when its lease has ended"
    names = ("run",)


class RunEndedError(NjangiError):
    """The run has reached its last state, `status` where that is known; nothing more can be done in it."""

    says = "run {run} has ended"
    names = ("run", "run_status")

    def __init__(self, run_id: str, status: str | None = None) -> None:
        super().__init__(run_id, status)
        self.run_id = run_id
        self.status = status


class RunCancelledError(NjangiError):
    """The run is being cancelled; it cannot be paused or resumed."""

    says = "run {run} is being cancelled"
    names = ("run",)


class RunUnderWayError(NjangiError):
    """The run has not ended, so it cannot be restarted."""

    says = "run {run} has not ended; wait until it ends, or cancel it first"
    names = ("run",)


class NothingToRetryError(NjangiError):
    """Nothing of what was named failed."""

    names = ("run", "tasks")

    def __init__(self, run_id: str, tasks: Sequence[str]) -> None:
        super().__init__(run_id, tasks)
        self.run_id = run_id
        self.tasks = tasks

    def __str__(self) -> str:
        return f"nothing failed in {', '.join(self.tasks) or 'any task'} of run {self.run_id}; :reset restarts a task"


class FailuresToleratedError(NjangiError):
    """What failed of what was named is tolerated: its tasks completed, and others have used their results."""

    says = (
        "{failed} subtasks failed in run {run}, which its tasks tolerate: later tasks have already used the other"
        " results; :reset restarts a task and all tasks that depend on it"
    )
    names = ("run", "failed")

    def __init__(self, run_id: str, failed: int) -> None:
        super().__init__(run_id, failed)
        self.run_id = run_id
        self.failed = failed


class NoSpecError(NjangiError):
    """The run is an engineer's own flow: what its tasks are, only the flow knows."""

    says = "run {run} belongs to a Python flow: {instead}"
    names = ("run", "instead")

    def __init__(self, run_id: str, instead: str) -> None:
        super().__init__(run_id, instead)
        self.run_id = run_id
        self.instead = instead


class UnknownFlowRunError(NjangiError):
    """A flow asks for its run that another Prefect server than this service's has started."""

    says = (
        "the Prefect server of this service, {url}, does not know flow run {flow_run}: set PREFECT_API_URL to that"
        " server where the flow is started, or NJANGI_URL to the service of the Prefect server that started it"
    )
    names = ("url", "flow_run")

    def __init__(self, url: str, flow_run_id: str) -> None:
        super().__init__(url, flow_run_id)


class TooDeepError(NjangiError):
    """A run would stand below too many others."""

    names = ("limit", "chain")

    def __str__(self) -> str:
        most, chain = self.args
        return (
            f"runs can start further runs at most {most} levels deep; this would be one too many: {' -> '.join(chain)}"
        )


class TooManySignalsError(NjangiError):
    """The run has been sent as many signals as a run may be."""

    says = "run {run} has received {limit} signals, the maximum"
    names = ("run", "limit")


class BadPageTokenError(NjangiError):
    """The token leads to no page of this list."""

    says = "this page_token does not belong to this list and sort order; leave it out to start at the first page"


class StaleVersionError(NjangiError):
    """Somebody has edited the workflow since the caller read it."""

    says = (
        "somebody has saved version {current} of workflow {workflow} in the meantime; read it, then edit that version"
    )
    names = ("workflow", "current")

    def __init__(self, workflow_id: str, current: int) -> None:
        super().__init__(workflow_id, current)
        self.workflow_id = workflow_id
        self.current = current


class WorkflowArchivedError(NjangiError):
    """The workflow is put aside; it cannot be started."""

    says = "workflow {workflow} is archived; :unarchive it to run it"
    names = ("workflow",)


class WorkflowInUseError(NjangiError):
    """Runs of the workflow are under way."""

    says = "some runs of workflow {workflow} have not ended, for example {run}; cancel them, or wait until they end"
    names = ("workflow", "run")


class BlobMismatchError(NjangiError):
    """The bytes sent do not have the SHA-256 that they were announced under."""

    says = "the bytes have the SHA-256 {found}, not the announced {announced}"
    names = ("announced", "found")


class UploadOffsetError(NjangiError):
    """An upload goes on at another byte than the one sent."""

    says = "upload {upload} has {expected} bytes and continues from there, not from byte {found}"
    names = ("upload", "expected", "found")

    def __init__(self, upload_id: str, expected: int, found: int) -> None:
        super().__init__(upload_id, expected, found)
        self.expected = expected


class UploadBusyError(NjangiError):
    """Another request is sending the upload's bytes."""

    says = "another request is sending bytes of upload {upload}; wait until it ends, or for one minute"
    names = ("upload",)


class TooLargeError(NjangiError):
    """More bytes than allowed."""

    says = "{what} is larger than the limit of {limit} bytes"
    names = ("what", "limit")

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what, limit)
        self.limit = limit
