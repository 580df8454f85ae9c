"""The messages that agent and service exchange: one JSON message each way in each sync.

Everything an agent sends is data from a stranger, so parsing here checks types and bounds and
raises `ProtocolError` with what would be right; but one bad report or heartbeat never holds up the
others of its sync. Standard library only, Python 3.9 and later:
the agent runs on old machines, and the service imports this module too.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field
from typing import Any, Mapping, Optional, Sequence, Tuple

from njangi_agent.dialect import is_text, loads

VERSION = 1
INLINE_RESULT_BYTES = 64 * 1024
"""Larger results and parameters travel as blobs named by their SHA-256."""
MESSAGE_CHARACTERS = 4096
OUTPUT_TAIL_BYTES = 64 * 1024
"""How much of the end of standard output and of standard error an attempt keeps; as text that is no more characters."""
REPORT_NOT_TAKEN = "ReportNotTaken"
"""The type of the error in the place of a report that the service does not take."""
LONGEST_SILENCE = 55.0
"""Seconds after which an agent that holds leases says that it is there, however long they last."""
MAX_REPORTS_PER_SYNC = 1000
MAX_SYNC_BYTES = 16 * 1024 * 1024


class ProtocolError(ValueError):
    """A message that does not follow the protocol; the text says what would be right."""


class Outcome(str, enum.Enum):
    """How an attempt ended, as its agent tells it."""

    RETURNED = "RETURNED"  # the task's code ended well; `result` or `blob` holds its answer
    FAILED = "FAILED"  # the task's own error: its retry policy decides
    REFUSED = "REFUSED"  # this machine cannot run it (no sandbox, no such program): lend it elsewhere
    HANDED_BACK = "HANDED_BACK"  # the agent is leaving: lend it elsewhere, no failure of anyone


class Verdict(str, enum.Enum):
    """What the service made of a report. After any verdict the agent forgets the report."""

    ACCEPTED = "ACCEPTED"
    STALE = "STALE"  # the lease was no longer this one; nothing changed


@dataclass(frozen=True)
class Machine:
    """What a volunteer's machine offers. Sizes in bytes."""

    os: str
    arch: str
    python: str
    cpu: int
    memory: int
    storage: int
    sandbox: str = "none"  # "bubblewrap" or "none"
    missing: Sequence[str] = ()  # protections that this machine cannot give, in words


@dataclass(frozen=True)
class AttemptError:
    """Why an attempt failed: `type` is a stable word (TimedOut, NonZeroExit, an exception's class name)."""

    type: str
    message: str


@dataclass(frozen=True)
class Held:
    """A lease under way; naming it in a sync extends its deadline. `progress` is 0..1.

    `details` is what the attempt tells, for the next one to go on from: JSON text, or when it is large
    `details_blob`, the hex SHA-256 of that text. Needed only when it has changed.
    """

    subtask_id: str
    token: str
    progress: Optional[float] = None
    details: Optional[str] = None
    details_blob: Optional[str] = None

    @property
    def tells(self) -> bool:
        return self.details is not None or self.details_blob is not None or self.progress is not None


@dataclass(frozen=True)
class Report:
    """What one attempt came to. Exactly one of `result` (JSON text) and `blob` (hex SHA-256) when RETURNED.

    `stdout` and `stderr` are the last OUTPUT_TAIL_BYTES of what it wrote there (see `tails`), `stdout_bytes` and
    `stderr_bytes` count all of it. Where standard output is the result, `stdout` is empty.
    """

    subtask_id: str
    token: str
    outcome: Outcome
    result: Optional[str] = None
    blob: Optional[str] = None
    size: int = 0  # bytes of the result
    error: Optional[AttemptError] = None
    seconds: float = 0.0  # wall time of the attempt
    cpu_seconds: float = 0.0
    memory: int = 0  # peak bytes
    stdout: str = ""
    stderr: str = ""
    stdout_bytes: int = 0
    stderr_bytes: int = 0


@dataclass(frozen=True)
class SyncRequest:
    """One turn of an agent: its reports, its heartbeats and its wish for work.

    `wish` counts idle slots (0: wants nothing). `wait` is the longest time in seconds that the
    agent will wait for the answer; the service may answer at any earlier moment.
    """

    slots: int
    wish: int = 0
    wait: float = 0.0
    held: Sequence[Held] = ()
    reports: Sequence[Report] = ()


