"""Answers as the service gives them, for servers of the tests that stand for it."""

from __future__ import annotations

from collections.abc import Mapping

from njangi_agent.proof import NONCE_HEADER, PROOF_HEADER, UNKNOWN_SECRET, key_of, proof


def proven(request: Mapping[str, str], status: int, *, known: bool = True) -> dict[str, str]:
    """Return the headers that the service has in its answer to a request, whose token it may not know."""
    nonce = request.get(NONCE_HEADER)
    if nonce is None:
        return {}
    key = key_of(request["Authorization"].removeprefix("Bearer "))
    return {PROOF_HEADER: proof(key, nonce, status) if known else UNKNOWN_SECRET}
