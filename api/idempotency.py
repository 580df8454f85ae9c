"""Answer a repeated request with the same Idempotency-Key as the first time.

What a kill may leave behind, and what a repetition finds then, is told in docs/decisions/0022.
"""

from __future__ import annotations

import contextlib
import hashlib

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.rights import AccessDecision, Action, decide
from api.clock import utc_now
from api.dependencies import identify, services_of
from api.http.errors import RETRY_AFTER, problem
from storage.errors import StorageUnavailableError
from storage.people.idempotency import KeyReusedError, StoredAnswer, UnderWayError
from storage.people.users import User

HEADER = "idempotency-key"
LONGEST_KEY = 255
LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes; a larger answer is not kept: a repetition makes it anew from what the first request made."""
_PREFIX = "/v1/"
_OTHERS = ("/v1/agent/", "/v1/flow/", "/v1/blobs/", "/v1/uploads")  # repeat safely by construction
_SECRET = ("/v1/session", "/v1/me", "/v1/tokens", "/v1/invitations", "/v1/join-tokens")  # answers not to be kept


class AnswerOnce:
    """ASGI middleware. It reads whole bodies, so `LimitBodies` must come before it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get(HEADER) if _concerns(scope) else None
        try:
            caller = await _submitter(Request(scope)) if key is not None else None
        except StorageUnavailableError as error:  # passed on, it might be done a moment later, and without its key
            await _unavailable(error)(scope, receive, send)
            return
        if key is None or caller is None:  # who is no submitter is refused further on
            await self._app(scope, receive, send)
        elif not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
            detail = f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID"
            await problem(422, "invalid-idempotency-key", detail)(scope, receive, send)
        else:
            await self._once(f"{caller.role}:{caller.name}", key, scope, receive, send)

    async def _once(self, caller: str, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        store = services_of(Request(scope)).stores.idempotency
        body = await _read(receive)
        if body is None:
            return
        try:
            claim = await store.claim(caller, key, _digest(scope, body), now=utc_now())
        except KeyReusedError as error:
            await problem(422, "idempotency-key-reused", str(error))(scope, receive, send)
            return
        except UnderWayError as error:
            headers = {"Retry-After": str(error.seconds)}
            members = {"code": "under-way", "values": {"seconds": error.seconds}}
            await problem(409, "under-way", str(error), headers=headers, members=members)(scope, receive, send)
            return
        except StorageUnavailableError as error:
            await _unavailable(error)(scope, receive, send)
            return
        if isinstance(claim, StoredAnswer):
            headers = {"Content-Type": claim.content_type, "Idempotency-Replayed": "true"}
            await Response(claim.body, claim.status, headers)(scope, receive, send)
            return
        scope.setdefault("state", {})["request"] = claim.request
        answer = _Recorder(send)
        try:
            await self._app(scope, _replay(body, receive), answer.send)
        finally:
            with contextlib.suppress(StorageUnavailableError):  # then the lease ends by itself
                if answer.refused:
                    await store.refused(claim)
                elif (kept := answer.whole) is not None:
                    await store.answered(claim, kept)
                else:
                    await store.broken_off(claim, now=utc_now())
        await answer.deliver()


class _Recorder:
    """Holds an answer back until it is kept; one that is too large to keep, or never ends, it passes on at once."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: list[Message] = []
        self._status = 0
        self._content_type = ""
        self._size = 0
        self._ended = False
        self._passing = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._content_type = Headers(raw=message["headers"]).get("content-type", "")
            self._passing = self._content_type.startswith("text/event-stream")
        self._size += len(message.get("body", b""))
        self._ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._held.append(message)
        if self._passing or self._size > LARGEST_ANSWER:
            self._passing = True
            await self.deliver()

    async def deliver(self) -> None:
        held, self._held = self._held, []
        for message in held:
            await self._send(message)

    @property
    def refused(self) -> bool:
        """Whether nothing was done."""
        return 400 <= self._status < 500

    @property
    def whole(self) -> StoredAnswer | None:
        """The answer, if it is one to keep."""
        if not self._ended or self._passing or self._status >= 500:
            return None
        return StoredAnswer(
            self._status, self._content_type, b"".join(message.get("body", b"") for message in self._held)
        )


def _concerns(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] in ("POST", "PUT")
        and scope["path"].startswith(_PREFIX)
        and not scope["path"].startswith(_OTHERS + _SECRET)
    )


async def _submitter(request: Request) -> User | None:
    try:
        user = await identify(request)
    except HTTPException:
        return None
    return user if decide(user, Action.CHANGE) is AccessDecision.ALLOWED else None


def _unavailable(error: StorageUnavailableError) -> Response:
    members = {"code": "storage-unavailable", "values": error.values}
    return problem(503, "storage-unavailable", str(error), headers=RETRY_AFTER, members=members)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, None if the caller has hung up."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that tells the body that was read, then what else comes."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _digest(scope: Scope, body: bytes) -> str:
    head = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
    return hashlib.sha256(head.encode() + body).hexdigest()