@dataclass(frozen=True)
class File:
    """An input file that a task finds in its folder under `name`."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class TaskDefinition:
    """What all subtasks of one task share. Sent once per sync answer, however many leases it serves.

    A command task has `command`, an argument vector whose placeholders `{name}` fill whole
    arguments: from the subtask's parameters (a list fills one argument per item) or from `paths`
    (the name of a file in the task's folder). A python task has `source` and `function`, called
    with the parameters as keyword arguments; its JSON-able return value is the result.
    `parse` says what a command's standard output means: text, json, lines, csv or bytes; the result of the last is a
    blob of them, whatever its size.
    """

    task_id: str
    name: str
    command: Optional[Sequence[str]] = None
    source: Optional[str] = None
    function: Optional[str] = None
    files: Sequence[File] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    parse: str = "text"
    cpu: float = 1.0
    memory: int = 256 * 1024 * 1024
    storage: int = 64 * 1024 * 1024
    start_to_close: float = 600.0  # seconds an attempt may take
    heartbeat: float = 30.0  # seconds without a sync after which the lease is lost
    isolate: bool = False  # a python task's calls share nothing: each has a process of its own
    values: str = "json"  # or "python": parameters and result of a python task are packed by `codec`


@dataclass(frozen=True)
class Lease:
    """One attempt at one subtask, lent under a token of its own until `seconds` from now; heartbeats renew that."""

    subtask_id: str
    task_id: str
    token: str
    attempt: int
    seconds: float
    parameters: Optional[Mapping[str, Any]] = None
    parameters_blob: Optional[str] = None  # hex SHA-256 of the parameters as JSON, when they are large
    details: Optional[str] = None  # JSON text that an earlier attempt told last, see Held
    details_blob: Optional[str] = None


@dataclass(frozen=True)
class SyncAnswer:
    """The service's turn: `verdicts` in the order of the reports; `cancelled` are subtask ids to stop."""

    verdicts: Sequence[Verdict] = ()
    cancelled: Sequence[str] = ()
    tasks: Sequence[TaskDefinition] = ()
    leases: Sequence[Lease] = ()
    wait: float = 0.0  # seconds the agent should let pass before the next sync if nothing happens


def to_json(message: Any) -> dict[str, Any]:
    """Return a message as a JSON-able dict."""
    return asdict(message)


def sync_request(body: Any) -> SyncRequest:
    """Read an agent's turn. Raises ProtocolError, naming the field, when it is not one.

    A report that is none becomes a FAILED one of the same attempt that says why. What an attempt tells and is not
    taken is left out, and the attempt goes on.
    """
    fields = _object(body, "the body")
    held = (_beat(item) for item in _list(fields, "held", 10 * MAX_REPORTS_PER_SYNC))
    return SyncRequest(
        slots=_count(fields, "slots"),
        wish=_count(fields, "wish"),
        wait=_number(fields, "wait"),
        held=tuple(item for item in held if item is not None),
        reports=tuple(_judged(item) for item in _list(fields, "reports", MAX_REPORTS_PER_SYNC)),
    )


def sync_answer(body: Mapping[str, Any]) -> SyncAnswer:
    """Read the service's turn. The service is trusted; a KeyError or TypeError means another version."""
    return SyncAnswer(
        verdicts=tuple(Verdict(verdict) for verdict in body.get("verdicts", ())),
        cancelled=tuple(body.get("cancelled", ())),
        tasks=tuple(
            TaskDefinition(**{**task, "files": tuple(File(**file) for file in task.get("files", ()))})
            for task in body.get("tasks", ())
        ),
        leases=tuple(Lease(**lease) for lease in body.get("leases", ())),
        wait=float(body.get("wait", 0.0)),
    )


def machine(body: Any) -> Machine:
    """Read what a machine says of itself. Raises ProtocolError, naming the field."""
    fields = _object(body, "machine")
    return Machine(
        os=_text(fields, "os", 100),
        arch=_text(fields, "arch", 100),
        python=_text(fields, "python", 100),
        cpu=_count(fields, "cpu"),
        memory=_count(fields, "memory"),
        storage=_count(fields, "storage"),
        sandbox=_text(fields, "sandbox", 100),
        missing=tuple(str(item)[:200] for item in _list(fields, "missing", 20)),
    )


def _judged(item: Any) -> Report:
    try:
        return read_report(item)
    except ValueError as error:
        subtask_id, token = _names(item)
        return not_taken(Report(subtask_id, token, Outcome.FAILED), str(error))


def not_taken(unfit: Report, reason: str) -> Report:
    """Return what takes the place of a report that the service does not take: repeating the work would not help."""
    error = AttemptError(REPORT_NOT_TAKEN, f"the service does not take its report: {reason}"[:MESSAGE_CHARACTERS])
    return Report(unfit.subtask_id, unfit.token, Outcome.FAILED, error=error)


def _names(item: Any) -> Tuple[str, str]:
    """Return the subtask's id and the lease's token as far as they are given; "" is nobody's."""
    fields = item if isinstance(item, dict) else {}
    subtask_id, token = (fields.get(name) for name in ("subtask_id", "token"))
    return _text_or_empty(subtask_id), _text_or_empty(token)


def _beat(item: Any) -> Optional[Held]:
    try:
        return _held(item)
    except ValueError:
        subtask_id, token = _names(item)
        return Held(subtask_id, token) if subtask_id and token else None


def _held(item: Any) -> Held:
    fields = _object(item, "held")
    progress, details, blob = fields.get("progress"), fields.get("details"), fields.get("details_blob")
    if details is not None and not (isinstance(details, str) and len(details) <= INLINE_RESULT_BYTES):
        raise ProtocolError(f"details must be JSON text of at most {INLINE_RESULT_BYTES} bytes; send more as a blob")
    if blob is not None and not is_sha256(blob):
        raise ProtocolError("details_blob must be the 64 hex digits of a SHA-256")
    if details is not None and blob is not None:
        raise ProtocolError("held has either details or details_blob, or neither")
    if details is not None:
        loads(details)
    return Held(
        subtask_id=_name(fields, "subtask_id", 500),
        token=_name(fields, "token", 100),
        progress=None if progress is None else min(1.0, _number(fields, "progress")),
        details=details,
        details_blob=blob,
    )


def read_report(item: Any) -> Report:
    """Read one report. Raises ProtocolError, or ValueError for a result that is not of our dialect of JSON."""
    fields = _object(item, "report")
    try:
        outcome = Outcome(fields.get("outcome"))
    except ValueError:
        raise ProtocolError(f"outcome must be one of {', '.join(Outcome)}") from None
    result, blob, error = fields.get("result"), fields.get("blob"), fields.get("error")
    if result is not None and not (isinstance(result, str) and len(result) <= INLINE_RESULT_BYTES):
        raise ProtocolError(f"result must be JSON text of at most {INLINE_RESULT_BYTES} bytes; send more as a blob")
    if blob is not None and not is_sha256(blob):
        raise ProtocolError("blob must be the 64 hex digits of a SHA-256")
    if outcome is Outcome.RETURNED and (result is None) == (blob is None):
        raise ProtocolError("a RETURNED report has either result or blob")
    if result is not None:
        _check_result(result)
    stdout = _tail(fields, "stdout")
    stderr = _tail(fields, "stderr") or _tail_of_error(error)
    return Report(
        subtask_id=_name(fields, "subtask_id", 500),
        token=_name(fields, "token", 100),
        outcome=outcome,
        result=result,
        blob=blob,
        size=_count(fields, "size"),
        error=None if error is None else _error(error),
        seconds=_number(fields, "seconds"),
        cpu_seconds=_number(fields, "cpu_seconds"),
        memory=_count(fields, "memory"),
        stdout=stdout,
        stderr=stderr,
        stdout_bytes=_count(fields, "stdout_bytes") or len(stdout),
        stderr_bytes=_count(fields, "stderr_bytes") or len(stderr),
    )


def _check_result(text: str) -> None:
    try:
        loads(text)
    except ValueError as error:
        raise ProtocolError(f"its result is not JSON: {error}") from error


def _error(item: Any) -> AttemptError:
    fields = _object(item, "error")
    return AttemptError(
        type=_words(fields, "type", 200),
        message=_words(fields, "message", 4 * MESSAGE_CHARACTERS)[:MESSAGE_CHARACTERS],
    )


def _tail(fields: Mapping[str, Any], name: str) -> str:
    return _words(fields, name, OUTPUT_TAIL_BYTES) if name in fields else ""


def _words(fields: Mapping[str, Any], name: str, longest: int) -> str:
    """Return text for people to read: what no text can hold is shown as U+FFFD, and NUL as the symbol for it."""
    text = _text(fields, name, longest)
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\u2400")


def _tail_of_error(error: Any) -> str:
    """Return the end of standard error where agents put it until they told of it for every attempt."""
    return _tail(error, "stderr") if isinstance(error, dict) else ""


def is_sha256(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{name} must be a JSON object")
    return value


def _list(fields: Mapping[str, Any], name: str, longest: int) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > longest:
        raise ProtocolError(f"{name} must be a list of at most {longest} items")
    return value


def _text(fields: Mapping[str, Any], name: str, longest: int) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise ProtocolError(f"{name} must be text of at most {longest} characters")
    return value


def _name(fields: Mapping[str, Any], name: str, longest: int) -> str:
    """Return what names something: no text for people, so none that would have to be changed to be kept."""
    text = _text(fields, name, longest)
    if not is_text(text):
        raise ProtocolError(f"{name} holds half a surrogate pair")
    return text


def _text_or_empty(value: Any) -> str:
    """Return text that UTF-8 can hold; "" for anything else."""
    return value if isinstance(value, str) and is_text(value) else ""


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name, 0)
    if type(value) is not int or not 0 <= value < 2**63:
        raise ProtocolError(f"{name} must be a whole number, 0 or more")
    return value


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name, 0)
    if type(value) not in (int, float) or not 0 <= value < 2**63:
        raise ProtocolError(f"{name} must be a number, 0 or more")
    return float(value)
