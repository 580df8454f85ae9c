"""Speak to the service's /v1/flow: what flows do to runs, tasks, batches and blobs.

Every call may be repeated without harm, so all of them are, patiently: while the service is away a call
waits for it, and takes nothing for its answer that does not prove to be one. What ends the waiting of a flow is
the loss of its run lease, never the clock. Only a service that has never answered is given up after a minute: its
address is wrong, or nobody has started it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import httpx
from njangi_agent.dialect import CARRIED_DEPTH, check
from njangi_agent.proof import NONCE_HEADER, key_of, new_nonce
from pydantic import ConfigDict, JsonValue, TypeAdapter

from njangi_flows.engine.errors import (
    NoServiceError,
    ServiceError,
    WrongBlobError,
    is_problem,
    refusal_of,
)
from njangi_flows.engine.settings import FlowSettings
from njangi_flows.protocol import (
    AdoptedRun,
    BatchInput,
    Beaten,
    BeatOrders,
    BegunWait,
    ChildRun,
    EndedWaits,
    FailedParts,
    FileRef,
    Heard,
    Hold,
    KnownCall,
    KnownCalls,
    ResultPage,
    ResultRow,
    RunLease,
    Settled,
    SubtaskInput,
    TaskChange,
    TaskResult,
    ToldTask,
    Wait,
)
from njangi_flows.proven import is_proven

log = logging.getLogger(__name__)

MAX_SUBTASKS_PER_CALL = 2000
MAX_BODY_BYTES = 12 * 1024 * 1024
INLINE_BYTES = 64 * 1024
RESULTS_PER_PAGE = 1000
LONGEST_RETRY_SECONDS = 5.0
FIRST_CONTACT_SECONDS = 50.0
"""How long a service that has never answered is tried; the last try may take some seconds more."""
_CONNECT_SECONDS = 10.0
BLOB_PAUSES = (0.0, 0.5, 2.0, 5.0, 10.0)
"""Seconds before each try of a blob, of which something on the way has made something else."""
_BEAT_PATIENCE = 4.0
"""Seconds after which an unanswered beat is sent again, well within a run lease."""
_BLOB_CHUNK = 1024 * 1024
_BLOB_PIECE = 8 * _BLOB_CHUNK  # bytes of a blob that are asked for at once where it may be larger than memory
_TRY_AGAIN = (429, 502, 503, 504)
_NOT_OURS = ", which does not prove that it is the service's: a sign-in page or a proxy in between?"


class FlowService:
    """The client of /v1/flow. One per event loop; runs share it."""

    def __init__(
        self,
        settings: FlowSettings,
        *,
        first_contact: float = FIRST_CONTACT_SECONDS,
        blob_pauses: Sequence[float] = BLOB_PAUSES,
    ) -> None:
        """`first_contact`: for how many seconds a service is tried that has never answered (see NoServiceError)."""
        self._blob_pauses = blob_pauses
        self._first_contact = first_contact
        self._known_to_answer = self._has_proven = False
        self.holder = settings.holder
        self._owner = settings.owner
        self._key = key_of(settings.token)
        self._http = httpx.AsyncClient(
            base_url=settings.url,
            headers={"Authorization": f"Bearer {settings.token}"},
            verify=_tls() if settings.url.startswith("https:") else False,
            timeout=httpx.Timeout(30.0, connect=_CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=50, keepalive_expiry=20.0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def wait_for_flow_runs(self, heard: int, seconds: float) -> int:
        """Wait up to `seconds` for new flow runs in Prefect; return what to pass as `heard` the next time."""
        body = {"heard": heard, "seconds": seconds}
        answer = await self._call("POST", "/v1/flow/flow-runs:wait", body, seconds=seconds + 20)
        return Heard.model_validate_json(answer).heard

    async def adopt(self, prefect_flow_run_id: str, name: str) -> str:
        """Return the id of the run of an engineer's own flow run, made on first use."""
        body = {"prefect_flow_run_id": prefect_flow_run_id, "name": name, "owner": self._owner}
        return AdoptedRun.model_validate_json(await self._call("POST", "/v1/flow/runs:adopt", body)).id

    async def hold(self, run_id: str) -> Hold:
        """Take the run lease. Raises RunHeldError while another holder has it, RunEndedError."""
        answer = await self._call("POST", f"/v1/flow/runs/{run_id}:hold", {"holder": self.holder})
        return Hold.model_validate_json(answer)

    async def beat(self, leases: Sequence[RunLease], flow_runs: Sequence[str] | None = None) -> list[BeatOrders]:
        """Extend run leases; return what their flows must know, in their order.

        `flow_runs`: the ids of all flow runs that this process has taken up; None says nothing of them.
        """
        body: dict[str, Any] = {"leases": [asdict(lease) for lease in leases]}
        if flow_runs is not None:
            body |= {"holder": self.holder, "flow_runs": list(flow_runs)}
        answer = await self._call("POST", "/v1/flow/runs:beat", body, seconds=_BEAT_PATIENCE)
        return Beaten.model_validate_json(answer).orders

    async def release(self, lease: RunLease, error: str | None) -> None:
        """Give the run lease back; `error` says why the run fails, if it does."""
        await self._call("POST", f"{_run(lease)}:release", {"error": error}, lease)

    async def put_task(self, lease: RunLease, task: str, change: TaskChange) -> ToldTask:
        """Tell of a task's change of state."""
        body = {name: value for name, value in asdict(change).items() if value is not None}
        answer = await self._call("PUT", _task(lease, task), body, lease)
        return ToldTask.model_validate_json(answer)

    async def put_batches(
        self,
        lease: RunLease,
        task: str,
        batches: Sequence[BatchInput],
        *,
        splitting: TaskChange | None = None,
        last: bool = False,
    ) -> None:
        """Queue subtasks, at most MAX_SUBTASKS_PER_CALL; batches that are there already stay as they are.

        Raises ServiceError (other-contents) if one of those has other parameters, or the task another definition.

        `splitting` brings the definition and the plan of the task, which is SPLITTING before; after the `last` it is
        RUNNING.
        """
        body: dict[str, Any] = {
            "batches": [
                {"index": batch.index, "subtasks": [_subtask(subtask) for subtask in batch.subtasks]}
                for batch in batches
            ]
        }
        if splitting is not None:
            body |= {"definition": splitting.definition, "plan": splitting.plan}
        if last:
            body["last"] = True
        await self._call("POST", f"{_task(lease, task)}/batches", body, lease)

    async def settled(self, lease: RunLease, waiting: Sequence[str], seconds: float) -> Settled:
        """Wait up to `seconds` for batches to settle; return those that have."""
        body = {"waiting": list(waiting), "seconds": seconds}
        answer = await self._call("POST", f"{_run(lease)}/batches:settled", body, lease, seconds=seconds + 20)
        return Settled.model_validate_json(answer)

    async def ended_waits(self, lease: RunLease, waiting: Sequence[Wait], seconds: float) -> EndedWaits:
        """Wait up to `seconds` for waits to end; return those that have. A repeated call gives the same signals."""
        body = {"waiting": [wait.model_dump() for wait in waiting], "seconds": seconds}
        answer = await self._call("POST", f"{_run(lease)}/waits:ended", body, lease, seconds=seconds + 20)
        return EndedWaits.model_validate_json(answer)

    async def begin_wait(self, lease: RunLease, task: str, seconds: float | None) -> datetime | None:
        """Tell that a task waits, at most `seconds`; return when that ends by the service's clock, None if never.

        A task that waits already keeps its end.
        """
        answer = await self._call("POST", f"{_task(lease, task)}:wait", {"seconds": seconds}, lease)
        return BegunWait.model_validate_json(answer).until

    async def start_child(
        self,
        lease: RunLease,
        task: str,
        workflow: str,
        parameters: Mapping[str, JsonValue],
        on_parent_cancel: str,
    ) -> None:
        """Start the owner's workflow of that name as a run of its own, unless the task has started it before.

        Raises NotCarriedError for parameters that would not arrive equal.
        """
        check(parameters, depth=CARRIED_DEPTH)
        body = {"workflow": workflow, "parameters": parameters, "on_parent_cancel": on_parent_cancel}
        await self._call("POST", f"{_task(lease, task)}/child", body, lease)

    async def child(self, lease: RunLease, task: str) -> ChildRun:
        """Return the run that the task started."""
        return ChildRun.model_validate_json(
            await self._call("GET", f"{_task(lease, task)}/child", lease=lease, seconds=300)
        )

    async def requeue(self, lease: RunLease, batch_id: str, try_: int, but: Sequence[str] = ()) -> None:
        """Put a batch's failed subtasks back for try number `try_` (2, 3, ...), without errors of the types `but`."""
        body = {"batch": batch_id, "try": try_, "but": list(but)}
        await self._call("POST", f"{_run(lease)}/batches:requeue", body, lease)

    async def results(self, lease: RunLease, task: str) -> AsyncIterator[list[ResultRow]]:
        """Yield the results of a task's subtasks in their order, a page at a time."""
        after: int | None = -1
        while after is not None:
            path = f"{_task(lease, task)}/results?after={after}&limit={RESULTS_PER_PAGE}"
            page = ResultPage.model_validate_json(await self._call("GET", path, lease=lease))
            yield page.results
            after = page.next

    async def result_rows(self, lease: RunLease, task: str, first: int, last: int) -> list[ResultRow]:
        """Return the results of the subtasks `first` to `last`, at most RESULTS_PER_PAGE of them."""
        path = f"{_task(lease, task)}/results?after={first - 1}&limit={last - first + 1}"
        return ResultPage.model_validate_json(await self._call("GET", path, lease=lease)).results

    async def calls(self, lease: RunLease, task: str) -> list[KnownCall]:
        """Return the calls of an engineer's function that are there, in their order."""
        found: list[KnownCall] = []
        after: int | None = -1
        while after is not None:
            page = await self._call("GET", f"{_task(lease, task)}/calls?after={after}", lease=lease)
            known = KnownCalls.model_validate_json(page)
            found += known.calls
            after = known.next
        return found

    async def failed_parts(self, lease: RunLease, task: str) -> list[int]:
        """Return the indexes of the subtasks that failed of a task that completed."""
        answer = await self._call("GET", f"{_task(lease, task)}/failed", lease=lease)
        return FailedParts.model_validate_json(answer).indexes()

    async def task_result(self, lease: RunLease, task: str) -> TaskResult:
        """Return where the task's own result is."""
        return TaskResult.model_validate_json(await self._call("GET", f"{_task(lease, task)}/result", lease=lease))

    async def put_blob(self, content: bytes) -> FileRef:
        """Store content under its SHA-256."""
        ref = FileRef(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        path = f"/v1/flow/blobs/{ref.sha256}"
        if len(content) > _BLOB_CHUNK and await self._known(path):
            return ref
        await self._call("PUT", path, content)
        return ref

    async def get_blob(self, sha256: str) -> bytes:
        """Return the content named `sha256`. Raises WrongBlobError if it is another at every try."""
        for pause in self._blob_pauses:
            await asyncio.sleep(pause)
            content = await self._call("GET", f"/v1/flow/blobs/{sha256}", seconds=300)
            if hashlib.sha256(content).hexdigest() == sha256:
                return content
        raise WrongBlobError(sha256)

    async def blob_size(self, sha256: str) -> int:
        """Return how many bytes a blob has."""
        answer = await self._answer("HEAD", f"/v1/flow/blobs/{sha256}")
        return int(answer.headers["Content-Length"])

    async def copy_blob(self, ref: FileRef, to: IO[bytes]) -> None:
        """Write a blob's content to a file, never holding more than a piece. Raises WrongBlobError as `get_blob`."""
        start = to.tell()
        for pause in self._blob_pauses:
            await asyncio.sleep(pause)
            to.seek(start)
            to.truncate()
            digest = hashlib.sha256()
            for first in range(0, ref.size, _BLOB_PIECE):
                part = {"Range": f"bytes={first}-{min(first + _BLOB_PIECE, ref.size) - 1}"}
                piece = (await self._answer("GET", f"/v1/flow/blobs/{ref.sha256}", headers=part, seconds=300)).content
                digest.update(piece)
                await asyncio.to_thread(to.write, piece)
            if digest.hexdigest() == ref.sha256:
                return
        raise WrongBlobError(ref.sha256)

    async def put_file(self, ref: FileRef, path: Path) -> None:
        """Store a file whose hash and size are known, never holding more than a piece."""
        if not await self._known(f"/v1/flow/blobs/{ref.sha256}"):
            await self._call("PUT", f"/v1/flow/blobs/{ref.sha256}", path, seconds=300)

    async def _known(self, path: str) -> bool:
        try:
            await self._call("HEAD", path)
        except ServiceError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | Path | None = None,
        lease: RunLease | None = None,
        seconds: float = 60.0,
    ) -> bytes:
        headers = {"Njangi-Run-Token": lease.token} if lease else {}
        return (await self._answer(method, path, body, headers, seconds)).content

    async def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | Path | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        seconds: float = 60.0,
    ) -> httpx.Response:
        content: bytes | Path | None = body if isinstance(body, bytes | Path) else None
        headers = dict(headers)
        if content is not None:
            headers["Content-Type"] = "application/octet-stream"
        elif body is not None:
            content = _JSON.dump_json(body)
            headers["Content-Type"] = "application/json"
        if content is not None:
            headers["Content-Length"] = str(content.stat().st_size if isinstance(content, Path) else len(content))
        tries = 0
        clock = asyncio.get_running_loop().time
        given_up = clock() + self._first_contact
        while True:
            stream = _streamed(content)
            headers[NONCE_HEADER] = nonce = new_nonce()
            try:
                timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
                answer = await self._http.request(method, path, content=stream, headers=headers, timeout=timeout)
            except httpx.TransportError as error:
                reason, wait = str(error) or type(error).__name__, 0.0
            else:
                proven, problem = is_proven(self._key, nonce, answer), is_problem(answer)
                self._has_proven = self._has_proven or proven
                self._known_to_answer = self._known_to_answer or proven or problem
                if proven and answer.status_code < 400:
                    return answer
                believed = proven or (problem and (not self._has_proven or clock() > given_up))
                if believed and answer.status_code not in _TRY_AGAIN:
                    raise refusal_of(answer)
                reason = f"HTTP {answer.status_code}{'' if proven or problem else _NOT_OURS}"
                wait = _retry_after(answer)
            tries += 1
            if not self._known_to_answer and clock() > given_up:
                raise NoServiceError(str(self._http.base_url), reason)
            if tries in (3, 30):
                log.warning(
                    "the service is away; waiting for it",
                    extra={"url": str(self._http.base_url), "reason": reason, "tries": tries},
                )
            await asyncio.sleep(max(wait, random.uniform(0.05, min(LONGEST_RETRY_SECONDS, 0.1 * 2 ** min(tries, 10)))))


