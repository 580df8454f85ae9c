"""The service over HTTP: blocking calls on kept-alive connections, for use in threads."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import socket
import threading
from io import RawIOBase
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

from njangi_agent import __version__
from njangi_agent.errors import AccessRefusedError, AlteredError, RequestRejectedError, ServiceUnavailableError
from njangi_agent.proof import NONCE_HEADER, PROOF_HEADER, STORED_HEADER, key_of, new_nonce, proof
from njangi_agent.protocol import Machine, SyncAnswer, SyncRequest, sync_answer, to_json

_MOST_ANSWER_BYTES = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_PIECE = 64 * 1024
_TIMEOUT = 30.0
_RESUMABLE_BYTES = 1024 * 1024
"""Larger blobs go up in a way that can be taken up again after a broken line."""
_LATER = (408, 423, 429)
_LONGEST_UNPROVEN = 60.0
"""Seconds that an answer without a proof may have us wait."""
_TUS = {"Tus-Resumable": "1.0.0"}

_Body = Union[bytes, Path, "_Rest", None]


class HttpService:
    """One connection per request under way; idle ones are kept for the next. Safe to use from several threads.

    Every method raises ServiceUnavailableError (no connection, 5xx, 429), AccessRefusedError (401, 403) or
    RequestRejectedError (other 4xx). An answer without the service's proof comes from something in between:
    ServiceUnavailableError.
    """

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http:// or https:// URL")
        self._https = parts.scheme == "https"
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._key = key_of(secret)
        self._headers = {"Authorization": f"Bearer {secret}", "User-Agent": f"njangi-agent/{__version__}"}
        self._lock = threading.Lock()
        self._idle: List[http.client.HTTPConnection] = []
        self._busy: List[http.client.HTTPConnection] = []
        self._closed = False

    def enrol(self, name: str, machine: Machine) -> Tuple[str, str]:
        """Return (volunteer_id, secret). Needs the join token as this service's secret.

        A service that does not know the token cannot prove that it is one: that it refuses is believed all the same.
        """
        wish = {"name": name, "machine": to_json(machine)}
        answer = self._json("POST", "/v1/agent/enrol", wish, believing=True)
        try:
            return str(answer["volunteer_id"]), str(answer["secret"])
        except (KeyError, TypeError) as error:
            raise RequestRejectedError(200, "the answer to enrol names no volunteer") from error

    def sync(self, request: SyncRequest) -> SyncAnswer:
        answer = self._json("POST", "/v1/agent/sync", to_json(request), _TIMEOUT + request.wait)
        try:
            return sync_answer(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RequestRejectedError(200, f"its answer is of another version: {error}") from error

    def fetch_blob(self, sha256: str, path: Path) -> None:
        """Write a blob to `path`, after what an earlier call that broke off left there. All is on disk when it returns:
        from then on its name is believed, also after a power failure.

        Raises AlteredError when its content is not what its name says; if a part was there, only that is bad.
        Raises RequestRejectedError when this machine cannot keep it, as on a full disk; then nothing of it is left.
        """
        there = path.stat().st_size if path.exists() else 0
        headers = {"Range": f"bytes={there}-"} if there else {}
        try:
            with self._exchange("GET", f"/v1/agent/blobs/{sha256}", None, headers, _TIMEOUT) as response:
                with path.open("ab" if response.status == 206 else "wb", buffering=0) as file:
                    for chunk in iter(lambda: response.read(_CHUNK), b""):
                        _append(file, chunk)
                if response.length:  # http.client keeps quiet about a connection that broke off
                    raise ServiceUnavailableError(f"{response.length} bytes of a blob did not arrive")
        except _NotKept as error:
            path.unlink()
            raise RequestRejectedError(200, f"this machine cannot keep it: {error}") from error
        except RequestRejectedError as error:
            if error.status != 416:  # all is there already
                raise
        if _sha256(path) != sha256:
            path.unlink()
            if there:
                raise ServiceUnavailableError("what had arrived of a blob before was something else")
            raise AlteredError(f"the content of blob {sha256} is not what its name says")
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def put_blob(self, sha256: str, content: Union[bytes, Path]) -> None:
        """Store a blob. A large file goes on where an earlier call broke off, even one of another process."""
        if isinstance(content, Path) and content.stat().st_size > _RESUMABLE_BYTES:
            self._upload(sha256, content)
            return
        headers = {"Content-Type": "application/octet-stream"}
        with self._exchange("PUT", f"/v1/agent/blobs/{sha256}", content, headers, _TIMEOUT) as response:
            response.read(_CHUNK)
            _check_stored(response, sha256)

    def _upload(self, sha256: str, path: Path) -> None:
        named = base64.b64encode(sha256.encode()).decode()
        wish = {**_TUS, "Upload-Length": str(path.stat().st_size), "Upload-Metadata": f"sha256 {named}"}
        with self._exchange("POST", "/v1/agent/uploads", b"", wish, _TIMEOUT) as response:
            response.read(_CHUNK)
            there, where = int(response.getheader("Upload-Offset") or 0), response.getheader("Location") or ""
            if response.getheader(STORED_HEADER):
                _check_stored(response, sha256)
                return
        headers = {**_TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(there)}
        place = urlsplit(where).path
        try:
            with self._exchange("PATCH", place, _Rest(path, there), headers, _TIMEOUT) as response:
                response.read(_CHUNK)
                _check_stored(response, sha256)
        except RequestRejectedError as error:
            if error.status in (404, 409):  # it has come further meanwhile, or has expired: ask again
                raise ServiceUnavailableError(error.detail) from error
            raise

    def close(self) -> None:
        """End every connection; calls under way fail with ServiceUnavailableError."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in self._busy:
                if connection.sock is not None:
                    with contextlib.suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)
        for connection in idle:
            connection.close()

    def _json(
        self, method: str, path: str, body: Any, timeout: float = _TIMEOUT, *, believing: bool = False
    ) -> Dict[str, Any]:
        content = json.dumps(body, separators=(",", ":")).encode("ascii")
        headers = {"Content-Type": "application/json"}
        with self._exchange(method, path, content, headers, timeout, believing=believing) as response:
            data = _read(response)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ServiceUnavailableError("its answer is no JSON object; is this a Njangi service?")
        return answer

    @contextlib.contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        body: _Body,
        headers: Mapping[str, str],
        timeout: float,
        *,
        believing: bool = False,
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield the response of a successful request; the connection is kept if it was read to its end.

        With `believing`, a refusal counts that has the form of a Njangi service's, although it is not proven.
        """
        connection = self._connection(timeout)
        reusable = False
        nonce = new_nonce()
        headers = {**self._headers, **headers, NONCE_HEADER: nonce}
        try:
            response = self._send(connection, method, self._base + path, body, headers)
            proven = self._is_proven(response, nonce)
            if not proven or response.status >= 300:
                raise _error(response, proven=proven, believing=believing)
            yield response
            reusable = response.isclosed() and connection.sock is not None
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnavailableError(f"{type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._busy.remove(connection)
                reusable = reusable and not self._closed
                if reusable:
                    self._idle.append(connection)
            if not reusable:
                connection.close()

    def _is_proven(self, response: http.client.HTTPResponse, nonce: str) -> bool:
        """Whether the service that knows our secret gave this answer to this very request."""
        expected = proof(self._key, nonce, response.status, response.getheader(STORED_HEADER) or "")
        return hmac.compare_digest((response.getheader(PROOF_HEADER) or "").encode(), expected.encode())

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


class _NotKept(Exception):
    """A file took no more. It is no OSError, which would stand for a broken line: waiting for its end is in vain."""


def _append(file: RawIOBase, chunk: bytes) -> None:
    try:
        while chunk:
            chunk = chunk[file.write(chunk) or 0 :]
    except OSError as error:
        raise _NotKept(str(error)) from error


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
            raise RequestRejectedError(200, f"its answer is larger than {_MOST_ANSWER_BYTES} bytes")
    return data


def _check_stored(response: http.client.HTTPResponse, sha256: str) -> None:
    if response.getheader(STORED_HEADER) != sha256:
        raise ServiceUnavailableError("the service has not said that the blob is stored")


def _error(response: http.client.HTTPResponse, *, proven: bool, believing: bool) -> Exception:
    problem = _problem(response)
    detail = str(problem.get("detail") or problem.get("title") or response.reason)[:500]
    if response.status >= 500 or response.status in _LATER:
        wait = _seconds(response.getheader("Retry-After"))
        return ServiceUnavailableError(f"{response.status} {detail}", wait if proven else min(wait, _LONGEST_UNPROVEN))
    ours = str(problem.get("type")).startswith("urn:njangi:")
    if not proven and not (believing and ours):
        return ServiceUnavailableError(
            f"the answer {response.status} {detail} does not prove that it is the service's; is there a sign-in page or"
            " a proxy in between, or another service at its address?"
        )
    return (
        AccessRefusedError(detail) if response.status in (401, 403) else RequestRejectedError(response.status, detail)
    )


def _problem(response: http.client.HTTPResponse) -> Dict[str, Any]:
    """Return what a problem+json says; nothing where there is none."""
    try:
        problem = json.loads(response.read(64 * 1024))
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _seconds(retry_after: Optional[str]) -> float:
    """Read Retry-After in its form of seconds; a date counts as no wish."""
    try:
        return min(3600.0, max(0.0, float(retry_after or 0)))
    except ValueError:
        return 0.0
