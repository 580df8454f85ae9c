"""Recognize answers of the service itself, not of a sign-in page, a proxy or a filter on the way.

A caller sends a new `Njangi-Nonce` with each request. The service, and it alone, knows the caller's secret by its
SHA-256, and signs with that: the nonce, the status, and the SHA-256 of the blob that it has stored if it has. Who sees
the secret itself can sign, too: against those, an agent speaks HTTPS.
"""

from __future__ import annotations

import hashlib
import hmac
import os

NONCE_HEADER = "Njangi-Nonce"
PROOF_HEADER = "Njangi-Proof"
STORED_HEADER = "Njangi-Sha256"
"""Names the blob that the service has stored by this request, or had already."""
UNKNOWN_SECRET = "none"
"""The proof of a service that does not know the caller's secret."""
LONGEST_NONCE = 64


def new_nonce() -> str:
    return os.urandom(12).hex()


def key_of(secret: str) -> str:
    """Return what both sides know: the hash under which the service keeps a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def proof(key: str, nonce: str, status: int, stored: str = "") -> str:
    """Return the proof that an answer of this `status` to the request with this `nonce` carries, in hex digits."""
    return hmac.new(key.encode(), f"{nonce} {status} {stored}".encode(), hashlib.sha256).hexdigest()
