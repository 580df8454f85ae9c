"""Prove to callers that an answer, or a refusal, comes from this service (see `njangi_agent.proof`)."""

from __future__ import annotations

import contextlib

from njangi_agent.proof import LONGEST_NONCE, NONCE_HEADER, PROOF_HEADER, STORED_HEADER, UNKNOWN_SECRET, key_of, proof
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.dependencies import services_of, user_of
from api.http.rate_limits import KNOWN
from storage.errors import NjangiError

_PROVEN = "/v1/"
_NONCE, _PROOF, _STORED, _AUTHORIZATION = (
    name.lower().encode() for name in (NONCE_HEADER, PROOF_HEADER, STORED_HEADER, "Authorization")
)


class Prove:
    """ASGI middleware, outside of all that may refuse: what it refuses is proven, too, if the secret is somebody's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        nonce = _nonce(scope)
        if nonce is None:
            await self._app(scope, receive, send)
            return

        async def proven(message: Message) -> None:
            if message["type"] == "http.response.start":
                secret, signed = _bearer(scope), UNKNOWN_SECRET
                if scope.get("state", {}).get(KNOWN) or (message["status"] < 500 and await _is_known(scope, secret)):
                    stored = _header(message["headers"], _STORED).decode("latin-1")
                    signed = proof(key_of(secret), nonce, message["status"], stored)
                message["headers"] = [*message["headers"], (_PROOF, signed.encode())]
            await send(message)

        await self._app(scope, receive, proven)


def _nonce(scope: Scope) -> str | None:
    if scope["type"] != "http" or not scope["path"].startswith(_PROVEN):
        return None
    nonce = _header(scope["headers"], _NONCE)
    return nonce.decode("latin-1") if 0 < len(nonce) <= LONGEST_NONCE else None


async def _is_known(scope: Scope, secret: str) -> bool:
    """Whether the secret is that of a volunteer, a retired one included, or a user's token."""
    app = services_of(Request(scope))
    with contextlib.suppress(NjangiError):
        return await app.stores.volunteers.knows(secret) or await user_of(app, secret) is not None
    return False


def _bearer(scope: Scope) -> str:
    return _header(scope["headers"], _AUTHORIZATION).decode("latin-1").partition(" ")[2].strip()


def _header(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    return next((value for key, value in headers if key.lower() == name), b"")
