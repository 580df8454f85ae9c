"""The service over HTTP: blocking calls on kept-alive connections, to be made from threads."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from njangi_agent import __version__
from njangi_agent.errors import Refused, Rejected, ServiceUnavailable
from njangi_agent.protocol import Machine, SyncAnswer, SyncRequest, sync_answer, to_json

_MOST_ANSWER_BYTES = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_PIECE = 64 * 1024
_TIMEOUT = 30.0
_RESUMABLE_BYTES = 1024 * 1024
"""Larger blobs go up in a way that can be taken up again after a broken line."""
_LATER = (423, 429)
_TUS = {"Tus-Resumable": "1.0.0"}

_Body = Union[bytes, Path, "_Rest", None]


class Service:
    """One connection per request under way; idle ones are kept for the next. Safe to use from several threads.

    Every method raises ServiceUnavailable (no connection, 5xx, 429), Refused (401, 403) or Rejected (other 4xx).
    """

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http:// or https:// URL")
        self._https = parts.scheme == "https"
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}", "User-Agent": f"njangi-agent/{__version__}"}
        self._lock = threading.Lock()
        self._idle: List[http.client.HTTPConnection] = []
        self._busy: List[http.client.HTTPConnection] = []
        self._closed = False

    def enrol(self, name: str, machine: Machine) -> Tuple[str, str]:
        """Return (volunteer_id, secret). Needs the join token as this service's secret."""
        answer = self._json("POST", "/v1/agent/enrol", {"name": name, "machine": to_json(machine)})
        try:
            return str(answer["volunteer_id"]), str(answer["secret"])
        except (KeyError, TypeError) as error:
            raise Rejected(200, "the answer to enrol names no volunteer") from error

    def sync(self, request: SyncRequest) -> SyncAnswer:
        answer = self._json("POST", "/v1/agent/sync", to_json(request), _TIMEOUT + request.wait)
        try:
            return sync_answer(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Rejected(200, f"its answer is of another version: {error}") from error

    def fetch_blob(self, sha256: str, path: Path) -> None:
        """Write a blob to `path`, after what an earlier call that broke off left there.

        Raises Rejected when its content is not what its name says.
        """
        there = path.stat().st_size if path.exists() else 0
        headers = {"Range": f"bytes={there}-"} if there else {}
        try:
            with self._exchange("GET", f"/v1/agent/blobs/{sha256}", None, headers, _TIMEOUT) as response:
                with path.open("ab" if response.status == 206 else "wb") as file:
                    for chunk in iter(lambda: response.read(_CHUNK), b""):
                        file.write(chunk)
                if response.length:  # http.client keeps quiet about a connection that broke off
                    raise ServiceUnavailable(f"{response.length} bytes of a blob did not arrive")
        except Rejected as error:
            if error.status != 416:  # all is there already
                raise
        if _sha256(path) != sha256:
            path.unlink()
            raise Rejected(200, f"the content of blob {sha256} is not what its name says")

    def put_blob(self, sha256: str, content: Union[bytes, Path]) -> None:
        """Store a blob. A large file goes on where an earlier call broke off, even one of another process."""
        if isinstance(content, Path) and content.stat().st_size > _RESUMABLE_BYTES:
            self._upload(sha256, content)
            return
        headers = {"Content-Type": "application/octet-stream"}
        with self._exchange("PUT", f"/v1/agent/blobs/{sha256}", content, headers, _TIMEOUT) as response:
            response.read(_CHUNK)

    def _upload(self, sha256: str, path: Path) -> None:
        named = base64.b64encode(sha256.encode()).decode()
        wish = {**_TUS, "Upload-Length": str(path.stat().st_size), "Upload-Metadata": f"sha256 {named}"}
        with self._exchange("POST", "/v1/agent/uploads", b"", wish, _TIMEOUT) as response:
            response.read(_CHUNK)
            there, where = int(response.getheader("Upload-Offset") or 0), response.getheader("Location") or ""
            if response.getheader("Njangi-Sha256"):
                return
        headers = {**_TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(there)}
        place = urlsplit(where).path
        try:
            with self._exchange("PATCH", place, _Rest(path, there), headers, _TIMEOUT) as response:
                response.read(_CHUNK)
        except Rejected as error:
            if error.status in (404, 409):  # it has come further meanwhile, or has expired: ask again
                raise ServiceUnavailable(error.detail) from error
            raise

    def close(self) -> None:
        """End every connection; calls under way fail with ServiceUnavailable."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._busy:
                if connection.sock is not None:
                    with contextlib.suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)
        for connection in idle:
            connection.close()

    def _json(self, method: str, path: str, body: Any, timeout: float = _TIMEOUT) -> Dict[str, Any]:
        content = json.dumps(body, separators=(",", ":")).encode("ascii")
        with self._exchange(method, path, content, {"Content-Type": "application/json"}, timeout) as response:
            data = _read(response)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ServiceUnavailable("its answer is no JSON object; is this a Njangi service?")
        return answer

    @contextlib.contextmanager
    def _exchange(
        self, method: str, path: str, body: _Body, headers: Mapping[str, str], timeout: float
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield the response of a successful request; the connection is kept if it was read to its end."""
        connection = self._connection(timeout)
        reusable = False
        try:
            response = self._send(connection, method, self._base + path, body, {**self._headers, **headers})
            if response.status >= 300:
                raise _error(response)
            yield response
            reusable = response.isclosed() and connection.sock is not None
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnavailable(f"{type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._busy.remove(connection)
                reusable = reusable and not self._closed
                if reusable:
                    self._idle.append(connection)
            if not reusable:
                connection.close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        with self._lock:
            connection = self._idle.pop() if self._idle else self._new()
            self._busy.append(connection)
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _new(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: _Body,
        headers: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        kept_alive = connection.sock is not None
        try:
            return _sent(connection, method, path, body, headers)
        except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected):
            if not kept_alive:
                raise
            connection.close()  # the service had ended the idle connection; every call is safe to repeat
            return _sent(connection, method, path, body, headers)


class _Rest(NamedTuple):
    """A file from byte `first` on."""

    path: Path
    first: int


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _sent(
    connection: http.client.HTTPConnection, method: str, path: str, body: _Body, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    if isinstance(body, Path):
        body = _Rest(body, 0)
    if isinstance(body, _Rest):
        with body.path.open("rb") as file:
            file.seek(body.first)
            size = str(body.path.stat().st_size - body.first)
            connection.request(method, path, file, {**headers, "Content-Length": size})
    else:
        connection.request(method, path, body, dict(headers))
    return connection.getresponse()


def _read(response: http.client.HTTPResponse) -> bytes:
    """Read an answer in pieces: `read(n)` of older Pythons reserves n bytes whatever arrives."""
    data = b""
    for chunk in iter(lambda: response.read(_PIECE), b""):
        data += chunk
        if len(data) > _MOST_ANSWER_BYTES:
            raise Rejected(200, f"its answer is larger than {_MOST_ANSWER_BYTES} bytes")
    return data


def _error(response: http.client.HTTPResponse) -> Exception:
    detail = _detail(response)
    if response.status in (401, 403):
        return Refused(detail)
    if response.status >= 500 or response.status in _LATER:
        return ServiceUnavailable(f"{response.status} {detail}", _seconds(response.getheader("Retry-After")))
    return Rejected(response.status, detail)


def _detail(response: http.client.HTTPResponse) -> str:
    """Return what a problem+json says, or the bare reason."""
    try:
        problem = json.loads(response.read(64 * 1024))
        return str(problem.get("detail") or problem["title"])[:500]
    except (ValueError, KeyError, TypeError, AttributeError):
        return response.reason


def _seconds(retry_after: Optional[str]) -> float:
    """Read Retry-After in its form of seconds; a date counts as no wish."""
    try:
        return min(3600.0, max(0.0, float(retry_after or 0)))
    except ValueError:
        return 0.0
