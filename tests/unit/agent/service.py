"""A small Njangi service over real HTTP, with everything in memory and every fault on request."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from njangi_agent.proof import NONCE_HEADER, PROOF_HEADER, STORED_HEADER, key_of, proof
from njangi_agent.protocol import Lease, Report, SyncAnswer, TaskDefinition, Verdict, sync_request, to_json

PATIENCE = 20.0


class FakeService:
    """Lends what `lend` was given, in order; `until` waits for what an agent makes of it."""

    def __init__(self) -> None:
        self.tasks: dict[str, TaskDefinition] = {}
        self.queue: deque[Lease] = deque()
        self.reports: dict[str, Report] = {}
        self.times_reported: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.enrolled: list[dict[str, Any]] = []
        self.syncs: list[Any] = []
        self.syncs_with_reports = 0
        self.held: set[str] = set()
        self.cancelled: set[str] = set()
        self.faults: deque[int] = deque()
        self.secret = "s3cret"
        self.retired = "s4cret"
        self.most_leases = 64
        self.parked = 0
        self.deaf = threading.Event()
        self.deaf_turns = 0
        self._turns = 0
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        with self._changed:
            self._turns += 1_000_000
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def lend(self, task: TaskDefinition, *leases: Lease) -> None:
        with self._changed:
            self.tasks[task.task_id] = task
            self.queue.extend(leases)
            self._changed.notify_all()

    def cancel(self, *subtask_ids: str) -> None:
        with self._changed:
            self.cancelled.update(subtask_ids)
            self._changed.notify_all()

    def store(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.blobs[sha256] = content
        return sha256

    def until(self, happened: Callable[[], object]) -> None:
        """Wait until `happened()`; call it from a thread of its own when an agent runs in this one."""
        with self._changed:
            assert self._changed.wait_for(happened, PATIENCE), "it did not happen"

    def sync(self, body: Any) -> SyncAnswer:
        request = sync_request(body)
        if self.deaf.is_set():
            self.deaf_turns += 1
            threading.Event().wait(PATIENCE / 4)
        with self._changed:
            self._turns += 1
            turn = self._turns
            self.syncs.append(request)
            self.held = {held.subtask_id for held in request.held}
            for report in request.reports:
                self.reports[report.subtask_id] = report
                self.times_reported[report.subtask_id] = self.times_reported.get(report.subtask_id, 0) + 1
            self.syncs_with_reports += bool(request.reports)
            self._changed.notify_all()
            end = time.monotonic() + request.wait
            self.parked += 1
            while not self._answerable(request.wish) and turn == self._turns and not request.reports:
                if not self._changed.wait(max(0.0, end - time.monotonic())):
                    break
            self.parked -= 1
            wanted = self.most_leases if request.wish else 0
            leases = [self.queue.popleft() for _ in range(min(wanted, len(self.queue)))]
            return SyncAnswer(
                verdicts=[Verdict.ACCEPTED for _ in request.reports],
                cancelled=sorted(self.cancelled & self.held),
                tasks=[self.tasks[name] for name in {lease.task_id for lease in leases}],
                leases=leases,
            )

    def _answerable(self, wish: int) -> bool:
        return bool(wish and self.queue) or bool(self.cancelled & self.held)


def _handler(service: FakeService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self._body())
            if self._refused():
                return
            if self.path == "/v1/agent/enrol":
                service.enrolled.append(body)
                self._answer(201, {"volunteer_id": "v1", "secret": service.secret})
                return
            try:
                answer = service.sync(body)
            except ValueError as error:
                self._answer(422, {"title": "Not a sync", "detail": str(error)})
            else:
                self._answer(200, to_json(answer))

        def do_PUT(self) -> None:
            body = self._body()
            if self._refused():
                return
            sha256 = service.store(body)
            assert sha256 == self.path.rpartition("/")[2]
            self._send(201, b"", sha256)

        def do_GET(self) -> None:
            content = service.blobs.get(self.path.rpartition("/")[2])
            if self._refused():
                return
            if content is None:
                self._answer(404, {"title": "Not found", "detail": "no such blob"})
                return
            self._send(200, content)

        def _refused(self) -> bool:
            known = self.headers["Authorization"] in ("Bearer join", f"Bearer {service.secret}")
            status = 0 if known else 401
            if known and service.faults:
                status = service.faults.popleft()
            if status == -1:
                self.close_connection = True
            elif status:
                self._answer(status, {"type": "urn:njangi:no", "title": "No", "detail": "on request"})
            return status != 0

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _answer(self, status: int, body: Any) -> None:
            self._send(status, json.dumps(body).encode())

        def _send(self, status: int, content: bytes, stored: str = "") -> None:
            secret = self.headers["Authorization"].partition(" ")[2]
            try:
                self.send_response(status)
                if stored:
                    self.send_header(STORED_HEADER, stored)
                if secret in ("join", service.secret, service.retired):
                    signed = proof(key_of(secret), self.headers[NONCE_HEADER], status, stored)
                    self.send_header(PROOF_HEADER, signed)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
