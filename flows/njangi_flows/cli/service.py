"""Talk to the service: one small blocking client, whose errors are sentences."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from njangi_agent.dialect import MESSAGE_DEPTH, NotCarriedError, check

from njangi_flows.cli import saved_tokens as remembered
from njangi_flows.cli.failures import RefusedError, UnreachableError, UsageError
from njangi_flows.cli.uploading import RESUMABLE_BYTES, upload
from njangi_flows.proven import NotProvenError, ProvenToken
from njangi_flows.workflow.problems import Problem

DEFAULT_URL = "http://127.0.0.1:8400"
TOKEN_FILE = Path(".njangi") / "tokens" / "admin"
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class Service:
    """The service's routes for submitters. Documents are as `docs/architecture.md` describes them."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def upload(self, path: Path) -> str:
        """Store a file as a blob unless the service has it, and return its SHA-256."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if self._has_blob(sha256):
                return sha256
            if path.stat().st_size <= RESUMABLE_BYTES:
                file.seek(0)
                self._send("PUT", f"/v1/blobs/{sha256}", content=file)
                return sha256
        with self._readable_failures():
            answer = upload(self._http, path, sha256)
        if not answer.is_success:
            raise _failure(answer)
        return sha256

    def create_workflow(self, spec: Any, files: Mapping[str, str]) -> dict[str, Any]:
        return self._object("POST", "/v1/workflows", json={"spec": spec, "files": files})

    def start_run(self, workflow_id: str, parameters: Mapping[str, Any], deadline: str | None = None) -> dict[str, Any]:
        body = {"parameters": parameters} | ({"deadline": deadline} if deadline is not None else {})
        return self._object("POST", f"/v1/workflows/{workflow_id}/runs", json=body)

    def import_workflow(self, document: Any, files: Mapping[str, str], scale: float, commands: bool) -> dict[str, Any]:
        body = {"document": document, "files": files, "scale": scale, "commands": commands}
        return self._object("POST", "/v1/workflows:import", json=body)

    def export_workflow(self, workflow_id: str, kind: str, version: int | None) -> Iterator[bytes]:
        """Yield a version of a workflow, the newest for None, as a file of that kind."""
        query = {"format": kind} | ({"version": version} if version is not None else {})
        yield from self._stream(f"/v1/workflows/{_segment(workflow_id)}/export", query)

    def validate(self, document: Any, files: Mapping[str, str]) -> dict[str, Any]:
        return self._object("POST", "/v1/workflows:validate", json={"spec": document, "files": files})

    def workflows(self, limit: int, **criteria: Any) -> list[dict[str, Any]]:
        return self._list("workflows", "/v1/workflows", limit, criteria)

    def workflow(self, workflow_id: str) -> dict[str, Any]:
        return self._object("GET", f"/v1/workflows/{_segment(workflow_id)}")

    def edit_workflow(self, workflow_id: str, version: int, document: Any, files: Mapping[str, str]) -> dict[str, Any]:
        """Replace that version of a workflow; refused if it is at another by now."""
        headers = {"If-Match": f'"{version}"'}
        body = {"spec": document, "files": files}
        return self._object("PUT", f"/v1/workflows/{_segment(workflow_id)}", json=body, headers=headers)

    def delete_workflow(self, workflow_id: str) -> None:
        self._send("DELETE", f"/v1/workflows/{_segment(workflow_id)}")

    def control_workflow(self, workflow_id: str, verb: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Clone, tag, untag, archive or unarchive a workflow."""
        return self._object("POST", f"/v1/workflows/{_segment(workflow_id)}:{verb}", json=body or {})

    def versions(self, workflow_id: str, limit: int) -> list[dict[str, Any]]:
        return self._list("versions", f"/v1/workflows/{_segment(workflow_id)}/versions", limit)

    def difference(self, workflow_id: str, before: int, after: int) -> dict[str, Any]:
        return self._object("GET", f"/v1/workflows/{_segment(workflow_id)}/versions/{before}/diff/{after}")

    def templates(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._object("GET", "/v1/templates")["templates"]
        return found

    def template(self, name: str) -> dict[str, Any]:
        return self._object("GET", f"/v1/templates/{_segment(name)}")

    def use_template(self, name: str) -> dict[str, Any]:
        return self._object("POST", f"/v1/templates/{_segment(name)}:use", json={})

    def runs(self, limit: int, **criteria: Any) -> list[dict[str, Any]]:
        return self._list("runs", "/v1/runs", limit, criteria)

    def compare(self, a: str, b: str) -> dict[str, Any]:
        return self._object("GET", "/v1/runs:compare", params={"a": a, "b": b})

    def subtask(self, run_id: str, task: str, index: int) -> dict[str, Any]:
        return self._object("GET", f"/v1/runs/{_segment(run_id)}/subtasks/{_segment(task)}/{index}")

    def run(self, run_id: str) -> dict[str, Any]:
        return self._object("GET", f"/v1/runs/{_segment(run_id)}")

    def control(
        self, call: str, run_id: str | None = None, task: str | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Control a run, one of its tasks, or without either the runs that `body` names, e.g. `pause`."""
        run = f"/{_segment(run_id)}" if run_id is not None else ""
        of_run = f"/tasks/{_segment(task)}" if task is not None else ""
        return self._object("POST", f"/v1/runs{run}{of_run}:{call}", json=body or {})

    def signal(self, run_id: str, name: str, payload: Any) -> dict[str, Any]:
        return self._object("POST", f"/v1/runs/{_segment(run_id)}/signals", json={"name": name, "payload": payload})

    def volunteers(self, limit: int) -> list[dict[str, Any]]:
        return self._list("volunteers", "/v1/volunteers", limit)

    def subtasks(self, run_id: str, task: str, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield a task's subtasks in order, asking for them page by page."""
        parameters: dict[str, Any] = {"task": task, "page_size": 1000} | ({"status": status} if status else {})
        while True:
            page = self._object("GET", f"/v1/runs/{_segment(run_id)}/subtasks", params=parameters)
            yield from page["subtasks"]
            if page["next_page_token"] is None:
                return
            parameters["page_token"] = page["next_page_token"]

    def history(self, run_id: str, after: int) -> Generator[bytes, None, None]:
        """Yield the run's events numbered above `after`, each a line of JSON."""
        url = f"/v1/runs/{_segment(run_id)}/history"
        rest = b""
        for piece in self._stream(url, {"after": after}):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line + b"\n" for line in lines)

    def results(self, run_id: str) -> dict[str, Any]:
        return self._object("GET", f"/v1/runs/{_segment(run_id)}/results")

    def task_result(
        self, run_id: str, task: str, index: int | None = None, *, on_type: Callable[[str], object] = lambda _: None
    ) -> Iterator[bytes]:
        """Yield the result of a task, or of one of its subtasks, piece by piece: it may be large.

        `on_type` is told its media type first.
        """
        place = _segment(task) if index is None else f"{_segment(task)}/{index}"
        yield from self._stream(f"/v1/runs/{_segment(run_id)}/results/{place}", {}, on_type)

    def _stream(
        self, url: str, parameters: Mapping[str, Any], on_type: Callable[[str], object] = lambda _: None
    ) -> Iterator[bytes]:
        with self._readable_failures(), self._http.stream("GET", url, params=parameters) as answer:
            if not answer.is_success:
                answer.read()
                raise _failure(answer)
            on_type(answer.headers.get("content-type", ""))
            yield from answer.iter_bytes()

    def archive(self, run_id: str, kind: str) -> Iterator[bytes]:
        """Yield an archive, zip or tar, of all results of a run."""
        yield from self._stream(f"/v1/runs/{_segment(run_id)}/archive", {"format": kind})

    def logs(self, run_id: str, task: str, text: str) -> Iterator[dict[str, Any]]:
        """Yield what attempts at a task's subtasks wrote, if it holds `text`."""
        after: int | None = -1
        while after is not None:
            query = {"task": task, "text": text, "after": after}
            page = self._object("GET", f"/v1/runs/{_segment(run_id)}/logs", params=query)
            yield from page["logs"]
            after = page["next"]

    def events(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return a page of events, and the number to go on after."""
        page = self._object("GET", "/v1/events", params=query)
        if not isinstance(page.get("events"), list) or not isinstance(page.get("next"), int):
            raise _no_njangi(self._http.base_url)
        return page

    def follow_events(
        self, query: Mapping[str, str], after: int | None
    ) -> Iterator[tuple[int, str | None, dict[str, Any]]]:
        """Yield (number, type, event) as events happen, from now or after a number, until the service ends the stream.

        Without a type it only says that all up to that number is told. Raises UnreachableError when it breaks.
        """
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after is not None else {})
        with self._readable_failures(), self._http.stream("GET", "/v1/events", params=query, headers=headers) as answer:
            if not answer.is_success:
                answer.read()
                raise _failure(answer)
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                if fields.get("id"):
                    yield int(fields["id"]), fields.get("event"), json.loads(fields.get("data", "{}"))
                fields = {}

    def webhooks(self, limit: int) -> list[dict[str, Any]]:
        return self._list("webhooks", "/v1/webhooks", limit)

    def create_webhook(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return self._object("POST", "/v1/webhooks", json=document)

    def control_webhook(self, webhook_id: str, verb: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Enable, disable, test or redeliver."""
        return self._object("POST", f"/v1/webhooks/{_segment(webhook_id)}:{verb}", json=document)

    def delete_webhook(self, webhook_id: str) -> None:
        self._send("DELETE", f"/v1/webhooks/{_segment(webhook_id)}")

    def deliveries(self, webhook_id: str, limit: int) -> list[dict[str, Any]]:
        return self._list("deliveries", f"/v1/webhooks/{_segment(webhook_id)}/deliveries", limit)

    def schedules(self, limit: int) -> list[dict[str, Any]]:
        return self._list("schedules", "/v1/schedules", limit)

    def schedule(self, schedule_id: str, times: int) -> dict[str, Any]:
        return self._object("GET", f"/v1/schedules/{_segment(schedule_id)}", params={"next": times})

    def create_schedule(self, document: Mapping[str, Any]) -> dict[str, Any]:
        return self._object("POST", "/v1/schedules", json=document)

    def edit_schedule(self, schedule_id: str, document: Mapping[str, Any]) -> dict[str, Any]:
        return self._object("PUT", f"/v1/schedules/{_segment(schedule_id)}", json=document)

    def control_schedule(self, schedule_id: str, verb: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Pause, resume, trigger or backfill a schedule."""
        return self._object("POST", f"/v1/schedules/{_segment(schedule_id)}:{verb}", json=document)

    def delete_schedule(self, schedule_id: str) -> None:
        self._send("DELETE", f"/v1/schedules/{_segment(schedule_id)}")

    def ask(
        self, method: str, path: str, body: object = None, *, parameters: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make one call and return the object that it answers; ids in `path` went through `segment`."""
        return self._object(method, path, params=parameters or {}, **({} if body is None else {"json": body}))

    def send(self, method: str, path: str, body: object) -> None:
        """Make a call that answers nothing."""
        self._send(method, path, json=body)

    def blob(self, sha256: str) -> Iterator[bytes]:
        """Yield a blob piece by piece. Raises UnreachableError at the end if it was not what its name says."""
        digest = hashlib.sha256()
        for piece in self._stream(f"/v1/blobs/{_segment(sha256)}", {}):
            digest.update(piece)
            yield piece
        if digest.hexdigest() != sha256:
            raise UnreachableError(f"what came from {self._http.base_url} has another SHA-256; fetch it again")

    def grid(self, run_id: str) -> bytes:
        """Return the states of a run's subtasks, as docs/architecture.md describes them."""
        return self._send("GET", f"/v1/runs/{_segment(run_id)}/grid").content

    def remove(self, path: str) -> None:
        self._send("DELETE", path)

    def within_session(self, csrf_token: str) -> None:
        """Write within the session that has begun: its cookie alone is not enough."""
        self._http.headers["Njangi-CSRF"] = csrf_token

    @staticmethod
    def segment(text: str) -> str:
        """Return an id as one segment of a path. Raises UsageError for what is none."""
        return _segment(text)

    def _has_blob(self, sha256: str) -> bool:
        with self._readable_failures():
            answer = self._http.head(f"/v1/blobs/{sha256}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        if not answer.is_success:
            raise _failure(answer)
        return True

    def _list(
        self, name: str, url: str, limit: int, parameters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Return the first `limit` items of a list, as its pages come."""
        found: list[dict[str, Any]] = []
        asked = {key: value for key, value in (parameters or {}).items() if value is not None}
        while True:
            page = self._object("GET", url, params={**asked, "page_size": min(500, limit - len(found))})
            items = page.get(name)
            if not isinstance(items, list):
                raise _no_njangi(self._http.base_url)
            found += items
            asked["page_token"] = page.get("next_page_token")
            if len(found) >= limit or asked["page_token"] is None:
                return found[:limit]

    def _object(self, method: str, url: str, **content: Any) -> dict[str, Any]:
        answer = self._send(method, url, **content)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise _no_njangi(self._http.base_url)
        return body

    def _send(self, method: str, url: str, **content: Any) -> httpx.Response:
        try:
            check(content.get("json"), depth=MESSAGE_DEPTH)
        except NotCarriedError as error:
            raise UsageError(f"this cannot be sent: {error}") from error
        with self._readable_failures():
            answer = self._http.request(method, url, **content)
        if not answer.is_success:
            raise _failure(answer)
        return answer

    @contextmanager
    def _readable_failures(self) -> Iterator[None]:
        try:
            yield
        except NotProvenError as error:
            raise UnreachableError(f"the service cannot be reached at {self._http.base_url}: {error}") from error
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise UnreachableError(
                f"the service at {self._http.base_url} does not answer ({why}); is it up? `njangi up` starts one"
            ) from error


@contextmanager
def connect(url: str | None, token: str | None, *, seconds: float | None = None) -> Iterator[Service]:
    """Open the service at `url` with `token`, each by default from the environment.

    Else the token is that of `njangi login`, or else the folder's own; "" is for none at all.
    `seconds`: how long an answer is waited for.
    """
    url = url or os.environ.get("NJANGI_URL") or DEFAULT_URL
    if token is None:
        token = os.environ.get("NJANGI_TOKEN") or remembered.token_for(url) or _token_of_this_folder() or ""
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("the token is none: it is one word of plain letters, digits and signs, as it was shown")
    try:
        address = httpx.URL(url)
        if address.scheme not in ("http", "https") or not address.host:
            raise UsageError(f"the service's address must be like {DEFAULT_URL}, not {url}")
        tls = address.scheme == "https"  # to read the authorities' certificates takes longer than most calls
        client = httpx.Client(
            base_url=address, auth=ProvenToken(token) if token else None, timeout=seconds or _TIMEOUT, verify=tls
        )
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise UsageError(f"the address {url} or the token cannot be sent: {error}") from error
    with client:
        yield Service(client)


def _token_of_this_folder() -> str | None:
    try:
        return TOKEN_FILE.read_text().strip()
    except OSError:
        return None


def _segment(text: str) -> str:
    """Return an id as one segment of a path. An id that is none could reach another route."""
    if not text or not all(character.isalnum() or character in "-_" for character in text):
        raise UsageError(f"'{text}' is not the id of a run, workflow, schedule or webhook, nor the name of a task")
    return text


def _no_njangi(url: httpx.URL) -> RefusedError:
    return RefusedError(f"what answers at {url} is not a Njangi service, or one of another version")


def _failure(answer: httpx.Response) -> RefusedError | UnreachableError:
    """Return the error that a problem+json answer, or any other refusal, stands for."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    message = str(fields.get("detail") or fields.get("title") or f"{answer.status_code} {answer.reason_phrase}")
    errors = fields.get("errors")
    problems = [
        Problem(str(item.get("pointer", "")), str(item.get("detail", "")))
        for item in (errors if isinstance(errors, list) else [])
        if isinstance(item, dict)
    ]
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        message += f"; sign in by `njangi login`, or give a token by --token, NJANGI_TOKEN or {TOKEN_FILE}"
    if answer.is_server_error:
        return UnreachableError(f"the service cannot do this now: {message}", problems)
    return RefusedError(f"the service refused: {message}", problems)
