"""Believe an answer only if it is the service's: sign-in pages of networks answer 200 to all (decision 0085)."""

from __future__ import annotations

import hmac
from collections.abc import Generator

import httpx
from njangi_agent.proof import (
    NONCE_HEADER,
    PROOF_HEADER,
    STORED_HEADER,
    UNKNOWN_SECRET,
    key_of,
    new_nonce,
    proof,
)

_PROVEN = "/v1/"
"""Where the service proves its answers; what lies elsewhere, as /readyz, is the same for everybody."""


class NotProvenError(httpx.TransportError):
    """Something in between has answered, or another service at the address."""

    def __init__(self, answer: httpx.Response) -> None:
        what = f"{answer.status_code} {answer.reason_phrase}".rstrip()
        super().__init__(
            f"its answer {what} does not prove that it is the Njangi service's: is there a sign-in page or a proxy in"
            " between, or another server at this address?"
        )


class ProvenToken(httpx.Auth):
    """Sends a token, and lets through what proves to come from who knows that token. Else raises NotProvenError.

    A service that does not know the token can prove nothing: that it refuses is believed all the same.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._key = key_of(token)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        if not request.url.path.startswith(_PROVEN):
            yield request
            return
        request.headers[NONCE_HEADER] = nonce = new_nonce()
        answer = yield request
        refused = answer.status_code >= 400 and answer.headers.get(PROOF_HEADER) == UNKNOWN_SECRET
        if not refused and not is_proven(self._key, nonce, answer):
            raise NotProvenError(answer)


def is_proven(key: str, nonce: str, answer: httpx.Response) -> bool:
    """Whether the service that knows the secret behind `key` gave this answer to the request with this nonce."""
    expected = proof(key, nonce, answer.status_code, answer.headers.get(STORED_HEADER, ""))
    return hmac.compare_digest(answer.headers.get(PROOF_HEADER, "").encode(), expected.encode())