_JSON: TypeAdapter[Any] = TypeAdapter(Any, config=ConfigDict(ser_json_inf_nan="constants"))  # refused, never null


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _run(lease: RunLease) -> str:
    return f"/v1/flow/runs/{lease.run_id}"


def _task(lease: RunLease, task: str) -> str:
    return f"{_run(lease)}/tasks/{quote(task, safe='')}"


def _subtask(subtask: SubtaskInput) -> dict[str, Any]:
    if subtask.parameters_blob is not None:
        return {"index": subtask.index, "parameters_blob": subtask.parameters_blob}
    return {"index": subtask.index, "parameters": subtask.parameters or {}}


def _streamed(content: bytes | Path | None) -> bytes | AsyncIterator[bytes] | None:
    """Return what is small as it is, else an iterator over its pieces."""
    if isinstance(content, Path) or (content is not None and len(content) > _BLOB_CHUNK):
        return _chunks(content)
    return content


async def _chunks(content: bytes | Path) -> AsyncIterator[bytes]:
    if isinstance(content, Path):
        with content.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, _BLOB_CHUNK):
                yield piece
        return
    for start in range(0, len(content), _BLOB_CHUNK):
        yield content[start : start + _BLOB_CHUNK]


def _retry_after(answer: httpx.Response) -> float:
    value = answer.headers.get("Retry-After", "")
    return min(float(value), 30.0) if value.isdecimal() else 0.0
